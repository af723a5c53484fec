"""What you submit: a JobSpec and its parts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

T = TypeVar("T")


class Spec(BaseModel):
    """A frozen part of a specification that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _storable(value: str) -> str:
    # PostgreSQL stores no NUL in text; half of a surrogate pair is no UTF-8.
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise PydanticCustomError(
            "text_not_storable", "no database can hold this text: take out NUL and lone surrogates"
        )
    return value


Text = Annotated[str, AfterValidator(_storable)]
"""Text that every database can hold."""


class Task(StrEnum):
    """What is predicted."""

    regression = "regression"
    binary = "binary"
    multiclass = "multiclass"


class Direction(StrEnum):
    """Which way an objective improves."""

    min = "min"
    max = "max"


class Objective(StrEnum):
    """The validation metric that trials are ranked by."""

    val_loss = "val_loss"
    val_rmse = "val_rmse"
    val_mae = "val_mae"
    val_median_absolute_error = "val_median_absolute_error"
    val_mape = "val_mape"
    val_r2 = "val_r2"
    val_log_loss = "val_log_loss"
    val_accuracy = "val_accuracy"
    val_balanced_accuracy = "val_balanced_accuracy"
    val_roc_auc = "val_roc_auc"
    val_average_precision = "val_average_precision"
    val_f1 = "val_f1"

    @property
    def metric(self) -> str:
        """Its name among the metrics of a trial: those of the task have no `val_`."""
        return self.value if self is Objective.val_loss else self.removeprefix("val_")

    @property
    def direction(self) -> Direction:
        """Whether less or more of this metric is better."""
        return direction_of(self.metric)

    @property
    def is_balanced(self) -> bool:
        """Whether rare classes count as much as frequent ones."""
        return self in {Objective.val_balanced_accuracy, Objective.val_f1}

    def fits(self, task: Task) -> bool:
        """Whether this metric is defined for the task."""
        if self is Objective.val_loss:
            return True
        return (self.metric in REGRESSION_METRICS) == (task is Task.regression)


REGRESSION_METRICS = ("rmse", "mae", "median_absolute_error", "mape", "r2")
HIGHER_IS_BETTER = frozenset(
    {"r2", "accuracy", "balanced_accuracy", "roc_auc", "average_precision", "f1"}
)


def direction_of(metric: str) -> Direction:
    """Which way a metric improves."""
    return Direction.max if metric in HIGHER_IS_BETTER else Direction.min


Activation = Literal["relu", "tanh", "gelu", "selu", "silu", "leaky_relu", "mish", "elu"]
Optimizer = Literal["adam", "adamw", "rmsprop", "sgd"]
Schedule = Literal["constant", "cosine"]
Scaling = Literal["standard", "robust", "quantile", "none"]
Scale = Literal["linear", "log"]


def _check_range(low: float, high: float, scale: Scale, step: float | None) -> None:
    if low > high:
        raise PydanticCustomError(
            "range_reversed", "min {low} is above max {high}: swap them", {"low": low, "high": high}
        )
    if scale == "log" and low <= 0:
        raise PydanticCustomError(
            "log_range_not_positive",
            "min {low} is not positive, and a log scale has no zero: "
            "raise min or use a linear scale",
            {"low": low},
        )
    if step is None:
        return
    if scale == "log":
        raise PydanticCustomError(
            "step_does_not_fit", "a log scale takes no step: remove step or use a linear scale"
        )
    steps = (high - low) / step if step > 0 else -1.0
    if steps < 0 or abs(steps - round(steps)) > 1e-9 * max(1.0, steps):
        raise PydanticCustomError(
            "step_does_not_fit",
            "step {step} does not lead from min {low} to max {high} in whole steps: "
            "change step or max",
            {"step": step, "low": low, "high": high},
        )


class Float(Spec):
    """A range of real numbers, both ends included."""

    min: float
    max: float
    scale: Scale = "linear"
    step: float | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _check_range(self.min, self.max, self.scale, self.step)
        return self


class Int(Spec):
    """A range of whole numbers, both ends included."""

    min: int
    max: int
    scale: Scale = "linear"
    step: int | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _check_range(self.min, self.max, self.scale, self.step)
        return self


class Choice(Spec, Generic[T]):
    """A finite set of values."""

    choices: Annotated[tuple[T, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _has_no_repeats(self) -> Self:
        if len(set(self.choices)) != len(self.choices):
            raise PydanticCustomError(
                "choices_repeat", "a choice is listed twice: list each value once"
            )
        return self


def _form(value: object) -> str:
    """Which of the three forms of a hyperparameter a value has: fixed, choice or range."""
    if isinstance(value, Choice) or (isinstance(value, dict) and "choices" in value):
        return "choice"
    return "range" if isinstance(value, Float | Int | dict) else "fixed"


FORMS = frozenset({"fixed", "choice", "range"})
"""Names that pydantic puts into an error's location for a hyperparameter's form."""


def _not_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("number_wanted", "a number is wanted here, not true or false")
    return value


Number = BeforeValidator(_not_boolean)
Rate = Annotated[float, Number, Field(gt=0)]
Penalty = Annotated[float, Number, Field(ge=0)]
Dropout = Annotated[float, Number, Field(ge=0, lt=1)]
Mixup = Annotated[float, Number, Field(ge=0, le=10)]
Count = Annotated[int, Number, Field(ge=1)]


class RateRange(Float):
    """A range of positive numbers."""

    @model_validator(mode="after")
    def _is_positive(self) -> Self:
        if self.min <= 0:
            raise PydanticCustomError(
                "range_outside_domain", "min {low} is not above 0: raise it", {"low": self.min}
            )
        return self


class PenaltyRange(Float):
    """A range of numbers from 0 up."""

    min: Penalty


class DropoutRange(Float):
    """A range of dropout rates, from 0 to below 1."""

    min: Dropout
    max: Dropout


class MixupRange(Float):
    """A range of mixup's alpha, from 0 to 10."""

    min: Mixup
    max: Mixup


class CountRange(Int):
    """A range of whole numbers from 1 up."""

    min: Count


class WidthRange(CountRange):
    """A range of layer widths: drawn for each layer, or once for all."""

    per_layer: bool = True


Fixed, Choices, Range = Tag("fixed"), Tag("choice"), Tag("range")
Form = Discriminator(_form)
RateParameter = Annotated[
    Annotated[Rate, Fixed] | Annotated[Choice[Rate], Choices] | Annotated[RateRange, Range], Form
]
ClipParameter = Annotated[
    Annotated[Rate | None, Fixed]
    | Annotated[Choice[Rate | None], Choices]
    | Annotated[RateRange, Range],
    Form,
]
PenaltyParameter = Annotated[
    Annotated[Penalty, Fixed]
    | Annotated[Choice[Penalty], Choices]
    | Annotated[PenaltyRange, Range],
    Form,
]
DropoutParameter = Annotated[
    Annotated[Dropout, Fixed]
    | Annotated[Choice[Dropout], Choices]
    | Annotated[DropoutRange, Range],
    Form,
]
MixupParameter = Annotated[
    Annotated[Mixup, Fixed] | Annotated[Choice[Mixup], Choices] | Annotated[MixupRange, Range],
    Form,
]
CountParameter = Annotated[
    Annotated[Count, Fixed] | Annotated[Choice[Count], Choices] | Annotated[CountRange, Range], Form
]
WidthParameter = Annotated[
    Annotated[Count, Fixed] | Annotated[Choice[Count], Choices] | Annotated[WidthRange, Range], Form
]
ActivationParameter = Annotated[
    Annotated[Activation, Fixed] | Annotated[Choice[Activation], Choices], Form
]
OptimizerParameter = Annotated[
    Annotated[Optimizer, Fixed] | Annotated[Choice[Optimizer], Choices], Form
]
ScheduleParameter = Annotated[
    Annotated[Schedule, Fixed] | Annotated[Choice[Schedule], Choices], Form
]
ScalingParameter = Annotated[Annotated[Scaling, Fixed] | Annotated[Choice[Scaling], Choices], Form]


class SearchSpace(Spec):
    """Named hyperparameters: each a fixed value, `{"choices": […]}` or `{"min", "max", …}`."""

    learning_rate: RateParameter = RateRange(min=1e-4, max=1e-1, scale="log")
    layers: CountParameter = CountRange(min=1, max=3)
    width: WidthParameter = WidthRange(min=16, max=256, step=16)
    l2: PenaltyParameter = PenaltyRange(min=1e-7, max=1e-2, scale="log")
    l1: PenaltyParameter = 0.0
    dropout: DropoutParameter = DropoutRange(min=0.0, max=0.5)
    patience: CountParameter = CountRange(min=5, max=30)
    batch_size: CountParameter = Choice[Count](choices=(32, 128))
    activation: ActivationParameter = "relu"
    optimizer: OptimizerParameter = "adam"
    weight_decay: PenaltyParameter = 0.0
    schedule: ScheduleParameter = "constant"
    clip_norm: ClipParameter = None
    noise: PenaltyParameter = 0.0
    mixup: MixupParameter = 0.0


class Features(Spec):
    """Which columns the model sees: those included (all when null) less those excluded.

    Columns of numbers in `categorical` are taken for codes of categories.
    """

    include: tuple[Text, ...] | None = None
    exclude: tuple[Text, ...] = ()
    categorical: tuple[Text, ...] = ()


class Budget(Spec):
    """When the search stops: at whichever limit is reached first."""

    max_trials: Annotated[int, Number, Field(ge=1)] = 50
    max_seconds: Annotated[float, Number, Field(gt=0)] | None = 600
    max_epochs: Annotated[int, Number, Field(ge=1)] = 200
    no_improvement_trials: Annotated[int, Number, Field(ge=1)] | None = None
    target_value: float | None = None


Strategy = Literal["auto", "holdout", "kfold", "repeated", "grouped", "ordered"]


class Validation(Spec):
    """Which rows judge a trial, and which judge the winner. Fractions are of all labelled rows.

    The test rows are `test_fraction` of all. Of the rest, `auto` makes five folds where rows are
    scarce, and a holdout where they are not. `holdout` keeps `fraction` of all rows
    for validation; `kfold` validates on each of `folds` parts in turn; `repeated` draws `folds`
    holdouts; `grouped` keeps rows of one value of `column` together, and `ordered` validates on
    rows that come later by `column`, and tests on the last; both are a holdout unless `folds` is
    given. A trial is trained on every fold, and scored by the mean.
    """

    strategy: Strategy = "auto"
    fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    folds: Annotated[int, Number, Field(ge=2, le=20)] | None = None
    column: Text | None = None
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2

    @model_validator(mode="after")
    def _names_what_its_strategy_needs(self) -> Self:
        needs_folds = self.strategy in {"kfold", "repeated"}
        if self.strategy in {"auto", "holdout"} and self.folds is not None:
            raise PydanticCustomError(
                "folds_do_not_fit",
                "strategy {strategy} takes no folds: use kfold or repeated, or leave folds out",
                {"strategy": self.strategy},
            )
        if needs_folds and self.folds is None:
            raise PydanticCustomError(
                "folds_missing",
                "strategy {strategy} needs folds: give a number from 2 to 20",
                {"strategy": self.strategy},
            )
        needs_column = self.strategy in {"grouped", "ordered"}
        if needs_column != (self.column is not None):
            raise PydanticCustomError(
                "column_does_not_fit",
                "strategy {strategy} needs a column: name it"
                if needs_column
                else "strategy {strategy} uses no column: leave it out",
                {"strategy": self.strategy},
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
    def _leaves_training_rows(self) -> Self:
        if self.has_fraction and self.fraction + self.test_fraction >= 1:
            raise PydanticCustomError(
                "no_training_rows",
                "fraction and test_fraction add up to {total}, which leaves no training rows: "
                "lower one of them",
                {"total": f"{self.fraction + self.test_fraction:g}"},
            )
        return self


class Preprocessing(Spec):
    """What is done to the columns before the first layer, and built into the model.

    `class_weight`: `balanced` gives every class the same weight in training; `auto` does where the
    objective does, too (balanced accuracy, F1), since elsewhere it would bias the probabilities.
    `log_target`: `auto` trains on the target's logarithm where the target is skewed.
    """

    scale_features: ScalingParameter = Choice[Scaling](choices=("standard", "quantile"))
    scale_target: bool = True
    log_target: Literal["auto"] | bool = False
    class_weight: Literal["auto", "balanced", "none"] = "auto"


class Final(Spec):
    """What happens after the search: the top trials are trained again on several seeds.

    The model is the winner's best run, or the mean of `members` runs of it on as many seeds. With
    `refit` they are trained anew on all rows but the test rows, for as many epochs as were best.
    """

    refit: bool = True
    members: Annotated[int, Number, Field(ge=1, le=20)] = 5
    confirm_top: Annotated[int, Number, Field(ge=1, le=20)] = 3
    confirm_seeds: Annotated[int, Number, Field(ge=1, le=20)] = 3


class JobSpec(Spec):
    """One search, as asked for: only `dataset` and `target` are required."""

    name: Annotated[Text, Field(max_length=200)] = ""
    dataset: Annotated[Text, Field(min_length=1, max_length=200)]
    target: Annotated[Text, Field(min_length=1)]
    task: Literal["auto"] | Task = "auto"
    features: Features = Features()
    objective: Objective = Objective.val_loss
    search_space: SearchSpace = SearchSpace()
    algorithm: Literal["tpe", "random"] = "tpe"
    budget: Budget = Budget()
    validation: Validation = Validation()
    preprocessing: Preprocessing = Preprocessing()
    pruning: None = None
    final: Final = Final()
    warm_start_from: Annotated[tuple[str, ...], Field(max_length=0)] = ()
    seed: Annotated[int, Number, Field(ge=0, le=2**31 - 1)] = 0
    priority: Annotated[int, Number, Field(ge=-100, le=100)] = 0
