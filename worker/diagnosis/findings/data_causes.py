"""Findings outside the chain of remedies: noise, too few rows, rare classes, leaks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lowloss.results import Cause, Effect, EvidenceState, Finding, NoiseFloor, Severity
from lowloss.wording import counted, format_loss, format_percent, in_words
from worker.diagnosis.chain.attribution import Attribution
from worker.diagnosis.chain.chain import TriedRemedy
from worker.diagnosis.chain.gains import Gain, gain_of, mean_relative_loss, paired_runs
from worker.diagnosis.chain.remedies import REMEDIES, Candidate
from worker.diagnosis.chain.rules import RemedyContext
from worker.diagnosis.checks.data import find_far, outliers_of_target
from worker.diagnosis.checks.suspects import Suspect, evidence
from worker.diagnosis.findings.findings import build_remedy
from worker.diagnosis.thresholds import (
    BALANCED_GAIN,
    BALANCED_SHARE,
    MIN_FALL,
    MIN_SEEDS,
    OUTLIER_SHARE,
    SCARCE_COLUMN_ROWS,
    SCARCE_FALL,
    SCARCE_ROWS,
    SCARCE_SPREAD,
)
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.variants import Variant


def noise_finding(suspect: Suspect, best: float, metric: str, floor: NoiseFloor | None) -> Finding:
    """Return the finding of noise: the part of the loss that even the best model cannot remove.

    Its severity is none where no label looks wrong and the target is only hard to predict. How
    large that part is stands there where it was measured.
    """
    reached = f"the best that was reached is a {in_words(metric)} of {format_loss(best)}"
    if floor is not None and floor.conflicting:
        lowest = format_loss(floor.conflicting)
        reached += f", and by rows that are equal no model is expected below {lowest}"
    elif floor is not None and floor.estimate:
        reached += (
            f", of which {format_loss(floor.estimate)} is noise by an estimate from rows that are "
            "nearly equal"
        )
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.none if suspect.is_inert else Severity.major,
        evidence_state=EvidenceState.confirmed,
        sentence=f"{suspect.sentence}; {reached}.",
        evidence=suspect.evidence,
        rows=suspect.rows,
    )


@dataclass(frozen=True)
class HalfOfRows:
    """The gain of all training rows over half of them, and the relative loss with all."""

    gain: Gain
    full_loss: float

    @property
    def share(self) -> float:
        """The share of the loss that the second half of the rows takes off."""
        fall = max(0.0, self.gain.mean)
        return fall / (self.full_loss + fall)


def compare_with_half_of_rows(attribution: Attribution, draws: Sequence[int]) -> HalfOfRows:
    """Train on half of the training rows, and compare that with all of them."""
    trainer, end = attribution.chain.trainer, attribution.end
    half_variant = Variant(end.recipe, 0.5)
    trainer.train([half_variant, end], draws)
    pairs = paired_runs(trainer, half_variant, end, draws)
    return HalfOfRows(gain_of(pairs), mean_relative_loss([full for _, full in pairs]))


def too_little_data_finding(attribution: Attribution) -> Finding | None:
    """Return a finding where rows are few, and the loss still falls from half of them to all."""
    trainer = attribution.chain.trainer
    data = trainer.data
    rows = len(data.draws[0].fit_rows)
    if data.is_judged_on_training:
        return None
    if rows >= max(SCARCE_ROWS, SCARCE_COLUMN_ROWS * data.width) or data.whole_rows > len(data.y):
        return None
    half = compare_with_half_of_rows(attribution, attribution.draws)
    fall, full_loss = half.gain, half.full_loss
    # Of next to no loss more rows can take off next to nothing.
    if not fall.falls or full_loss < MIN_FALL:
        return None
    losses = [run.relative_loss for run in trainer.runs_of(attribution.end)]
    spread = statistics.stdev(losses) / full_loss if len(losses) > 1 else 0.0
    is_steep = fall.mean >= max(MIN_FALL, SCARCE_FALL * min(1.0, full_loss))
    if not is_steep and spread < SCARCE_SPREAD:
        return None
    is_confirmed = len(fall.falls) >= MIN_SEEDS
    measured = [f"its loss falls by {format_percent(half.share)} from half of them to all"]
    proof = [
        evidence("training rows", rows, SCARCE_ROWS),
        evidence("share that the second half of the rows takes off", half.share, SCARCE_FALL),
    ]
    if len(losses) > 1:
        measured.append(f"deviates by {format_percent(spread)} from draw to draw")
        what = "deviation of the loss between draws over its mean"
        proof.append(evidence(what, spread, SCARCE_SPREAD))
    remark = "" if is_confirmed else ", not confirmed on more"
    return Finding(
        cause=Cause.too_little_data,
        stage=Cause.too_little_data.stage,
        severity=Severity.major,
        evidence_state=EvidenceState.confirmed if is_confirmed else EvidenceState.unconfirmed,
        sentence=(
            f"Only {rows} rows train the network: {' and '.join(measured)}, on "
            f"{counted(len(fall.falls), 'draw')}{remark}. More rows may lower it."
        ),
        evidence=tuple(proof),
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
    chain.train([end, after], attribution.draws)
    errors = _balanced_errors(attribution, end, after)
    falls = Gain(tuple(plain - weighted for plain, weighted in errors))
    before = math.fsum(plain for plain, _ in errors) / max(1, len(errors))
    if falls.mean < max(BALANCED_GAIN, BALANCED_SHARE * before) or not falls.is_sure:
        return None
    low, high = (min(1.0, max(0.0, end_of / before)) for end_of in falls.interval)
    is_confirmed = len(errors) == len(attribution.draws)
    remark = "" if is_confirmed else f"; that is of {counted(len(errors), 'draw')}, not confirmed"
    remark += _tell_loss_of_balance(attribution, end, after)
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.major,
        evidence_state=EvidenceState.confirmed if is_confirmed else EvidenceState.unconfirmed,
        sentence=(
            f"{suspect.sentence}. {candidate.text}: the error where each class counts the same "
            f"goes from {format_percent(before)} to {format_percent(before - falls.mean)}{remark}."
        ),
        evidence=suspect.evidence,
        remedy=build_remedy(attribution, TriedRemedy(candidate, end, after, falls)),
        effect=Effect(
            metric="balanced_error",
            before=before,
            after=before - falls.mean,
            share=falls.mean / before,
            low=low,
            high=high,
            runs=len(errors),
        ),
        columns=suspect.columns,
    )


def _tell_loss_of_balance(attribution: Attribution, before: Variant, after: Variant) -> str:
    """Say what equal weights do to the loss: the remedied recipe goes by that, and has none."""
    loss, balanced = (
        attribution.loss_beside(one, other) for one, other in ((before, after), (after, before))
    )
    if loss is None or balanced is None:
        return ""
    metric = in_words(attribution.chain.trainer.metric)
    change = f"the {metric} goes from {format_loss(loss)} to {format_loss(balanced)} with it"
    if balanced <= loss:
        return f", and {change}"
    return (
        f". But {change}: use it where rare classes count more than probabilities do. The remedied "
        "recipe and its script go by the loss, and are without it"
    )


def _balanced_errors(
    attribution: Attribution, before: Variant, after: Variant
) -> list[tuple[float, float]]:
    """Return the errors where each class counts the same, on the draws where both have one."""
    pairs = paired_runs(attribution.chain.trainer, before, after, attribution.draws)
    scores = [(one.score, other.score) for one, other in pairs if one.score and other.score]
    return [
        (one.balanced_error, other.balanced_error)
        for one, other in scores
        if one.balanced_error is not None and other.balanced_error is not None
    ]


def outlier_finding(attribution: Attribution, _: Suspect) -> Finding | None:
    """Return a finding where outliers of the target are most of what a squared error counts.

    No remedy shows on a loss that they dominate. The suspect may be of features, or of another one
    of several targets.
    """
    measured = [
        (_outlier_share(data), suspect)
        for data in attribution.chain.trainer.data.by_target
        if (suspect := outliers_of_target(data)) is not None
    ]
    share, suspect = max(measured, key=lambda pair: pair[0], default=(0.0, None))
    if suspect is None or share < OUTLIER_SHARE:
        return None
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.major,
        evidence_state=EvidenceState.confirmed,
        sentence=(
            f"{suspect.sentence}. They have {format_percent(share, is_precise=True)} of the "
            "squared distances of all rows from its median: the loss says little of the others. "
            "Mend them, or leave them out."
        ),
        evidence=(
            *suspect.evidence,
            evidence("share of the squared distances", share, OUTLIER_SHARE),
        ),
        rows=suspect.rows,
        columns=suspect.columns,
    )


def _outlier_share(data: DiagnosisData) -> float:
    """Return what outliers of a target have of the squared distances from its median."""
    distances = np.sort((data.y - np.median(data.y)) ** 2)
    count = len(find_far(data.y))
    return float(distances[len(distances) - count :].sum() / (distances.sum() or 1.0))


def leak_finding(attribution: Attribution, suspect: Suspect) -> Finding:
    """Return the finding of a leaked column, with the loss without it.

    A leak makes a loss too low, not too high: the loss without the column is the honest one.
    """
    chain = attribution.chain
    tried = chain.best_attempt((suspect.cause,), chain.start)
    comparison = f" Not tried, {chain.trainer.why_over}: leave it out."
    if tried is not None:
        effect = attribution.effect_of(tried)
        before, after = _format_loss(effect.before), _format_loss(effect.after)
        comparison = f" With it the loss is {before}, without it {after}."
    return Finding(
        cause=suspect.cause,
        stage=suspect.cause.stage,
        severity=Severity.major,
        evidence_state=EvidenceState.not_tried if tried is None else EvidenceState.confirmed,
        sentence=f"{suspect.sentence}.{comparison}",
        evidence=suspect.evidence,
        remedy=None if tried is None else build_remedy(attribution, tried),
        columns=suspect.columns,
    )


def _format_loss(loss: float | None) -> str:
    return "not finite" if loss is None else format_loss(loss)
