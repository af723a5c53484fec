"""Remedies: for each cause the changes to a recipe that may remove it, mildest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lowloss.results import Cause
from lowloss.spec import Recipe, Task
from lowloss.spec.extra_layers import ExtraLayer, SkipStart
from lowloss.wording import list_first, lower_first
from worker.diagnosis.chain.changes import (
    HE_NORMAL,
    Change,
    clip_gradient,
    exclude_columns,
    leave_out_behind_output,
    leave_out_extra_layers,
    make_shallower,
    raise_all_layers,
    resize_layers,
    restore_best_weights,
    set_activation,
    set_all_layers,
    set_fields,
    set_hidden,
    set_output,
    stop_early,
    use_usual_initializers,
    usual_output,
)
from worker.diagnosis.chain.rate_remedies import faster, longer, slower
from worker.diagnosis.chain.rules import MakeRules, RemedyContext, RemedyRule
from worker.diagnosis.chain.skips import change_recipe
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.variants import Variant

LARGE_TABLE = 20_000
MAX_LISTED = 5
"""Columns that a remedy names."""


@dataclass(frozen=True)
class Candidate:
    """A remedy that is tried for a cause, suspect or not; with that of a `partner` at once.

    `symptom` are the words for a cause that no check names, where the usual ones do not fit.
    """

    cause: Cause
    rule: RemedyRule
    suspect: Suspect | None = None
    partner: Candidate | None = None
    symptom: str = ""

    @property
    def parts(self) -> tuple[Candidate, ...]:
        """The candidate and its partner, and that one's: each for its own rule and cause alone."""
        return (self, *(self.partner.parts if self.partner else ()))

    @property
    def text(self) -> str:
        """The remedy in words."""
        others = (lower_first(part.rule.text) for part in self.parts[1:])
        return "; ".join((self.rule.text, *others))

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes that it is for."""
        return tuple(part.cause for part in self.parts)

    @property
    def is_certain(self) -> bool:
        """Whether nothing can be learned without it."""
        return self.suspect is not None and self.suspect.is_certain

    @property
    def is_late(self) -> bool:
        """Whether it is tried only where nothing else explains the excess."""
        return self.suspect is None and self.cause in LATE

    @property
    def strength(self) -> float:
        """The strength of the evidence for its cause, before anything is measured."""
        return min(part.suspect.strength if part.suspect else -1.0 for part in self.parts)

    def apply(self, variant: Variant) -> Variant:
        """Return the variant with this change."""
        for part in self.parts:
            recipe = variant.recipe
            variant = replace(variant, recipe=change_recipe(recipe, part.rule.make(recipe)))
        return variant


STANDARD = frozenset(
    {
        Cause.features_not_scaled,
        Cause.target_not_scaled,
        Cause.too_complex,
        Cause.learning_rate_too_high,
        Cause.learning_rate_too_low,
        Cause.too_few_epochs,
        Cause.regularisation_missing,
        Cause.no_early_stopping,
    }
)
STANDARD_OF_KERAS = frozenset(
    {
        Cause.features_not_scaled,
        Cause.target_not_scaled,
        Cause.harmful_layers,
        Cause.learning_rate_too_high,
        Cause.learning_rate_too_low,
        Cause.no_early_stopping,
    }
)
"""Those that are tried whether or not a check names them, of a recipe that stock Keras trains."""
SCALING = (Cause.features_not_scaled, Cause.target_not_scaled)
LATE = frozenset({Cause.too_simple, Cause.optimizer, Cause.wrong_activation})
"""Tried whether or not a check names them; the latter, which take programs of their own, only where
nothing else explains why a sound recipe does better."""


def list_candidates(
    data: DiagnosisData,
    recipe: Recipe,
    suspects: dict[Cause, Suspect],
    *,
    is_stopped_early: bool,
) -> list[Candidate]:
    """List what is tried: the remedies of every suspect, and the usual ones in any case."""
    start = Variant(recipe)
    usual = STANDARD_OF_KERAS if recipe.needs_keras else STANDARD | LATE
    tried = [
        Candidate(cause, remedy, suspects.get(cause))
        for cause, remedies in REMEDIES.items()
        if cause in suspects or cause in usual
        for remedy in remedies(
            RemedyContext(data, recipe, suspects.get(cause), is_stopped_early=is_stopped_early)
        )
    ]
    tried += _combine(tried)
    effective = [candidate for candidate in tried if candidate.apply(start) != start]
    # The strongest first: what there is no time for is what matters least.
    return sorted(effective, key=lambda candidate: -candidate.strength)


def _combine(candidates: list[Candidate]) -> list[Candidate]:
    """Return remedies at once of which each alone may gain nothing, where all are suspect.

    Unscaled features drown a scaled target, and the other way round. A learning rate that is too
    high for scaled columns is far too high for raw ones, and a lower one learns nothing from them.
    """
    suspected = [one for one in candidates if one.suspect is not None]
    by_cause = {one.cause: one for one in suspected}
    scaled = [by_cause[cause] for cause in SCALING if cause in by_cause]
    slower = [one for one in suspected if one.cause is Cause.learning_rate_too_high]
    combined = [join(*scaled)] if len(scaled) > 1 else []
    return combined + ([join(*scaled, one) for one in slower] if scaled else [])


def join(first: Candidate, *others: Candidate) -> Candidate:
    """Return several remedies as one; partners that they have already are left out."""
    return replace(first, partner=join(*others) if others else None)


def _scaled_features(case: RemedyContext) -> list[RemedyRule]:
    if case.recipe.scale_features != "none":
        return []
    return [RemedyRule("Standardise every feature", set_fields(scale_features="standard"))]


def _scaled_target(case: RemedyContext) -> list[RemedyRule]:
    if case.data.task is not Task.regression or case.recipe.scale_target != "none":
        return []
    what = "every target" if case.data.predicted.has_several else "the target"
    text = f"Standardise {what}, and scale predictions back"
    return [RemedyRule(text, set_fields(scale_target="standard"))]


def _without_columns(case: RemedyContext) -> list[RemedyRule]:
    return [RemedyRule("Leave these columns out", exclude_columns(case.columns))]


def _as_categories(case: RemedyContext) -> list[RemedyRule]:
    taken = case.recipe.categorical
    if taken == "all" or not case.columns:
        return []
    text = describe_categories(case.columns)
    return [RemedyRule(text, set_fields(categorical=[*taken, *case.columns]))]


def describe_categories(columns: Sequence[str]) -> str:
    """Return the remedy of columns of codes in words."""
    return f"Give each value of {list_first(columns, MAX_LISTED, repr)} a column of its own"


def _bounded(case: RemedyContext) -> list[RemedyRule]:
    targets = {target.name for target in case.data.targets}
    linear = RemedyRule(
        "Use a loss that grows linearly", set_fields(loss="huber", label_smoothing=0.0)
    )
    robust = RemedyRule("Scale by quartiles and clip smoothly", set_fields(scale_features="robust"))
    rules = [linear] if targets & {*case.columns} else []
    return rules + ([robust] if {*case.columns} - targets else [])


def _shuffled(case: RemedyContext) -> list[RemedyRule]:
    recipe, texts = case.recipe, []
    if recipe.validates_on_last_rows:
        texts.append("Shuffle the rows before the last are held out")
    if not recipe.shuffle:
        texts.append("Shuffle the training rows in each epoch")
    text = "; ".join(texts)
    return [RemedyRule(text, set_fields(validation_rows="random", shuffle=True))] if texts else []


def _usual_output(case: RemedyContext) -> list[RemedyRule]:
    data = case.data
    classes, targets = len(data.target.labels), len(data.targets)
    layer, loss = usual_output(data.task, classes, case.recipe.loss, targets)
    text = f"End with Dense({layer['units']}, {layer['activation']}), and train on {loss}"
    # The new loss takes classes from 0 up, whatever the old one took.
    is_encoded = case.recipe.encode_labels or not data.is_encoded
    return [RemedyRule(text, set_output(layer, loss, encode_labels=is_encoded))]


def _larger(case: RemedyContext) -> list[RemedyRule]:
    text = "Use four times the units, and 32 at least"
    if not case.recipe.hidden:
        text = "Put two hidden layers of 64 relu units before the output"
    return [RemedyRule(text, resize_layers(4.0))]


def _without_extra_layers(case: RemedyContext) -> list[RemedyRule]:
    extra = _names_of_extra(case.recipe.extra_layers)
    output = case.recipe.output
    extra += ["Dropout behind the output layer"] if output.dropout else []
    if not extra:
        return []
    behind = _names_of_extra(output.extra_layers) + ["Dropout"] * bool(output.dropout)
    names = list_first(list(dict.fromkeys(extra)), len(extra))
    instead = []
    if not all(layer.use_bias for layer in case.recipe.layers):
        instead.append("biases")
    if any(layer.computes is not None for layer in case.recipe.extra_layers):
        instead.append("plain activations")
    text = f"Leave out {names}" + (f", and use {' and '.join(instead)}" if instead else "")
    if not behind or len(behind) == len(extra):
        return [RemedyRule(text, leave_out_extra_layers)]
    # Those between hidden layers may be all right.
    text_of_output = f"Leave out {list_first(behind, len(behind))} behind the output layer"
    return [
        RemedyRule(text_of_output, leave_out_behind_output),
        RemedyRule(text.replace("Leave out", "Leave out all", 1), leave_out_extra_layers),
    ]


def _names_of_extra(layers: Sequence[ExtraLayer]) -> list[str]:
    return [
        layer.keras_class
        for layer in layers
        if layer.computes is None and not isinstance(layer, SkipStart)
    ]


def _usual_batches(case: RemedyContext) -> list[RemedyRule]:
    usual = 32 if len(case.data.y) < LARGE_TABLE else 128
    return [RemedyRule(f"Use batches of {usual} rows", set_fields(batch_size=usual))]


def _adam(case: RemedyContext) -> list[RemedyRule]:
    # Of Adam's own rate the remedies of the learning rate are told.
    optimizer = case.recipe.optimizer
    if optimizer.name in {"adam", "adamw"} and not optimizer.keras_arguments:
        return []
    adam: Change = {"name": "adam", "learning_rate": 1e-3, "momentum": 0.0}
    adam |= {"arguments": {}, "decay": None}
    return [RemedyRule("Use Adam at 0.001", set_fields(optimizer=adam))]


def _constant_rules(*rules: RemedyRule) -> MakeRules:
    """Return rules that are the same in every case."""
    return lambda _: list(rules)


RELU = _constant_rules(
    RemedyRule(
        "Use relu in the hidden layers, begun by he_normal", set_activation("relu", HE_NORMAL)
    )
)


def _stopping(case: RemedyContext) -> list[RemedyRule]:
    # What stops too early, or without its best weights, has causes of its own.
    if case.recipe.stops_on_validation_loss:
        return []
    text = "Hold rows out, stop when they get worse, and put the best weights back"
    return [RemedyRule(text, stop_early)]


REMEDIES: dict[Cause, MakeRules] = {
    Cause.features_not_scaled: _scaled_features,
    Cause.target_not_scaled: _scaled_target,
    Cause.labels_not_encoded: _constant_rules(
        RemedyRule("Count the classes from 0", set_fields(encode_labels=True))
    ),
    Cause.missing_values: _constant_rules(
        RemedyRule("Fill in the mean, and add a column that says so", set_fields(missing="mean"))
    ),
    Cause.codes_as_numbers: _as_categories,
    Cause.duplicate_column: _without_columns,
    Cause.identifier_column: _without_columns,
    Cause.leaked_column: _without_columns,
    Cause.outliers: _bounded,
    Cause.class_imbalance: _constant_rules(
        RemedyRule("Weigh every class the same", set_fields(class_weight="balanced"))
    ),
    Cause.ordered_rows: _shuffled,
    Cause.irrelevant_features: _without_columns,
    Cause.augmentation_missing: _constant_rules(
        RemedyRule("Add noise to the features while training", set_fields(noise=0.1)),
        RemedyRule("Mix rows with one another (mixup)", set_fields(mixup=0.2)),
    ),
    Cause.wrong_output: _usual_output,
    Cause.wrong_loss: _usual_output,
    Cause.too_complex: _constant_rules(
        RemedyRule("Use a quarter of the units", resize_layers(0.25)),
        RemedyRule("Use one or two layers of at most 64 units", make_shallower),
    ),
    Cause.too_simple: _larger,
    Cause.wrong_activation: RELU,
    Cause.dead_units: _constant_rules(
        RemedyRule("Use leaky_relu, which is never flat", set_activation("leaky_relu", HE_NORMAL))
    ),
    Cause.saturated_units: RELU,
    Cause.vanishing_gradients: RELU,
    Cause.exploding_gradients: _constant_rules(
        RemedyRule("Clip the gradient to a norm of 1", clip_gradient)
    ),
    Cause.poor_initialisation: _constant_rules(
        RemedyRule("Begin with weights of the usual size", use_usual_initializers)
    ),
    Cause.harmful_layers: _without_extra_layers,
    Cause.learning_rate_too_high: slower,
    Cause.learning_rate_too_low: faster,
    Cause.too_few_epochs: longer,
    Cause.batch_size: _usual_batches,
    Cause.optimizer: _adam,
    Cause.l1_too_strong: _constant_rules(RemedyRule("Train without L1", set_all_layers(l1=0.0))),
    Cause.l2_too_strong: _constant_rules(RemedyRule("Train without L2", set_all_layers(l2=0.0))),
    Cause.dropout_too_strong: _constant_rules(
        RemedyRule("Train without dropout", set_hidden(dropout=0.0))
    ),
    Cause.regularisation_missing: _constant_rules(
        RemedyRule("Add dropout of 0.2", raise_all_layers("dropout", 0.2, hidden_only=True)),
        RemedyRule("Add L2 of 0.001", raise_all_layers("l2", 1e-3)),
    ),
    Cause.no_early_stopping: _stopping,
    Cause.best_weights_not_restored: _constant_rules(
        RemedyRule("Put the best weights back", restore_best_weights)
    ),
    Cause.no_validation_split: _stopping,
}
"""For the other causes no change of a recipe is a remedy."""
