"""The losses, findings and effects of a diagnosis as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lowloss.results.diagnosis import Alternative, Diagnosis, Effect, EvidenceState, Finding
from lowloss.wording import (
    ARROW,
    counted,
    describe_missing_loss,
    describe_score,
    format_duration,
    format_loss,
    format_percent,
    in_words,
)

RECIPE, FIRST_TRY = "the recipe", "the first try"
"""Whose loss it is: of a diagnosis that was asked for, and of one that belongs to a search."""


CONSTANT_ANSWERS = {
    "mean_squared_error": "the mean",
    "standardised_mean_squared_error": "each target's mean",
    "log_loss_per_label": "each label's share",
}
"""What answers best, of those that answer the same to every row, by the metric."""


UNITS = {
    "standardised_mean_squared_error": "each target in units of its variance: all count the same",
    "log_loss_per_label": "the mean over the labels",
}
"""What there is to know of a metric of several targets."""
LOG_LOSSES = frozenset({"log_loss", "log_loss_per_label"})


def head_first_try(causes: Sequence[object]) -> str:
    """Head a search's diagnosis: a first try's loss is called high only where a cause was found."""
    return "Why a first try's loss is high" if causes else "How a first try does"


def head_diagnosis(target: str, causes: Sequence[object]) -> str:
    """Head the page of a diagnosis: a loss is called high only where a cause was found."""
    return f"Why the loss on {target} is high" if causes else f"The loss on {target}"


@dataclass(frozen=True)
class ShownLoss:
    """One of a diagnosis's losses: whose it is, and what there is to say of it."""

    label: str
    text: str
    remark: str = ""


def list_losses(diagnosis: Diagnosis, recipe_name: str) -> Iterator[ShownLoss]:
    """Yield the losses of a diagnosis, the recipe's first, under the name that it has there."""
    floor = diagnosis.noise_floor

    def score(whose: Literal["recipe", "remedied", "best", "constant"]) -> str:
        value = getattr(diagnosis.familiar, whose, None)
        if diagnosis.familiar is None or value is None:
            return ""
        return describe_score(diagnosis.familiar.metric, value)

    recipe = describe_loss(diagnosis.loss, runs=diagnosis.runs, refusal=diagnosis.refusal)
    yield ShownLoss(recipe_name, recipe, score("recipe"))
    if diagnosis.remedied_recipe != diagnosis.recipe:
        remedied = describe_loss(diagnosis.remedied_loss, runs=diagnosis.remedied_runs)
        yield ShownLoss("with the remedies", remedied, score("remedied"))
    by = f"by {in_words(diagnosis.best_model)}"
    remark = ", ".join(filter(None, [score("best"), by]))
    yield ShownLoss("best reached", format_loss(diagnosis.best), remark)
    constant = format_loss(diagnosis.constant)
    yield ShownLoss("best constant answer", constant, score("constant"))
    if floor is not None and floor.estimate is not None:
        estimate = format_loss(floor.estimate)
        yield ShownLoss("noise floor", estimate, "estimated from rows that are alike")
    if floor is not None and floor.conflicting:
        conflicting = format_loss(floor.conflicting)
        yield ShownLoss("certain noise", conflicting, "from rows that conflict")


def describe_metric(diagnosis: Diagnosis) -> str:
    """Name the metric of a diagnosis, with what there is to know of it.

    Of several targets that is what makes them comparable, of a log loss its bound.
    """
    metric, rows = diagnosis.metric, diagnosis.rows.get("judge")
    parts = [in_words(metric), *([UNITS[metric]] if metric in UNITS else [])]
    if metric in LOG_LOSSES and rows:
        parts.append(f"where no row's probability counts as less than 1 in {rows:,}")
    return ", ".join(parts)


def list_targets(diagnosis: Diagnosis, recipe_name: str) -> Iterator[str]:
    """Yield a sentence on each of several targets: its losses, in its own units."""
    for target in diagnosis.targets:
        losses = {recipe_name: target.recipe}
        if diagnosis.remedied_recipe != diagnosis.recipe:
            losses["with the remedies"] = target.remedied
        losses["a constant answer"] = target.constant
        listed = ", ".join(f"{who} {format_loss(loss)}" for who, loss in losses.items())
        yield f"{in_words(target.metric)} of {target.name}: {listed}"


def describe_loss(value: float | None, *, runs: int = 1, refusal: str | None = None) -> str:
    """Format a loss; where there is none, say why."""
    return describe_missing_loss(runs, refusal) if value is None else format_loss(value)


def describe_effect(effect: Effect) -> str:
    """Describe what a remedy does, with the interval where it has more than one run.

    What ends no better than a constant answer, or diverges, gets no praise: no share of the excess.
    """
    change = f"{describe_loss(effect.before)} {ARROW} {describe_loss(effect.after)}"
    change = f"{in_words(effect.metric)} {change}, over {counted(effect.runs, 'run')}"
    if effect.after is None:
        return f"leaves trainings without a finite loss: {change}"
    if effect.unbeaten_constant is not None:
        return f"ends {describe_unbeaten_constant(effect)}: {change}"
    whole = "the balanced error" if effect.metric == "balanced_error" else "the excess loss"
    removal = f"removes {format_percent(effect.share)} of {whole}"
    if effect.runs > 1:
        removal += f" (95 % interval {format_percent(effect.low)} to {format_percent(effect.high)})"
    return f"{removal}: {change}"


def describe_alternative(other: Alternative) -> str:
    """Describe what another remedy does in a remedy's place, and that one's loss beside it."""
    sentence = f"In its place it {describe_effect(other.effect)}"
    if other.remedy_loss is None:
        return f"{sentence}."
    which = "this" if other.effect.runs == 1 else "these"
    return f"{sentence}; on {which} the remedy above has {format_loss(other.remedy_loss)}."


def describe_unbeaten_constant(effect: Effect) -> str:
    """Say how a remedy ends beside a constant answer that it does not beat, and what that has."""
    assert effect.after is not None
    assert effect.unbeaten_constant is not None
    constant = effect.unbeaten_constant
    how = compare_with_constant(effect.after, constant)
    if effect.after > constant and (effect.before is None or effect.before > constant):
        how = f"still {how}"
    answer = CONSTANT_ANSWERS.get(effect.metric, "the shares of the classes")
    return f"{how} than a constant answer ({answer}), which has {format_loss(constant)}"


def compare_with_constant(loss: float, constant: float) -> str:
    """Compare a loss with that of a constant answer that it does not beat by what matters."""
    if loss == constant:
        return "no better"
    return "worse" if loss > constant else "hardly better"


def describe_causes(finding: Finding | Alternative) -> str:
    """Name the cause of a finding or of another remedy, and those that are remedied with it."""
    return " and ".join(map(in_words, (finding.cause, *finding.together_with)))


def describe_severity(finding: Finding) -> str:
    """Return a severity, and what it rests on where fresh draws did not confirm it."""
    state = finding.evidence_state
    confirmed = state is EvidenceState.confirmed
    return str(finding.severity) if confirmed else f"{finding.severity}, {in_words(state)}"


def list_effects(finding: Finding) -> Iterator[str]:
    """Yield sentences: the effect after the earlier remedies, and the isolated one if it differs.

    Where neither was measured, how long that takes.
    """
    if finding.effect is not None:
        yield f"The remedy {describe_effect(finding.effect)}."
    if finding.isolated_effect is not None and finding.isolated_effect != finding.effect:
        yield f"Alone, on the recipe as it is, it {describe_effect(finding.isolated_effect)}."
    if finding.effect is None and finding.isolated_effect is None:
        seconds = finding.seconds_needed
        needed = f": that takes about {format_duration(seconds)} more" if seconds else ""
        yield f"The remedy's effect was not measured{needed}."
