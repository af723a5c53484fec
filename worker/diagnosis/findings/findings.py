"""Puts what was measured into findings: a sentence, evidence, a remedy and its effect each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lowloss.recipes import change_code
from lowloss.results import (
    Alternative,
    Cause,
    Effect,
    Evidence,
    Finding,
    Remedy,
    Severity,
)
from lowloss.spec import Recipe
from worker.diagnosis.chain.attribution import Attribution, effect_of, severity_of
from worker.diagnosis.chain.explain import Step, TriedRemedy
from worker.diagnosis.chain.gains import mean_relative_loss
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.training.trainer import Trainer

METRICS = {"mean_squared_error": "mean squared error", "log_loss": "log loss"}
MAX_ALTERNATIVES = 3
SYMPTOMS = {
    Cause.too_simple: "The network is too small for the table",
    Cause.too_complex: "The network is larger than the table bears",
    Cause.learning_rate_too_high: "The learning rate is too high",
    Cause.learning_rate_too_low: "The learning rate is too low",
    Cause.too_few_epochs: "Training ends too early",
    Cause.optimizer: "The optimizer does not suit the table",
    Cause.regularisation_missing: "Nothing keeps the network from fitting its training rows alone",
    Cause.no_early_stopping: "Training goes on after the best epoch",
    Cause.features_not_scaled: "The features are not scaled",
    Cause.target_not_scaled: "The target is not scaled",
}
"""What is said of a cause that no check named, and that measuring found."""


def findings(
    trainer: Trainer,
    attribution: Attribution,
    suspects: Mapping[Cause, Suspect],
    alone: Mapping[Cause, TriedRemedy],
) -> list[Finding]:
    """The chain's steps, certain causes first, then what is present and harmless here."""
    ordered = sorted(attribution.steps, key=lambda step: not step.taken.candidate.is_certain)
    found = [_of_step(trainer, step, attribution, alone) for step in ordered]
    told = {each.cause for each in found}
    told |= {other.cause for each in found for other in each.alternatives}
    harmless = [
        _harmless(trainer, suspect, alone.get(cause), attribution)
        for cause, suspect in suspects.items()
        if cause not in told
    ]
    return found + harmless


def remedy_of(tried: TriedRemedy, trainer: Trainer) -> Remedy:
    """A remedy as a change to the recipe it was tried on, and as Keras code."""
    before, after = tried.before.recipe, tried.after.recipe
    return Remedy(
        text=tried.candidate.text,
        change=difference(before, after),
        code=change_code(before, after, task=trainer.data.task),
    )


def difference(before: Recipe, after: Recipe) -> dict[str, Any]:
    """The fields that make one recipe the other, as `Recipe.changed` takes them."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return {name: _part(old[name], value) for name, value in new.items() if value != old[name]}


def _part(old: Any, new: Any) -> Any:
    """What is new of an object; anything else whole."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {key: value for key, value in new.items() if value != old.get(key)}


def _of_step(
    trainer: Trainer, step: Step, attribution: Attribution, alone: Mapping[Cause, TriedRemedy]
) -> Finding:
    taken, suspect = step.taken, step.taken.candidate.suspect
    effect = effect_of(trainer, taken.before, taken.after, taken.gain, attribution)
    before = mean_relative_loss(trainer.runs_of(taken.before))
    severity = severity_of(before, taken.gain.mean)
    if taken.candidate.is_certain:
        severity = Severity.critical
    return Finding(
        cause=taken.cause,
        stage=taken.cause.stage,
        severity=severity,
        sentence=(
            f"{_what(taken.cause, suspect)}. {taken.candidate.text}: {describe_effect(effect)}."
        ),
        evidence=_evidence(suspect),
        remedy=remedy_of(taken, trainer),
        effect=effect,
        isolated_effect=_alone(trainer, alone.get(taken.cause), attribution),
        alternatives=tuple(_alternatives(trainer, step, attribution)),
        rows=suspect.rows if suspect else (),
        columns=suspect.columns if suspect else (),
    )


def _alternatives(trainer: Trainer, step: Step, attribution: Attribution) -> Iterable[Alternative]:
    for other in step.alternatives[:MAX_ALTERNATIVES]:
        effect = effect_of(trainer, other.before, other.after, other.gain, attribution)
        yield Alternative(
            cause=other.cause, remedy=remedy_of(other, trainer), isolated_effect=effect
        )


def _alone(trainer: Trainer, tried: TriedRemedy | None, attribution: Attribution) -> Effect | None:
    if tried is None:
        return None
    return effect_of(trainer, tried.before, tried.after, tried.gain, attribution)


def _harmless(
    trainer: Trainer, suspect: Suspect, tried: TriedRemedy | None, attribution: Attribution
) -> Finding:
    told = "Present, harmless here"
    if tried is not None and not suspect.is_inert:
        told += (
            f": {tried.candidate.text[0].lower()}{tried.candidate.text[1:]} changes next to nothing"
        )
        told += " once the causes above are remedied" if attribution.steps else ""
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.harmless,
        sentence=f"{suspect.sentence}. {told}.",
        evidence=suspect.evidence,
        remedy=None if tried is None else remedy_of(tried, trainer),
        effect=None,
        isolated_effect=_alone(trainer, tried, attribution),
        rows=suspect.rows,
        columns=suspect.columns,
    )


def _what(cause: Cause, suspect: Suspect | None) -> str:
    return SYMPTOMS.get(cause, str(cause)) if suspect is None else suspect.sentence


def _evidence(suspect: Suspect | None) -> tuple[Evidence, ...]:
    return suspect.evidence if suspect else ()


def describe_effect(effect: Effect) -> str:
    """An effect in words: from what to what, and how much of the excess that is."""
    metric = METRICS.get(effect.metric, effect.metric)
    before = "no finite value" if effect.before is None else f"{effect.before:.3g}"
    after = "no finite value" if effect.after is None else f"{effect.after:.3g}"
    share = min(1.0, max(-1.0, effect.share))
    return f"the {metric} goes from {before} to {after}, {share:.0%} of the excess loss"
