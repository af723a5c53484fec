"""Builds findings from what was measured: each has a sentence, evidence, a remedy, its effect."""

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
from worker.diagnosis.chain.attribution import Attribution, rate_severity
from worker.diagnosis.chain.explain import Step, TriedRemedy
from worker.diagnosis.checks.suspects import Suspect

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
"""Sentences for causes that no check named, but that the measurements show."""


def build_findings(attribution: Attribution, suspects: Mapping[Cause, Suspect]) -> list[Finding]:
    """Return the findings of the chain's steps, then those that are present but harmless here.

    Steps whose cause is certain come first.
    """
    ordered = sorted(attribution.steps, key=lambda step: not step.remedy.candidate.is_certain)
    explained = [_step_finding(attribution, step) for step in ordered]
    causes = {finding.cause for finding in explained}
    causes |= {other.cause for finding in explained for other in finding.alternatives}
    harmless = [
        _harmless_finding(attribution, suspect)
        for cause, suspect in suspects.items()
        if cause not in causes
    ]
    return explained + harmless


def build_remedy(attribution: Attribution, tried: TriedRemedy) -> Remedy:
    """Return a tried remedy as a change to the recipe it was tried on, and as Keras code."""
    before, after = tried.before.recipe, tried.after.recipe
    return Remedy(
        text=tried.candidate.text,
        change=diff_recipes(before, after),
        code=change_code(before, after, task=attribution.chain.trainer.data.task),
    )


def diff_recipes(before: Recipe, after: Recipe) -> dict[str, Any]:
    """Return the fields that turn one recipe into the other, for `Recipe.with_changes`."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return {
        name: _changed_part(old[name], value) for name, value in new.items() if value != old[name]
    }


def _changed_part(old: Any, new: Any) -> Any:
    """Return the changed keys of an object; any other value as a whole."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {key: value for key, value in new.items() if value != old.get(key)}


def _step_finding(attribution: Attribution, step: Step) -> Finding:
    remedy, suspect = step.remedy, step.remedy.candidate.suspect
    effect = attribution.effect_of(remedy)
    severity = rate_severity(attribution.chain.loss_of(remedy.before), remedy.gain.mean)
    if remedy.candidate.is_certain:
        severity = Severity.critical
    return Finding(
        cause=remedy.cause,
        stage=remedy.cause.stage,
        severity=severity,
        sentence=(
            f"{_symptom(remedy.cause, suspect)}. "
            f"{remedy.candidate.text}: {describe_remedy_effect(effect)}."
        ),
        evidence=_evidence(suspect),
        remedy=build_remedy(attribution, remedy),
        effect=effect,
        isolated_effect=_isolated_effect(attribution, remedy.cause),
        alternatives=tuple(_alternatives(attribution, step)),
        rows=suspect.rows if suspect else (),
        columns=suspect.columns if suspect else (),
    )


def _alternatives(attribution: Attribution, step: Step) -> Iterable[Alternative]:
    for other in step.alternatives[:MAX_ALTERNATIVES]:
        yield Alternative(
            cause=other.cause,
            remedy=build_remedy(attribution, other),
            isolated_effect=attribution.effect_of(other),
        )


def _isolated_effect(attribution: Attribution, cause: Cause) -> Effect | None:
    tried = attribution.chain.isolated.get(cause)
    return None if tried is None else attribution.effect_of(tried)


def _harmless_finding(attribution: Attribution, suspect: Suspect) -> Finding:
    tried = attribution.chain.isolated.get(suspect.cause)
    sentence = "Present, harmless here"
    if tried is not None and not suspect.is_inert:
        sentence += (
            f": {tried.candidate.text[0].lower()}{tried.candidate.text[1:]} changes next to nothing"
        )
        sentence += " once the causes above are remedied" if attribution.steps else ""
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.harmless,
        sentence=f"{suspect.sentence}. {sentence}.",
        evidence=suspect.evidence,
        remedy=None if tried is None else build_remedy(attribution, tried),
        effect=None,
        isolated_effect=_isolated_effect(attribution, suspect.cause),
        rows=suspect.rows,
        columns=suspect.columns,
    )


def _symptom(cause: Cause, suspect: Suspect | None) -> str:
    return SYMPTOMS.get(cause, str(cause)) if suspect is None else suspect.sentence


def _evidence(suspect: Suspect | None) -> tuple[Evidence, ...]:
    return suspect.evidence if suspect else ()


def describe_remedy_effect(effect: Effect) -> str:
    """Describe an effect: the loss before and after, and its share of the excess loss."""
    metric = METRICS.get(effect.metric, effect.metric)
    before = "no finite value" if effect.before is None else f"{effect.before:.3g}"
    after = "no finite value" if effect.after is None else f"{effect.after:.3g}"
    share = min(1.0, max(-1.0, effect.share))
    return f"the {metric} goes from {before} to {after}, {share:.0%} of the excess loss"
