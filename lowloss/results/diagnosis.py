"""Why a loss is high: findings with their evidence, remedies and measured effects."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from lowloss.results.parts import Result
from lowloss.results.trials import Curve
from lowloss.spec import Recipe


class Stage(StrEnum):
    """Where a cause lies; upstream first."""

    data = "data"
    architecture = "architecture"
    training = "training"


class Cause(StrEnum):
    """Why a loss is high: stable codes, those of the data first. docs/diagnosis.md defines each."""

    features_not_scaled = "features_not_scaled"
    target_not_scaled = "target_not_scaled"
    missing_values = "missing_values"
    constant_column = "constant_column"
    duplicate_rows = "duplicate_rows"
    duplicate_column = "duplicate_column"
    identifier_column = "identifier_column"
    leaked_column = "leaked_column"
    outliers = "outliers"
    class_imbalance = "class_imbalance"
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
        """Where the cause lies."""
        if self in _ARCHITECTURE:
            return Stage.architecture
        return Stage.data if self in _DATA else Stage.training


_IN_ORDER = list(Cause)
_DATA = frozenset(_IN_ORDER[: _IN_ORDER.index(Cause.wrong_output)])
_ARCHITECTURE = frozenset(
    _IN_ORDER[_IN_ORDER.index(Cause.wrong_output) : _IN_ORDER.index(Cause.learning_rate_too_high)]
)


class Severity(StrEnum):
    """How much of the loss a cause is to blame for.

    `critical`: most of what could be removed, or nothing can be learned; `major`: much of it;
    `minor`: little, but more than chance; `harmless`: present, and its remedy changes nothing here.
    """

    critical = "critical"
    major = "major"
    minor = "minor"
    harmless = "harmless"


class Evidence(Result):
    """One thing that was measured: what, its value, and the value from which it is suspect."""

    what: str
    value: float | None
    threshold: float | None = None


class Effect(Result):
    """What a remedy does to the loss on the judging rows, as a mean over the runs.

    `before` and `after` are in units of `metric`; null where training diverged. `share` is the part
    of the excess loss that goes, `low` and `high` its 95 % interval over `runs` (seeds and splits).
    """

    metric: str
    before: float | None
    after: float | None
    share: float
    low: float
    high: float
    runs: int


class Remedy(Result):
    """What to do: in words, as a change to the recipe, and as Keras code. No change: no recipe."""

    text: str
    change: dict[str, Any]
    code: str


class Alternative(Result):
    """Another remedy that removes the same excess, and the cause that it would speak for."""

    cause: Cause
    remedy: Remedy
    isolated_effect: Effect


class Finding(Result):
    """One diagnosed cause.

    `effect` is measured where the causes before it in the list are remedied already,
    `isolated_effect` on the recipe as it is; null where no experiment was made. `rows` are numbers of the table's rows,
    from 0, `columns` names of its columns.
    """

    cause: Cause
    stage: Stage
    severity: Severity
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    remedy: Remedy | None = None
    effect: Effect | None = None
    isolated_effect: Effect | None = None
    alternatives: tuple[Alternative, ...] = ()
    rows: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()


class NoiseFloor(Result):
    """What loss no model can remove, as far as the data tell.

    `conflicting` is the loss that rows of equal features and other targets make certain; `estimate`
    comes from rows that are nearly equal; null where neither can be told. Units of the metric.
    """

    estimate: float | None
    conflicting: float | None


class Experiment(Result):
    """A change to the recipe, trained beside it: losses on the judging rows, run by run.

    A run that diverged is null. The first experiment is the recipe as it is.
    """

    name: str
    causes: tuple[Cause, ...]
    change: dict[str, Any]
    losses: tuple[float | None, ...]


class ReadRecipe(Result):
    """A recipe that was read from a Keras model; `notes` say what was taken otherwise."""

    recipe: Recipe
    notes: tuple[str, ...]


class Verdict(Result):
    """A diagnosis in short: one sentence, and the causes that do harm, the first one first."""

    sentence: str
    causes: tuple[Cause, ...]


class Diagnosis(Result):
    """Why a loss is high.

    All losses are of `metric`: the mean squared error in the target's own units, or the log loss.
    `loss` is the recipe's, null where it diverged; `best` the least that was reached, by
    `best_model`; `constant` that of the best constant answer. `remedied_recipe` is the recipe with
    the remedies of all harmful findings, `remedied_loss` its loss. `runs` is how many times each was
    trained, `rows` how many rows train, validate and judge. `remaining` says what the loss consists
    of that is left with all remedies, `notes` what was taken otherwise than asked for, `skipped`
    what there was no time for. Curves of a mean squared error are in the target's own units. Of a
    search, the recipe is a first try: raw columns, a plain network, no early stopping; and `search`
    says what kept losses high during it.
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
    remaining: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
