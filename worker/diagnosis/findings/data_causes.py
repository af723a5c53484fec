"""Findings that no chain of remedies tells: noise, too few rows, rare classes, leaks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from lowloss.results import Cause, Effect, Finding, Severity
from worker.diagnosis.chain.explain import TriedRemedy
from worker.diagnosis.chain.gains import Gain, mean_relative_loss
from worker.diagnosis.chain.remedies import REMEDIES, Candidate, RemedyContext
from worker.diagnosis.checks.suspects import Suspect, evidence
from worker.diagnosis.findings.findings import remedy_of
from worker.diagnosis.training.judging import JudgedVariant
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant

SCARCE_ROWS, SCARCE_FALL, SCARCE_SPREAD = 100, 0.15, 0.4
MIN_FALL, ROWS_PER_COLUMN = 0.04, 5
BALANCED_GAIN, BALANCED_SHARE = 0.05, 0.15


def noise_finding(suspect: Suspect, best: float, metric: str) -> Finding:
    """Noise: what even the best of all models loses.

    Where nothing speaks for wrong labels but that the target is hard to tell, it is no fault.
    """
    told = f"the best that was reached is a {metric.replace('_', ' ')} of {best:.3g}"
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.harmless if suspect.is_inert else Severity.major,
        sentence=f"{suspect.sentence}; {told}.",
        evidence=suspect.evidence,
        rows=suspect.rows,
    )


def half_of_rows(trainer: Trainer, end: Variant, draws: Sequence[int]) -> tuple[Gain, float]:
    """What all training rows gain over half of them, and the relative_loss with all."""
    half = Variant(end.recipe, 0.5, end.without)
    trainer.train([half, end], draws)
    both = _pairs(trainer, half, end, draws)
    falls = Gain(tuple(one.relative_loss - two.relative_loss for one, two in both))
    return falls, mean_relative_loss([two for _, two in both])


def too_little_data(trainer: Trainer, end: Variant, draws: Sequence[int]) -> Finding | None:
    """Whether the loss still falls from half of the rows to all, where rows are few."""
    data = trainer.data
    rows = len(data.draws[0].known)
    if rows >= max(SCARCE_ROWS, ROWS_PER_COLUMN * data.width) or data.whole_rows > len(data.y):
        return None
    fall, whole = half_of_rows(trainer, end, draws)
    losses = [run.relative_loss for run in trainer.runs_of(end)]
    spread = statistics.stdev(losses) / whole if len(losses) > 1 and whole > MIN_FALL else 0.0
    is_steep = fall.mean >= max(MIN_FALL, SCARCE_FALL * min(1.0, whole))
    if not is_steep and spread < SCARCE_SPREAD:
        return None
    share = max(0.0, fall.mean) / (whole + max(0.0, fall.mean))
    return Finding(
        cause=Cause.too_little_data,
        stage=Cause.too_little_data.stage,
        severity=Severity.major,
        sentence=(
            f"Only {rows} rows train the network: its loss falls by {share:.0%} from half of them "
            f"to all, and differs by {spread:.0%} from draw to draw. More rows would lower it."
        ),
        evidence=(
            evidence("training rows", rows, SCARCE_ROWS),
            evidence("share that the second half of the rows takes off", share, SCARCE_FALL),
            evidence("deviation of the loss between draws over its mean", spread, SCARCE_SPREAD),
        ),
    )


def imbalance_finding(
    trainer: Trainer, suspect: Suspect, end: Variant, draws: Sequence[int]
) -> Finding | None:
    """Whether weighing classes alike finds the rare ones, which a mean loss hardly counts."""
    (remedy,) = REMEDIES[suspect.cause](RemedyContext(trainer.data, end.recipe, suspect))
    candidate = Candidate(suspect.cause, remedy, suspect)
    after = candidate.apply(end)
    trainer.train([end, after], draws)
    errors = [
        (one.balanced_error, two.balanced_error)
        for one, two in _pairs(trainer, end, after, draws)
        if one.balanced_error is not None and two.balanced_error is not None
    ]
    falls = Gain(tuple(one - two for one, two in errors))
    before = math.fsum(one for one, _ in errors) / max(1, len(errors))
    if falls.mean < max(BALANCED_GAIN, BALANCED_SHARE * before) or not falls.is_sure:
        return None
    low, high = falls.interval
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.major,
        sentence=(
            f"{suspect.sentence}. {candidate.text}: the error where each class counts the same "
            f"goes from {before:.1%} to {before - falls.mean:.1%}."
        ),
        evidence=suspect.evidence,
        remedy=remedy_of(TriedRemedy(candidate, end, after, falls), trainer),
        effect=Effect(
            metric="balanced_error",
            before=before,
            after=before - falls.mean,
            share=falls.mean / before,
            low=low / before,
            high=high / before,
            runs=len(errors),
        ),
        columns=suspect.columns,
    )


def leak_finding(trainer: Trainer, suspect: Suspect, tried: TriedRemedy | None) -> Finding:
    """A leak makes a loss too low, not too high: what is left without the column is the truth."""
    told = ""
    if tried is not None:
        without, with_it = (
            mean_relative_loss(trainer.runs_of(variant)) for variant in (tried.after, tried.before)
        )
        told = (
            f" With it the loss is {with_it:.0%} of a constant answer's, without it {without:.0%}."
        )
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.major,
        sentence=f"{suspect.sentence}.{told}",
        evidence=suspect.evidence,
        remedy=None if tried is None else remedy_of(tried, trainer),
        columns=suspect.columns,
    )


def _pairs(
    trainer: Trainer, one: Variant, two: Variant, draws: Sequence[int]
) -> list[tuple[JudgedVariant, JudgedVariant]]:
    """The runs of two variants on the draws where both were trained."""
    judged = trainer.judged
    return [
        (judged[one, draw], judged[two, draw])
        for draw in draws
        if (one, draw) in judged and (two, draw) in judged
    ]
