"""JobSpec and its parts."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from lowloss.spec.needs import Needs
from lowloss.spec.objective import Objective, Task
from lowloss.spec.parameters import (
    ActivationParameter,
    Choice,
    ClipParameter,
    Count,
    CountParameter,
    CountRange,
    DepthParameter,
    DepthRange,
    DropoutParameter,
    DropoutRange,
    MixupParameter,
    Number,
    OptimizerParameter,
    OptionalCount,
    PenaltyParameter,
    PenaltyRange,
    RateParameter,
    RateRange,
    Scaling,
    ScalingParameter,
    ScheduleParameter,
    SelectionParameter,
    WidthParameter,
    WidthRange,
)
from lowloss.spec.parts import Spec, Text, wrong_value

MAX_SEED = 2**31 - 1
Seed = Annotated[int, Field(ge=0, le=MAX_SEED), Number]
Name = Annotated[Text, Field(max_length=200)]
Algorithm = Literal["bayesian", "tpe", "random", "grid", "hyperband"]
Priority = Annotated[int, Field(ge=-100, le=100), Number]


class SearchSpace(Spec):
    """Named hyperparameters: each a fixed value, `{"choices": […]}` or `{"min", "max", …}`."""

    learning_rate: RateParameter = RateRange(min=1e-4, max=1e-1, scale="log")
    layers: DepthParameter = DepthRange(min=1, max=3)
    width: WidthParameter = WidthRange(min=16, max=256, step=16)
    l2: PenaltyParameter = PenaltyRange(min=1e-7, max=1e-2, scale="log")
    l1: PenaltyParameter = 0.0
    dropout: DropoutParameter = DropoutRange(min=0.0, max=0.5)
    patience: CountParameter = CountRange(min=10, max=20)
    batch_size: CountParameter = Choice[Count](choices=(32, 128))
    activation: ActivationParameter = "relu"
    optimizer: OptimizerParameter = "adam"
    weight_decay: PenaltyParameter = 0.0
    schedule: ScheduleParameter = "plateau"
    clip_norm: ClipParameter = None
    noise: PenaltyParameter = 0.0
    mixup: MixupParameter = 0.0


class Features(Spec):
    """Which columns the model sees: those included (all when null) less those excluded.

    Columns of numbers that `categorical` names are read as codes of categories.
    """

    include: tuple[Text, ...] | None = None
    exclude: tuple[Text, ...] = ()
    categorical: tuple[Text, ...] = ()


def _check_improvement(value: object) -> object:
    is_share = isinstance(value, float | int) and not isinstance(value, bool) and 0 < value < 1
    if value is None or value == "auto" or is_share:
        return value
    raise wrong_value(
        "improvement_wanted",
        f"{json.dumps(value, default=str)} is not accepted",
        fix='give "auto", a number above 0 and below 1, or null for never',
    )


ImprovementParameter = Annotated[
    Literal["auto"] | Annotated[float, Field(gt=0, lt=1)] | None,
    BeforeValidator(_check_improvement),
]


class Budget(Spec):
    """When the search stops (at the limit that is reached first), and what a trial may cost.

    `max_epochs` and `max_trial_seconds` limit each trial. `max_total_epochs` limits all trials
    together; a trial on several folds counts once. The search ends early after
    `no_improvement_trials` trials in a row without improvement, when the best score reaches
    `target_value`, or when the expected improvement of another trial is below the share
    `min_expected_improvement` of the best score. There `auto` is for the algorithm `bayesian`, and
    means half the best trial's `score_error`, after 30 trials; the search ends, too, once the last
    60 have gained less than that. The diagnosis at the end may take `diagnosis_seconds` in addition
    to `max_seconds`; 0 for no diagnosis.
    """

    max_trials: Annotated[int, Field(ge=1), Number] = 150
    max_seconds: Annotated[float, Field(gt=0), Number] | None = 600
    max_epochs: Annotated[int, Field(ge=1), Number] = 200
    max_trial_seconds: Annotated[float, Field(gt=0), Number] | None = None
    max_total_epochs: Annotated[int, Field(ge=1), Number] | None = None
    no_improvement_trials: Annotated[int, Field(ge=1), Number] | None = None
    target_value: float | None = None
    min_expected_improvement: ImprovementParameter = "auto"
    diagnosis_seconds: Annotated[float, Field(ge=0), Number] = 30.0


def remaining(limit: float | None, used: float) -> float:
    """Return what is left of a limit of a budget: infinite without one."""
    return math.inf if limit is None else limit - used


Strategy = Literal["auto", "holdout", "kfold", "repeated", "grouped", "ordered"]


class Validation(Spec):
    """Which rows validate a trial, and which test the winner. Fractions are of all labelled rows.

    The test rows are `test_fraction` of all rows. Of the rest, `auto` makes five folds where rows
    are scarce, and a holdout where they are not. `holdout` reserves `fraction` of all rows for
    validation; `kfold` validates on each of `folds` parts in turn; `repeated` draws `folds`
    holdouts; `grouped` never splits rows with the same value of `column`; `ordered` validates on
    rows that come later by `column`, and tests on the last. `grouped` and `ordered` are a holdout
    unless `folds` is set. A trial is trained on every fold, and scored by the mean. Rows are drawn
    by `seed`; by the job's where there is none.
    """

    strategy: Strategy = "auto"
    fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    folds: Annotated[int, Field(ge=2, le=20), Number] | None = None
    column: Text | None = None
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    seed: Seed | None = None

    @model_validator(mode="after")
    def _check_strategy_fields(self) -> Self:
        needs_folds = self.strategy in {"kfold", "repeated"}
        if self.strategy in {"auto", "holdout"} and self.folds is not None:
            raise wrong_value(
                "folds_do_not_fit",
                f"strategy {self.strategy} takes no folds",
                fix="use kfold or repeated, or leave folds out",
                field="folds",
            )
        if needs_folds and self.folds is None:
            raise wrong_value(
                "folds_missing",
                f"strategy {self.strategy} needs folds",
                fix="give a number from 2 to 20",
                field="folds",
            )
        needs_column = self.strategy in {"grouped", "ordered"}
        if needs_column != (self.column is not None):
            verb, fix = ("needs a", "name it") if needs_column else ("uses no", "leave it out")
            raise wrong_value(
                "column_does_not_fit",
                f"strategy {self.strategy} {verb} column",
                fix=fix,
                field="column",
            )
        return self

    @property
    def has_fraction(self) -> bool:
        """Whether each fold validates on `fraction` of the rows."""
        return self.strategy == "repeated" or self.folds is None

    @property
    def fold_count(self) -> int:
        """How many times each trial is trained."""
        return self.folds or 1

    @model_validator(mode="after")
    def _check_training_rows_remain(self) -> Self:
        if self.has_fraction and self.fraction + self.test_fraction >= 1:
            total = f"{self.fraction + self.test_fraction:g}"
            raise wrong_value(
                "no_training_rows",
                f"fraction and test_fraction add up to {total}, which leaves no training rows",
                fix="lower one of them",
                field="fraction",
            )
        return self


class Preprocessing(Spec):
    """The preprocessing of the columns; it is built into the model before the first layer.

    `select_features` keeps so many of a network's inputs, which are numbers, levels, seasons and
    indicators: those with the largest F statistic, by the training rows, of a linear relation to
    the target or of the difference between classes; null keeps all. `auto` lets the search choose
    where there are fewer than four rows for each. Embedded categories are always kept.
    `class_weight`: `balanced` gives every class the same weight in training; `auto` does so only
    where the objective does too (balanced accuracy, F1): elsewhere it would bias probabilities.
    `log_target`: `auto` trains on the target's logarithm where the target is skewed.
    `rare_classes`: `drop` leaves out the rows of classes that are too small to be split.
    """

    scale_features: ScalingParameter = Choice[Scaling](
        choices=("standard", "quantile", "piecewise")
    )
    select_features: SelectionParameter = "auto"
    scale_target: bool = True
    log_target: Literal["auto"] | bool = False
    class_weight: Literal["auto", "balanced", "none"] = "auto"
    rare_classes: Literal["refuse", "drop"] = "refuse"

    @property
    def selection(self) -> OptionalCount | Choice[OptionalCount]:
        """How many inputs are kept. An `auto` that nobody decided, as in old jobs, keeps all."""
        return None if self.select_features == "auto" else self.select_features


class Pruning(Spec):
    """Which trials end early: asynchronous successive halving over epochs.

    After `min_epochs`, and then at every `reduction` times as many epochs, a trial continues only
    if its best validation loss is among the best 1 / `reduction` of the trials that came that far.
    """

    reduction: Annotated[int, Field(ge=2, le=10), Number] = 3
    min_epochs: Annotated[int, Field(ge=1), Number] = 5


def _find_pruning_form(value: object) -> str:
    return "auto" if isinstance(value, str) else "pruning"


PruningParameter = Annotated[
    Annotated[Literal["auto"], Tag("auto")] | Annotated[Pruning | None, Tag("pruning")],
    Discriminator(_find_pruning_form),
]


class Final(Spec):
    """What happens after the search: the top trials are trained again on several seeds.

    The model is the winner's best run, or the mean of `members` runs. With `ensemble` their
    settings are those of the best trials whose mean predicts the validation rows best, else all
    are the winner's, on different seeds. With `refit` these runs are trained again on all rows
    except the test rows, for the best number of epochs. With `use_test_rows` they are trained once
    more after that model has its score, on all rows, and these networks are handed out.
    """

    refit: bool = True
    use_test_rows: bool = False
    ensemble: bool = True
    members: Annotated[int, Field(ge=1, le=20), Number] = 8
    confirm_top: Annotated[int, Field(ge=1, le=20), Number] = 3
    confirm_seeds: Annotated[int, Field(ge=1, le=20), Number] = 3

    @model_validator(mode="after")
    def _check_refit_before_test_rows(self) -> Self:
        if self.use_test_rows and not self.refit:
            raise wrong_value(
                "refit_missing",
                "use_test_rows trains the networks of a refit once more, and refit is false",
                fix="set refit to true, or use_test_rows to false",
                field="use_test_rows",
            )
        return self


def _check_unique(job_ids: tuple[str, ...]) -> tuple[str, ...]:
    for job_id in job_ids:
        if job_ids.count(job_id) > 1:
            raise wrong_value("job_repeated", f"job {job_id} is named twice", fix="name it once")
    return job_ids


Teachers = Annotated[tuple[Text, ...], Field(max_length=20), AfterValidator(_check_unique)]
"""The ids of the jobs that a search learns from."""


def _check_single(value: object) -> object:
    if isinstance(value, list | tuple):
        raise wrong_value(
            "one_target",
            "a search predicts one column",
            fix="give its name alone; only a diagnosis takes a list",
        )
    return value


class JobSpec(Spec):
    """The specification of a search: only `dataset` and `target` are required.

    `pruning` null means no pruning; `auto` prunes where that pays.
    """

    name: Name = ""
    dataset: Annotated[Text, Field(min_length=1, max_length=200)]
    target: Annotated[Text, Field(min_length=1), BeforeValidator(_check_single)]
    task: Literal["auto"] | Task = "auto"
    features: Features = Features()
    objective: Objective = Objective.val_loss
    search_space: SearchSpace = SearchSpace()
    algorithm: Algorithm = "bayesian"
    budget: Budget = Budget()
    validation: Validation = Validation()
    preprocessing: Preprocessing = Preprocessing()
    pruning: PruningParameter = "auto"
    final: Final = Final()
    warm_start_from: Teachers = ()
    seed: Seed = 0
    priority: Priority = 0
    needs: Needs = Needs()

    @property
    def targets(self) -> tuple[str, ...]:
        """The column to predict, as a diagnosis has its columns."""
        return (self.target,)

    @property
    def split_seed(self) -> int:
        """What the rows that validate and test are drawn by."""
        return self.seed if self.validation.seed is None else self.validation.seed

    def balances_classes(self, task: Task) -> bool:
        """Return whether every class has the same weight in training."""
        match self.preprocessing.class_weight:
            case "balanced":
                return task is not Task.regression
            case "auto":
                return task is not Task.regression and self.objective.is_balanced
            case "none":
                return False

    @model_validator(mode="after")
    def _check_hyperband_prunes(self) -> Self:
        if self.algorithm == "hyperband" and self.pruning is None:
            raise wrong_value(
                "pruning_missing",
                "hyperband is a way of pruning",
                fix="leave pruning out, or name one",
                field="pruning",
            )
        return self


JOB_SPEC_EXAMPLES: dict[str, Any] = {
    "shortest": {
        "summary": "Only what is required",
        "value": {"dataset": "ds_9f86d081884c7d659a2feaa0c55ad015", "target": "price"},
    },
    "bounded": {
        "summary": "A smaller search space and budget",
        "value": {
            "name": "house prices",
            "dataset": "ds_9f86d081884c7d659a2feaa0c55ad015",
            "target": "price",
            "features": {"exclude": ["row_id"]},
            "objective": "val_rmse",
            "search_space": {
                "learning_rate": {"min": 1e-4, "max": 1e-2, "scale": "log"},
                "layers": 2,
                "width": {"choices": [32, 64, 128]},
                "dropout": {"min": 0.0, "max": 0.3},
            },
            "algorithm": "tpe",
            "budget": {"max_trials": 20, "max_seconds": 300},
            "seed": 7,
        },
    },
    "after others": {
        "summary": "Learning from other jobs, until little is left to gain",
        "value": {
            "dataset": "ds_9f86d081884c7d659a2feaa0c55ad015",
            "target": "price",
            "warm_start_from": ["job_6c0f1e7a2b9d4835c1aa"],
            "budget": {
                "max_trials": 200,
                "max_seconds": None,
                "max_trial_seconds": 60,
                "max_total_epochs": 5_000,
                "min_expected_improvement": 0.01,
            },
        },
    },
}
"""Examples for OpenAPI, by name."""
