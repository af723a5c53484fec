"""Builds findings from what was measured: each has a sentence, evidence, a remedy, its effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lowloss.recipes import change_code
from lowloss.results import (
    Alternative,
    Cause,
    Effect,
    EvidenceState,
    Finding,
    Remedy,
    Severity,
)
from lowloss.results.losses import describe_unbeaten_constant
from lowloss.spec import Recipe
from lowloss.wording import counted, format_loss, format_percent, in_words, lower_first
from worker.diagnosis.chain.attribution import Attribution
from worker.diagnosis.chain.chain import Step, TriedRemedy
from worker.diagnosis.chain.gains import mean_relative_loss, paired_runs
from worker.diagnosis.chain.remedies import Candidate
from worker.diagnosis.chain.settled import (
    SettledSuspect,
    group_by_remedy,
    seconds_needed,
    settle_suspect,
)
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.thresholds import MIN_GAIN
from worker.diagnosis.training.variants import Variant

MAX_ALTERNATIVES = 3
UNCONFIRMED = "not confirmed on fresh draws"
SYMPTOMS = {
    Cause.too_simple: "The network is too small for the table",
    Cause.too_complex: "The network is larger than the table bears",
    Cause.wrong_activation: "The hidden layers' activation does not suit the table",
    Cause.learning_rate_too_high: "The learning rate is too high",
    Cause.learning_rate_too_low: "The learning rate is too low",
    Cause.too_few_epochs: "Training ends too early",
    Cause.optimizer: "The optimizer does not suit the table",
    Cause.regularisation_missing: "Nothing keeps the network from fitting its training rows alone",
    Cause.no_early_stopping: "Training goes on after the best epoch",
    Cause.features_not_scaled: "The features are not scaled",
    Cause.target_not_scaled: "The target is not scaled",
    Cause.harmful_layers: "The layers beside the Dense ones do not suit the table",
    Cause.ordered_rows: "The rows stand in an order, and are split or seen in it",
    Cause.batch_size: "The batch size does not suit the table",
    Cause.wrong_output: "The output layer or its loss does not suit the target",
}
"""Sentences for causes that no check named, but that the measurements show."""


def build_findings(attribution: Attribution, suspects: Mapping[Cause, Suspect]) -> list[Finding]:
    """Return the findings of the chain's steps, then those of the other suspects.

    Steps whose cause is certain come first, and of the others those that may do harm.
    """
    position, explained = attribution.chain.start, []
    for step in attribution.steps:
        explained.append(_step_finding(attribution, step, position))
        position = step.remedy.candidate.apply(position)
    causes = attribution.chain.causes
    causes |= {
        cause
        for finding in explained
        for other in finding.alternatives
        for cause in (other.cause, *other.together_with)
    }
    settled = [
        settle_suspect(attribution, suspect)
        for cause, suspect in suspects.items()
        if cause not in causes
    ]
    groups = group_by_remedy(settled, attribution.chain.end)
    others = [_other_finding(attribution, group) for group in groups]
    return explained + sorted(others, key=lambda finding: finding.severity is Severity.none)


def build_remedy(attribution: Attribution, tried: TriedRemedy) -> Remedy:
    """Return a tried remedy as a change to the recipe it was tried on, and as Keras code."""
    return _remedy(attribution, tried.candidate, tried.before, tried.after)


def _remedy(
    attribution: Attribution, candidate: Candidate, before: Variant, after: Variant
) -> Remedy:
    predicted = attribution.chain.trainer.data.predicted
    return Remedy(
        text=candidate.text,
        change=diff_recipes(before.recipe, after.recipe),
        code=change_code(before.recipe, after.recipe, predicted),
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


def _step_finding(attribution: Attribution, step: Step, position: Variant) -> Finding:
    """Return the finding of a step; `position` is the recipe with the remedies before it."""
    remedy, chain = step.remedy, attribution.chain
    suspects = [part.suspect for part in remedy.candidate.parts if part.suspect is not None]
    is_tried = step.state is not EvidenceState.not_tried
    is_settled = step.state in {EvidenceState.confirmed, EvidenceState.no_gain}
    return Finding(
        cause=remedy.cause,
        together_with=remedy.candidate.causes[1:],
        stage=remedy.cause.stage,
        severity=_step_severity(attribution, step),
        evidence_state=step.state,
        seconds_needed=None
        if is_settled
        else seconds_needed(chain, [remedy.before, remedy.after], attribution.draws),
        sentence=_step_sentence(attribution, step, position),
        evidence=tuple(proof for suspect in suspects for proof in suspect.evidence),
        remedy=build_remedy(attribution, remedy),
        effect=attribution.effect_of(remedy) if is_tried else None,
        isolated_effect=_isolated_effect(attribution, remedy.candidate.causes),
        alternatives=tuple(_alternatives(attribution, step)),
        rows=tuple(row for suspect in suspects for row in suspect.rows),
        columns=tuple(column for suspect in suspects for column in suspect.columns),
    )


def _step_severity(attribution: Attribution, step: Step) -> Severity:
    if step.state is EvidenceState.no_gain:
        return Severity.minor
    if step.state is EvidenceState.not_tried and step.remedy.candidate.is_certain:
        return Severity.critical
    return attribution.rate_severity(step.remedy)


def _step_sentence(attribution: Attribution, step: Step, position: Variant) -> str:
    remedy = step.remedy
    candidate = remedy.candidate
    symptoms = [_symptom(part) for part in candidate.parts]
    if candidate.partner is not None:
        symptoms.append("All remedies at once gain what none does alone")
    symptom = ". ".join(symptoms)
    if step.state is EvidenceState.not_tried:
        why = attribution.chain.trainer.why_over
        return f"{symptom}. Not tried, {why}: {lower_first(candidate.text)}."
    where = "" if remedy.before == position else " (on top of the other remedies)"
    effect = attribution.effect_of(remedy)
    remarks = [describe_remedy_effect(effect)]
    if step.state is EvidenceState.unconfirmed:
        remarks.append(UNCONFIRMED)
    return f"{symptom}. {candidate.text}{where}: {'; '.join(remarks)}."


def _alternatives(attribution: Attribution, step: Step) -> Iterable[Alternative]:
    groups: dict[Variant, list[TriedRemedy]] = {}
    for other in step.alternatives:
        if other.after != step.remedy.after:
            groups.setdefault(other.after, []).append(other)
    for other, *same in list(groups.values())[:MAX_ALTERNATIVES]:
        yield Alternative(
            cause=other.cause,
            together_with=tuple(one.cause for one in same),
            remedy=build_remedy(attribution, other),
            effect=attribution.effect_of(other),
            remedy_loss=attribution.loss_beside(step.remedy.after, other.after),
        )


def _isolated_effect(attribution: Attribution, causes: tuple[Cause, ...]) -> Effect | None:
    chain = attribution.chain
    tried = chain.best_attempt(causes, chain.start)
    return None if tried is None else attribution.effect_of(tried)


def _other_finding(attribution: Attribution, group: Sequence[SettledSuspect]) -> Finding:
    """Return the finding of suspects that are no step of the chain, and share a remedy."""
    settled, suspects = group[0], [one.suspect for one in group]
    suspect, tried, chain = settled.suspect, settled.tried, attribution.chain
    remedy, effect = None, None
    if tried is not None:
        remedy = build_remedy(attribution, tried)
        effect = attribution.effect_of(tried) if tried.before == chain.end else None
    elif settled.candidate is not None and not settled.is_contained:
        after = settled.candidate.apply(chain.end)
        remedy = _remedy(attribution, settled.candidate, chain.end, after)
    remark = "; ".join(_settled_remarks(attribution, settled))
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=settled.severity,
        evidence_state=settled.state,
        together_with=tuple(other.cause for other in suspects[1:]),
        seconds_needed=settled.seconds_needed,
        sentence=f"{'. '.join(one.sentence for one in suspects)}. {remark}.",
        evidence=tuple(proof for one in suspects for proof in one.evidence),
        remedy=remedy,
        effect=effect,
        isolated_effect=_isolated_effect(attribution, (suspect.cause,)),
        rows=tuple(row for one in suspects for row in one.rows),
        columns=tuple(column for one in suspects for column in one.columns),
    )


def _settled_remarks(attribution: Attribution, settled: SettledSuspect) -> Iterator[str]:
    """Yield what a sentence says of a suspect's remedy."""
    tried, chain = settled.tried, attribution.chain
    if settled.is_contained:
        is_left_out = settled.candidate is None
        yield "No network sees it" if is_left_out else "The remedies above do this, too"
    elif settled.candidate is None:
        yield _explain_no_candidate(settled.suspect)
    elif tried is None:
        yield f"Not tried, {chain.trainer.why_over}: {lower_first(settled.candidate.text)}"
    else:
        effect = attribution.effect_of(tried)
        text = tried.candidate.text
        where = ""
        if attribution.steps:
            is_on_top = tried.before == chain.end
            where = " on top of the remedies above" if is_on_top else " on the recipe as it is"
        if settled.state is EvidenceState.no_gain:
            yield f"{text}: {_describe_no_gain(attribution, tried)}{where}, on " + counted(
                effect.runs, "draw"
            )
            return
        yield f"{text}{where}: {describe_remedy_effect(effect)}"
        if settled.state is EvidenceState.unconfirmed:
            yield UNCONFIRMED


def _explain_no_candidate(suspect: Suspect) -> str:
    """Say why nothing was tried for a suspect."""
    if suspect.cause is Cause.too_few_epochs:
        return "More epochs than these were not tried"
    return "No change to the recipe is a remedy, and none was tried"


def _describe_no_gain(attribution: Attribution, tried: TriedRemedy) -> str:
    on_all = attribution.chain.gain(tried.before, tried.after, attribution.draws)
    if on_all.mean <= -MIN_GAIN and all(fall < 0 for fall in on_all.falls):
        return "makes it worse"
    if on_all.mean <= 0:
        return "gains nothing"
    if any(fall <= 0 for fall in on_all.falls):
        return "does not gain on every draw"
    chain = attribution.chain
    pairs = paired_runs(chain.trainer, tried.before, tried.after, attribution.draws)
    before = mean_relative_loss([first for first, _ in pairs])
    # Above a constant answer's, losses count by powers of ten.
    if before >= 1:
        return "gains too little"
    share, of_constant = format_percent(on_all.mean / before), format_percent(on_all.mean)
    return f"takes off {share} of the loss ({of_constant} of a constant answer's): too little"


def _symptom(candidate: Candidate) -> str:
    if candidate.suspect is not None:
        return candidate.suspect.sentence
    return candidate.symptom or SYMPTOMS[candidate.cause]


def describe_remedy_effect(effect: Effect) -> str:
    """Describe an effect: the loss before and after, and its share of the excess loss.

    What ends no better than a constant answer has no share: that would be praise.
    """
    metric, over = in_words(effect.metric), f" over {counted(effect.runs, 'draw')}"
    if effect.before is None and effect.after is None:
        return "trainings still end without a finite loss"
    if effect.after is None:
        return f"the {metric} was {format_loss(effect.before)}, and a training diverges with it"
    change = f"the {metric} goes from {format_loss(effect.before)} to {format_loss(effect.after)}"
    if effect.before is None:
        end = f"a {metric} of {format_loss(effect.after)}"
        change = f"trainings that ended without a finite loss come to {end}"
    if effect.unbeaten_constant is not None:
        return f"{change}{over}, {describe_unbeaten_constant(effect)}"
    return f"{change}{over}, {format_percent(effect.share)} of the excess loss"
