"""The headline of a diagnosis: what the loss is, what is reachable, and what explains the rest."""

from __future__ import annotations

from collections.abc import Sequence

from lowloss.results import EvidenceState, Finding, Severity
from lowloss.results.losses import compare_with_constant, describe_causes
from lowloss.wording import (
    counted,
    describe_score,
    format_loss,
    in_words,
    list_first,
    lower_first,
)
from worker.diagnosis.chain.gains import fails_to_beat_constant
from worker.diagnosis.chain.settled import seconds_needed
from worker.diagnosis.findings.measured import ALTERNATIVE, ONE_MORE, MeasuredEffects
from worker.diagnosis.thresholds import FAR_BELOW, MAJOR_SHARE
from worker.diagnosis.training.treatment import MISSING

MAX_LISTED = 3
UNSETTLED = frozenset({EvidenceState.not_tried, EvidenceState.unconfirmed})


def write_verdict(measured: MeasuredEffects, findings: Sequence[Finding]) -> str:
    """Summarise the diagnosis in a few plain sentences: first, of which network it is."""
    harmful = [finding for finding in findings if finding.severity is not Severity.none]
    more = _ask_for_more(measured, findings)
    result, reached = _describe_result(measured), _describe_best(measured)
    weak = [*_tell_unlearned(measured), *_tell_luck(measured)]
    if not measured.runs:
        untrained = "There was no time to train the recipe"
        if measured.trainer.is_ended:
            untrained = "The job was to end before the recipe was trained"
        sentences = [f"{untrained}; {reached}.", *more]
    elif harmful:
        shown = _choose_shown(measured, harmful)
        sentences = _tell_harm(measured, harmful, shown)
        others = sum(one.remedy is not None and one not in shown for one in harmful)
        if others:
            follow = counted(others, "more remedy follows", "more remedies follow")
            sentences.append(f"{follow} among the findings.")
        if measured.is_beaten:
            sentences += more or [_tell_rest(measured)]
    elif measured.is_beaten:
        sentences = [f"The recipe {result}; {reached}.", *weak]
        sentences += more or ["No remedy that was tried gains enough on every draw."]
    elif more:
        sentences = [f"No fault was found so far: the recipe {result}, and {reached}."]
        sentences += [*weak, *more]
    else:
        sentences = [f"Nothing wrong found: the recipe {result}, and {reached}.", *weak]
    return " ".join([*_tell_other_inputs(measured), *sentences])


def _tell_other_inputs(measured: MeasuredEffects) -> list[str]:
    """Say that the network was built for rows of another width than the table's, if it was."""
    recipe = measured.start.recipe
    if recipe.inputs is None or recipe.inputs == (width := measured.trainer.data.inputs(recipe)):
        return []
    data = measured.trainer.data
    sources = data.seen_by(recipe).sources(data.draws[0])
    missing = sum(source.startswith(MISSING) for source in sources)
    indicators = f", of which {missing} say whether another is missing" if missing else ""
    return [
        f"The network was built for rows of {counted(recipe.inputs, 'number')}, and the table "
        f"gives it {width} here, after its columns are prepared{indicators}: all that is said is "
        f"of a network for {width}."
    ]


def _choose_shown(measured: MeasuredEffects, harmful: Sequence[Finding]) -> list[Finding]:
    """Return the first finding, and the one whose remedy takes off far more, if there is one."""
    shares = [_share_of_excess(measured, finding) for finding in harmful]
    largest = shares.index(max(shares))
    is_larger = shares[largest] - shares[0] >= MAJOR_SHARE
    return [harmful[0], harmful[largest]] if is_larger else [harmful[0]]


def _tell_harm(
    measured: MeasuredEffects, harmful: Sequence[Finding], shown: Sequence[Finding]
) -> list[str]:
    """Return the recipe's result, that of all remedies, and the findings that are told."""
    result = _describe_result(measured)
    remedied = measured.loss_of(measured.end)
    has_remedies = measured.end != measured.start and remedied is not None
    if remedied is not None and has_remedies and (len(harmful) > 1 or measured.is_beaten):
        result += f"; with all remedies {format_loss(remedied)}"
        result += f"{_compare_with_constant(measured, remedied)}, and {_describe_best(measured)}"
    first, *larger = shown
    weak = [*_tell_unlearned(measured), *_tell_luck(measured)]
    sentences = [f"The recipe {result}.", *weak, first.sentence]
    return sentences + [f"More is gained behind that: {one.sentence}" for one in larger]


def _tell_rest(measured: MeasuredEffects) -> str:
    """Say what brings the recipe with its remedies to the best that was reached."""
    best = measured.best
    if best.remedy is not None:
        remedy = lower_first(best.remedy)
        if best.name == ONE_MORE:
            return f"One more, which is no step of its own, gains on top of them: {remedy}."
        which = "The alternative" if best.name == ALTERNATIVE else "Another remedy"
        return f"{which} brings more than the remedy does: {remedy}."
    return "No further remedy that was tried gains enough on every draw."


def _tell_unlearned(measured: MeasuredEffects) -> list[str]:
    """Say which of several targets the recipe predicts hardly better than a constant answer."""
    names = measured.unlearned
    if not names:
        return []
    is_all = len(names) == len(measured.trainer.data.targets)
    which = "any of its targets" if is_all else list_first(names, MAX_LISTED, repr)
    return [f"The recipe hardly predicts {which} better than a constant answer does, if at all."]


def _tell_luck(measured: MeasuredEffects) -> list[str]:
    """Say how many trainings of the recipe failed where the others came far."""
    constant, data = measured.trainer.constant, measured.trainer.data
    failed = [
        run
        for run in measured.runs
        if run.loss is None or fails_to_beat_constant(run.loss, constant)
    ]
    losses = [run.loss for run in measured.runs if run not in failed and run.loss is not None]
    if not failed or not losses or max(losses) > FAR_BELOW * constant:
        return []
    low, high = format_loss(min(losses)), format_loss(max(losses))
    others = f"the best of the others came to {low}, the worst to {high}"
    rows = "" if data.is_judged_on_training else " and other rows"
    return [
        f"It depends on luck: of {len(measured.runs)} trainings, each with another start{rows}, "
        f"{len(failed)} did no better than a constant answer, and "
        f"{others if len(losses) > 1 else f'the other came to {low}'}."
    ]


def _share_of_excess(measured: MeasuredEffects, finding: Finding) -> float:
    """Return the share of the excess loss that a finding's remedy removes; 0 where it has none.

    So it is with what ends no better than a constant answer, and with shares of other metrics.
    """
    effect = finding.effect
    if effect is None or effect.unbeaten_constant is not None:
        return 0.0
    return effect.share if effect.metric == measured.trainer.metric else 0.0


def _describe_result(measured: MeasuredEffects) -> str:
    metric, loss = measured.trainer.metric, measured.loss_of(measured.start)
    if any(run.refusal for run in measured.runs):
        return "cannot be trained"
    if loss is None:
        return "does not come to a finite loss"
    result = f"has a {in_words(metric)} of {format_loss(loss)}{_familiar(measured)}"
    return result + _compare_with_constant(measured, loss)


def _compare_with_constant(measured: MeasuredEffects, loss: float) -> str:
    constant = measured.trainer.constant
    if not fails_to_beat_constant(loss, constant):
        return ""
    how = compare_with_constant(loss, constant)
    return f", {how} than a constant answer ({format_loss(constant)})"


def _familiar(measured: MeasuredEffects) -> str:
    """Return the recipe's loss in a unit that people know, in brackets."""
    familiar = measured.familiar
    if familiar is None or familiar.recipe is None:
        return ""
    return f" ({describe_score(familiar.metric, familiar.recipe)})"


def _describe_best(measured: MeasuredEffects) -> str:
    reached = format_loss(measured.best_loss)
    return f"the best that was reached is {reached}, by {measured.best.title}"


def _ask_for_more(measured: MeasuredEffects, findings: Sequence[Finding]) -> list[str]:
    """Return what is not settled, and about how long that takes where there was no time."""
    unsettled = [
        finding
        for finding in findings
        if finding.evidence_state in UNSETTLED and finding.seconds_needed is not None
    ]
    if measured.runs and not unsettled:
        return []
    trainer = measured.trainer
    if trainer.is_ended or trainer.seconds_left > 0:
        return [f"Not settled: {_list_causes(unsettled)}."] if unsettled else []
    attribution = measured.attribution
    own = seconds_needed(attribution.chain, [measured.start], attribution.draws)
    seconds = sum(finding.seconds_needed or 0.0 for finding in unsettled)
    seconds += 0.0 if measured.runs else own
    of_what = f"settle {_list_causes(unsettled)}" if unsettled else "train it"
    budget = "budget.max_seconds of a diagnosis, or budget.diagnosis_seconds of a search"
    return [f"About {seconds:.0f} s more would {of_what}: raise {budget}."]


def _list_causes(findings: Sequence[Finding]) -> str:
    return list_first([describe_causes(finding) for finding in findings], MAX_LISTED)
