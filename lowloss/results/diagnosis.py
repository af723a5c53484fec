"""Why a loss is high: findings with their evidence, remedies and measured effects."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from lowloss.results.parts import Result
from lowloss.results.trials import Curve
from lowloss.spec import Recipe


class Stage(StrEnum):
    """The part of a training in which a cause lies, in the order of its steps."""

    data = "data"
    architecture = "architecture"
    training = "training"


class Cause(StrEnum):
    """Why a loss is high: stable codes, the data's first. docs/diagnosis.md defines each."""

    features_not_scaled = "features_not_scaled"
    target_not_scaled = "target_not_scaled"
    labels_not_encoded = "labels_not_encoded"
    missing_values = "missing_values"
    constant_column = "constant_column"
    duplicate_rows = "duplicate_rows"
    codes_as_numbers = "codes_as_numbers"
    duplicate_column = "duplicate_column"
    identifier_column = "identifier_column"
    leaked_column = "leaked_column"
    outliers = "outliers"
    class_imbalance = "class_imbalance"
    ordered_rows = "ordered_rows"
    noisy_labels = "noisy_labels"
    too_little_data = "too_little_data"
    irrelevant_features = "irrelevant_features"
    augmentation_missing = "augmentation_missing"
    wrong_output = "wrong_output"
    wrong_loss = "wrong_loss"
    too_complex = "too_complex"
    too_simple = "too_simple"
    wrong_activation = "wrong_activation"
    dead_units = "dead_units"
    saturated_units = "saturated_units"
    vanishing_gradients = "vanishing_gradients"
    exploding_gradients = "exploding_gradients"
    poor_initialisation = "poor_initialisation"
    harmful_layers = "harmful_layers"
    learning_rate_too_high = "learning_rate_too_high"
    learning_rate_too_low = "learning_rate_too_low"
    too_few_epochs = "too_few_epochs"
    batch_size = "batch_size"
    optimizer = "optimizer"
    l1_too_strong = "l1_too_strong"
    l2_too_strong = "l2_too_strong"
    dropout_too_strong = "dropout_too_strong"
    regularisation_missing = "regularisation_missing"
    no_early_stopping = "no_early_stopping"
    best_weights_not_restored = "best_weights_not_restored"
    no_validation_split = "no_validation_split"

    @property
    def stage(self) -> Stage:
        """The stage in which the cause lies."""
        if self in _ARCHITECTURE:
            return Stage.architecture
        return Stage.data if self in _DATA else Stage.training


_CAUSES_IN_ORDER = list(Cause)
_DATA = frozenset(_CAUSES_IN_ORDER[: _CAUSES_IN_ORDER.index(Cause.wrong_output)])
_ARCHITECTURE = frozenset(
    _CAUSES_IN_ORDER[
        _CAUSES_IN_ORDER.index(Cause.wrong_output) : _CAUSES_IN_ORDER.index(
            Cause.learning_rate_too_high
        )
    ]
)


class Severity(StrEnum):
    """How much of the excess loss a cause explains.

    `critical`: 40 % of it or more, and much of the loss; `major`: 10 % or more; `minor`: little,
    but more than chance; `none`: the cause is present, and no harm of it was measured.
    """

    critical = "critical"
    major = "major"
    minor = "minor"
    none = "none"


class EvidenceState(StrEnum):
    """What was measured of a finding.

    `not_tried`: its remedy was not trained; `unconfirmed`: it gains on the draws that it was tried
    on; `confirmed`: on fresh draws, too, or the table alone shows it; `no_gain`: it was tried, and
    gains nothing, or is a part of the remedies above.
    """

    not_tried = "not_tried"
    unconfirmed = "unconfirmed"
    confirmed = "confirmed"
    no_gain = "no_gain"


class Evidence(Result):
    """One measurement: what was measured, its value, and the value from which it is suspect."""

    what: str
    value: float | None
    threshold: float | None = None


class Effect(Result):
    """The effect of a remedy on the loss of the judging rows, as a mean over the runs.

    `before` and `after` are in units of `metric`; null where a training diverged. `share`, from 0
    to 1, is the part of the excess loss that the remedy removes, `low` and `high` its 95 % interval
    over `runs`, each on a draw (a seed and a split) of its own. All are of one mean: losses above a
    constant answer's count by their logarithm. `unbeaten_constant` is the loss of a constant answer
    where the remedy ends no better than that; else null.
    """

    metric: str
    before: float | None
    after: float | None
    share: float
    low: float
    high: float
    runs: int
    unbeaten_constant: float | None = None


class Remedy(Result):
    """What to do: in words, as a change to the recipe, and as Keras code.

    `change` is empty where no recipe can express the remedy.
    """

    text: str
    change: dict[str, Any]
    code: str


class Alternative(Result):
    """Another remedy that removes the same excess loss, and the cause that it would point to.

    `effect` is measured in the place of the finding's remedy; `remedy_loss` is the loss
    with that remedy on the same draws, null where a training diverged. `together_with` are other
    causes that the same remedy would point to.
    """

    cause: Cause
    remedy: Remedy
    effect: Effect
    remedy_loss: float | None = None
    together_with: tuple[Cause, ...] = ()


class Finding(Result):
    """One diagnosed cause.

    `effect` is measured after the remedies of the causes before it in the list, `isolated_effect`
    on the unchanged recipe; null where no experiment was made. `together_with` are other causes
    where all remedies at once gain what none does alone, or where one remedy is for all of them:
    then the effect is theirs.
    `seconds_needed` is about how long the trainings take that would try it, or confirm it; null
    where it needs none. `rows` are indices of the table's rows, from 0, `columns` names of its
    columns.
    """

    cause: Cause
    stage: Stage
    severity: Severity
    evidence_state: EvidenceState
    sentence: str
    together_with: tuple[Cause, ...] = ()
    seconds_needed: float | None = None
    evidence: tuple[Evidence, ...] = ()
    remedy: Remedy | None = None
    effect: Effect | None = None
    isolated_effect: Effect | None = None
    alternatives: tuple[Alternative, ...] = ()
    rows: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()


class NoiseFloor(Result):
    """The loss that no model can remove, estimated from the data, in units of the metric.

    `conflicting` is the loss that rows with equal features and different targets make certain;
    `estimate` comes from rows with nearly equal features. Null where it cannot be estimated.
    """

    estimate: float | None
    conflicting: float | None


class Experiment(Result):
    """A change to the recipe, trained in comparison with it: losses on the judging rows, by run.

    `draws` are the numbers of the runs' draws. A run that diverged is null. `loss` is the mean that
    the diagnosis tells of all of them, `recipe_loss` the unchanged recipe's on the same draws; null
    where one diverged. The first experiment is the unchanged recipe.
    """

    name: str
    causes: tuple[Cause, ...]
    change: dict[str, Any]
    losses: tuple[float | None, ...]
    draws: tuple[int, ...] = ()
    loss: float | None = None
    recipe_loss: float | None = None


class ReadRecipe(Result):
    """A recipe that was read from a Keras model; `notes` name its differences from the model."""

    recipe: Recipe
    notes: tuple[str, ...]


class Verdict(Result):
    """The summary of a diagnosis: its headline, and the harmful causes in order."""

    sentence: str
    causes: tuple[Cause, ...]


class FamiliarScores(Result):
    """The losses of a diagnosis in a unit that people know.

    `metric` is `rmse`, in the target's units, or `accuracy`, from 0 to 1: of several labels the
    share that is right. Null where a training diverged, or none was made.
    """

    metric: str
    recipe: float | None
    remedied: float | None
    best: float | None
    constant: float


class TargetScores(Result):
    """The losses of one of several targets.

    `metric` is `rmse`, in the target's own units, or `log_loss`; `constant` is that of the target's
    best constant prediction. Null where a training diverged, or none was made.
    """

    name: str
    metric: str
    recipe: float | None
    remedied: float | None
    constant: float


class Diagnosis(Result):
    """The explanation of a high loss.

    All losses are of `metric`: the mean squared error in the target's own units, or the log loss;
    `familiar` are the same in units that people know. Of several `targets` they are means over
    these: of squared errors in units of each target's variance, or of log losses; `familiar` is
    null for several numbers, which share no unit. `loss` is the recipe's, null where it
    diverged, where Keras refuses to train it (`refusal` says why), or where `runs` is 0: there was
    no time to train it. `best` is the lowest loss, reached by `best_model`; `constant` is the loss
    of the best constant prediction. `remedied_recipe` is the recipe with the remedies of all
    harmful findings, `remedied_loss` its loss, over `remedied_runs`. `runs` is how many times the
    recipe was trained, `rows` how many rows train, validate and judge. `remaining` explains the
    loss that remains after all remedies, `notes` names differences from the request, and `skipped`
    the checks that there was no time for. Curves of a mean squared error are in the
    target's own units. For a search, the recipe is a first try (raw columns, a plain network, no
    early stopping), and `search` explains the high losses during the search.
    """

    verdict: str
    metric: str
    loss: float | None
    remedied_loss: float | None
    best: float
    best_model: str
    constant: float
    baselines: dict[str, float]
    noise_floor: NoiseFloor | None
    findings: tuple[Finding, ...]
    recipe: Recipe
    remedied_recipe: Recipe
    recipe_curve: Curve
    remedied_curve: Curve
    experiments: tuple[Experiment, ...]
    rows: dict[str, int]
    runs: int
    seconds: float
    remedied_runs: int = 1
    refusal: str | None = None
    familiar: FamiliarScores | None = None
    targets: tuple[TargetScores, ...] = ()
    remaining: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def harmful(self) -> tuple[Finding, ...]:
        """The findings that raise the loss, the first to remedy first."""
        return tuple(f for f in self.findings if f.severity is not Severity.none)

    @property
    def others(self) -> tuple[Finding, ...]:
        """The findings that do no harm."""
        return tuple(f for f in self.findings if f.severity is Severity.none)
