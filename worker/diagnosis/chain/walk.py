"""The walk from a sound recipe back to the diagnosed one: the difference that breaks it is a cause.

It names causes that no check suspects: each difference is put into the sound recipe by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lowloss.results import Cause
from lowloss.spec import Recipe
from worker.diagnosis.chain.chain import Chain, Step, TriedRemedy
from worker.diagnosis.chain.changes import Change, scale_learning_rate
from worker.diagnosis.chain.gains import minimum_gain
from worker.diagnosis.chain.remedies import Candidate, describe_categories
from worker.diagnosis.chain.rules import RemedyRule
from worker.diagnosis.chain.skips import change_recipe
from worker.diagnosis.checks.linear import rule_out_causes
from worker.diagnosis.training.variants import count_weights

MAX_TOGETHER = 3
"""Differences whose remedies are tried at once, where none gains alone."""


@dataclass(frozen=True)
class Difference:
    """Some fields of a recipe that may differ from a sound one's.

    `copy` returns the change that gives the second recipe the first one's values; `cause` and
    `describe` are of a recipe that takes over a sound one's. `symptom` says what the diagnosed one
    has; empty for the usual words of the cause. Whether it `is_possible` that a difference of
    these two breaks the sound one is asked first.
    """

    cause: Callable[[Recipe, Recipe], Cause]
    describe: Callable[[Recipe], str]
    copy: Callable[[Recipe, Recipe], Change]
    symptom: Callable[[Recipe], str] = lambda _: ""
    is_possible: Callable[[Recipe, Recipe], bool] = lambda _, __: True


def step_from_sound(chain: Chain) -> Step | None:
    """Return the step that gives the chain's end what breaks the best sound recipe without it."""
    if not (chain.trained_references and chain.is_beaten):
        return None
    sound, end = min(chain.trained_references, key=chain.loss_of), chain.end
    remedies = {
        difference: _remedy(difference, sound.recipe, end.recipe)
        for difference in DIFFERENCES
        if difference.is_possible(end.recipe, sound.recipe)
    }
    innocent = chain.causes | rule_out_causes(chain.trainer.data, end.recipe)
    broken = {
        difference: replace(
            sound, recipe=change_recipe(sound.recipe, difference.copy(end.recipe, sound.recipe))
        )
        for difference, remedy in remedies.items()
        if remedy.cause not in innocent and remedy.apply(end) != end
    }
    chain.train(broken.values())
    harms = {one: chain.gain(variant, sound) for one, variant in broken.items()}
    min_harm = minimum_gain(chain.loss_of(sound), is_suspect=False)
    breaking = [one for one, harm in harms.items() if harm.is_sure and harm.mean >= min_harm]
    breaking.sort(key=lambda difference: -harms[difference].mean)
    return _best_remedy(chain, [remedies[difference] for difference in breaking[:MAX_TOGETHER]])


def _best_remedy(chain: Chain, remedies: list[Candidate]) -> Step | None:
    """Return the step of the remedy that gains most at the chain's end; or of all together."""
    together = None
    for remedy in reversed(remedies):
        together = replace(remedy, partner=together)
    tried = _measure(chain, remedies)
    if not tried and together is not None and len(remedies) > 1:
        tried = _measure(chain, [together])
    best = max(tried, key=lambda remedy: remedy.gain.mean, default=None)
    return None if best is None else Step(best)


def _measure(chain: Chain, remedies: list[Candidate]) -> list[TriedRemedy]:
    """Train remedies at the chain's end, and return those that gain what matters."""
    end = chain.end
    chain.train([remedy.apply(end) for remedy in remedies])
    min_gain = minimum_gain(chain.loss_of(end), is_suspect=False)
    tried = [chain.measure(remedy, end, remedy.apply(end)) for remedy in remedies]
    return [remedy for remedy in tried if remedy.gain.is_sure and remedy.gain.mean >= min_gain]


def _remedy(difference: Difference, sound: Recipe, end: Recipe) -> Candidate:
    rule = RemedyRule(difference.describe(sound), lambda recipe: difference.copy(sound, recipe))
    return Candidate(difference.cause(end, sound), rule, symptom=difference.symptom(end))


def _constant_cause(cause: Cause) -> Callable[[Recipe, Recipe], Cause]:
    return lambda _, __: cause


def _copy_fields(*names: str) -> Callable[[Recipe, Recipe], Change]:
    def copy(source: Recipe, _: Recipe) -> Change:
        values = source.model_dump(mode="json")
        return {name: values[name] for name in names}

    return copy


def _copy_hidden(source: Recipe, target: Recipe) -> Change:
    layers = [layer.model_dump(mode="json") for layer in (*source.hidden, target.output)]
    # A skip may start before the first Dense layer.
    front = {"front_layers": source.front_layers} if source.has_skips else {}
    return {"layers": layers} | front


def _copy_output(source: Recipe, target: Recipe) -> Change:
    layers = [layer.model_dump(mode="json") for layer in (*target.hidden, source.output)]
    names = ("loss", "label_smoothing", "huber_delta", "encode_labels")
    return {"layers": layers} | {name: getattr(source, name) for name in names}


def _has_more_categories(end: Recipe, sound: Recipe) -> bool:
    """Return whether columns of codes are categories to the sound recipe alone."""
    return end.categorical != "all" and {*end.categorical} < {*sound.categorical}


def _copy_decay(source: Recipe, _: Recipe) -> Change:
    decay = source.optimizer.decay
    falls = {"decay": None if decay is None else decay.model_dump(mode="json")}
    return {"optimizer": falls | {"schedule": source.optimizer.schedule}}


def _copy_optimizer(source: Recipe, target: Recipe) -> Change:
    """Return another optimizer with its arguments; one that is the same but for its rate stays."""
    own = {"learning_rate", "schedule", "decay"}
    first, second = (r.optimizer.model_dump(mode="json", exclude=own) for r in (source, target))
    return {} if first == second else {"optimizer": source.optimizer.model_dump(mode="json")}


def _copy_rate(source: Recipe, target: Recipe) -> Change:
    return scale_learning_rate(source.optimizer.rate / target.optimizer.rate)(target)


def _rate_cause(end: Recipe, sound: Recipe) -> Cause:
    is_high = end.optimizer.rate > sound.optimizer.rate
    return Cause.learning_rate_too_high if is_high else Cause.learning_rate_too_low


def _epochs_cause(end: Recipe, sound: Recipe) -> Cause:
    return Cause.too_few_epochs if end.epochs < sound.epochs else Cause.no_early_stopping


def _size_cause(end: Recipe, sound: Recipe) -> Cause:
    activations = [{layer.nonlinearity for layer in recipe.hidden} for recipe in (end, sound)]
    weights = [count_weights(1, recipe) for recipe in (end, sound)]
    if activations[0] != activations[1]:
        return Cause.wrong_activation
    return Cause.too_complex if weights[0] > weights[1] else Cause.too_simple


def _describe_hidden(sound: Recipe) -> str:
    layers = ", ".join(f"{layer.units} {layer.activation}" for layer in sound.hidden)
    return f"Use hidden layers of {layers} units"


def _describe_scaling(what: str, scaling: str) -> str:
    return "" if scaling == "none" else f"Scaling the {what} by {scaling} does not suit the table"


def _describe_epochs(sound: Recipe) -> str:
    keeps = ", and keep the best weights" if sound.stops_early else ""
    return f"Train for up to {sound.epochs} epochs{keeps}"


DIFFERENCES = (
    Difference(
        _constant_cause(Cause.codes_as_numbers),
        lambda recipe: describe_categories(recipe.categorical),
        _copy_fields("categorical"),
        is_possible=_has_more_categories,
    ),
    Difference(
        _constant_cause(Cause.features_not_scaled),
        lambda recipe: f"Scale the features ({recipe.scale_features})",
        _copy_fields("scale_features"),
        lambda r: _describe_scaling("features", r.scale_features),
    ),
    Difference(
        _constant_cause(Cause.target_not_scaled),
        lambda recipe: f"Scale the target ({recipe.scale_target})",
        _copy_fields("scale_target"),
        lambda r: _describe_scaling("target", r.scale_target),
    ),
    Difference(
        _constant_cause(Cause.wrong_output),
        lambda r: f"End with Dense({r.output.units}, {r.output.activation}) and {r.loss}",
        _copy_output,
    ),
    Difference(_size_cause, _describe_hidden, _copy_hidden),
    Difference(
        _constant_cause(Cause.ordered_rows),
        lambda _: "Shuffle the rows, before the split and in each epoch",
        _copy_fields("validation_rows", "shuffle"),
    ),
    Difference(
        _constant_cause(Cause.harmful_layers),
        lambda _: "Leave out the layers before the first Dense layer",
        _copy_fields("front_layers"),
    ),
    Difference(
        _rate_cause,
        lambda recipe: f"Use a learning rate of {recipe.optimizer.rate:g}",
        _copy_rate,
    ),
    Difference(
        _constant_cause(Cause.learning_rate_too_low),
        lambda _: "Keep the learning rate: leave ReduceLROnPlateau out",
        _copy_fields("reduce_lr_on_plateau"),
    ),
    Difference(
        _constant_cause(Cause.learning_rate_too_low),
        lambda _: "Keep the learning rate: leave its schedule out",
        _copy_decay,
    ),
    Difference(
        _constant_cause(Cause.optimizer),
        lambda r: f"Use {r.optimizer.name} at {r.optimizer.rate:g}",
        _copy_optimizer,
    ),
    Difference(
        _constant_cause(Cause.batch_size),
        lambda recipe: f"Use batches of {recipe.batch_size} rows",
        _copy_fields("batch_size"),
    ),
    Difference(
        _epochs_cause,
        _describe_epochs,
        _copy_fields("epochs", "validation_split", "early_stopping"),
    ),
)
