"""Findings outside the chain of remedies: noise, too few rows, rare classes, leaks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from lowloss.results import Cause, Effect, Finding, Severity
from worker.diagnosis.chain.attribution import Attribution
from worker.diagnosis.chain.explain import TriedRemedy
from worker.diagnosis.chain.gains import Gain, mean_relative_loss, paired_runs
from worker.diagnosis.chain.remedies import REMEDIES, Candidate, RemedyContext
from worker.diagnosis.checks.suspects import Suspect, evidence
from worker.diagnosis.findings.findings import build_remedy
from worker.diagnosis.thresholds import (
    BALANCED_GAIN,
    BALANCED_SHARE,
    MIN_FALL,
    SCARCE_COLUMN_ROWS,
    SCARCE_FALL,
    SCARCE_ROWS,
    SCARCE_SPREAD,
)
from worker.diagnosis.training.variants import Variant


def noise_finding(suspect: Suspect, best: float, metric: str) -> Finding:
    """Return the finding of noise: the part of the loss that even the best model cannot remove.

    It is harmless where no label looks wrong and the target is only hard to predict.
    """
    reached = f"the best that was reached is a {metric.replace('_', ' ')} of {best:.3g}"
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.harmless if suspect.is_inert else Severity.major,
        sentence=f"{suspect.sentence}; {reached}.",
        evidence=suspect.evidence,
        rows=suspect.rows,
    )


def compare_with_half_of_rows(attribution: Attribution, draws: Sequence[int]) -> tuple[Gain, float]:
    """Return the gain of all training rows over half of them, and the relative loss with all."""
    trainer, end = attribution.chain.trainer, attribution.end
    half_variant = Variant(end.recipe, 0.5, end.without)
    trainer.train([half_variant, end], draws)
    pairs = paired_runs(trainer, half_variant, end, draws)
    falls = Gain(tuple(half.relative_loss - full.relative_loss for half, full in pairs))
    return falls, mean_relative_loss([full for _, full in pairs])


def too_little_data_finding(attribution: Attribution) -> Finding | None:
    """Return a finding where rows are few, and the loss still falls from half of them to all."""
    trainer = attribution.chain.trainer
    data = trainer.data
    rows = len(data.draws[0].fit_rows)
    if rows >= max(SCARCE_ROWS, SCARCE_COLUMN_ROWS * data.width) or data.whole_rows > len(data.y):
        return None
    fall, full_loss = compare_with_half_of_rows(attribution, attribution.chain.draws)
    losses = [run.relative_loss for run in trainer.runs_of(attribution.end)]
    spread = (
        statistics.stdev(losses) / full_loss if len(losses) > 1 and full_loss > MIN_FALL else 0.0
    )
    is_steep = fall.mean >= max(MIN_FALL, SCARCE_FALL * min(1.0, full_loss))
    if not is_steep and spread < SCARCE_SPREAD:
        return None
    share = max(0.0, fall.mean) / (full_loss + max(0.0, fall.mean))
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


def imbalance_finding(attribution: Attribution, suspect: Suspect) -> Finding | None:
    """Return a finding where weighting all classes the same predicts the rare ones better.

    A mean loss hardly counts rare classes.
    """
    chain, end = attribution.chain, attribution.end
    trainer = chain.trainer
    (remedy,) = REMEDIES[suspect.cause](RemedyContext(trainer.data, end.recipe, suspect))
    candidate = Candidate(suspect.cause, remedy, suspect)
    after = candidate.apply(end)
    chain.train([end, after])
    errors = [
        (plain.balanced_error, weighted.balanced_error)
        for plain, weighted in paired_runs(trainer, end, after, chain.draws)
        if plain.balanced_error is not None and weighted.balanced_error is not None
    ]
    falls = Gain(tuple(plain - weighted for plain, weighted in errors))
    before = math.fsum(plain for plain, _ in errors) / max(1, len(errors))
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
        remedy=build_remedy(attribution, TriedRemedy(candidate, end, after, falls)),
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


def leak_finding(attribution: Attribution, suspect: Suspect) -> Finding:
    """Return the finding of a leaked column, with the loss without it.

    A leak makes a loss too low, not too high: the loss without the column is the honest one.
    """
    chain = attribution.chain
    tried, comparison = chain.isolated.get(suspect.cause), ""
    if tried is not None:
        without, with_it = chain.loss_of(tried.after), chain.loss_of(tried.before)
        comparison = (
            f" With it the loss is {with_it:.0%} of a constant answer's, without it {without:.0%}."
        )
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.major,
        sentence=f"{suspect.sentence}.{comparison}",
        evidence=suspect.evidence,
        remedy=None if tried is None else build_remedy(attribution, tried),
        columns=suspect.columns,
    )
