"""Which of the remedies that were tried becomes the next step of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lowloss.results import Cause, Stage
from worker.diagnosis.chain.chain import Chain, Step, TriedRemedy
from worker.diagnosis.chain.gains import minimum_gain
from worker.diagnosis.thresholds import (
    LARGE_FALL,
    LARGE_SHARE,
    MIN_GAIN,
    NEAR,
    SAME_STAGE_NEAR,
)

STAGES = {Stage.data: 0, Stage.architecture: 1, Stage.training: 2}
LAST = frozenset({Cause.augmentation_missing, Cause.regularisation_missing})
"""What helps against overfitting, whatever its cause: taken where nothing else gains as much."""


def choose_step(chain: Chain, tried: list[TriedRemedy]) -> Step | None:
    """Choose the upstream one of the remedies that gain about as much as the best."""
    before = chain.loss_of(chain.end)
    passing = _measure_alike(
        chain,
        [
            remedy
            for remedy in tried
            if remedy.gain.is_sure
            and remedy.gain.mean
            >= minimum_gain(before, is_suspect=remedy.candidate.suspect is not None)
        ],
    )
    worthless = _worthless_gain(before, passing)
    passing = [remedy for remedy in passing if not _is_needless(remedy, passing, worthless)]
    if not passing:
        return None
    best = max(passing, key=lambda remedy: remedy.gain.mean)
    near = [
        remedy
        for remedy in passing
        if remedy.gain.mean - worthless >= NEAR * (best.gain.mean - worthless)
        and not is_far_better(chain, best, remedy, chain.draws)
    ]
    if any(remedy.candidate.suspect for remedy in near):
        near = [remedy for remedy in near if remedy.candidate.suspect]
    first = min(downstream_rank(remedy.cause) for remedy in near)
    upstream = [remedy for remedy in near if downstream_rank(remedy.cause) == first]
    best_gain = max(remedy.gain.mean for remedy in upstream)
    close = [
        remedy
        for remedy in upstream
        if remedy.gain.mean - worthless >= SAME_STAGE_NEAR * (best_gain - worthless)
    ]
    chosen = max(close, key=lambda remedy: (remedy.candidate.strength, remedy.gain.mean))
    return Step(chosen, _list_rivals(chosen, passing, worthless))


def _list_rivals(
    chosen: TriedRemedy, passing: list[TriedRemedy], worthless: float
) -> tuple[TriedRemedy, ...]:
    """Return the other remedies that gain, the best first.

    What only comes down to a constant answer does not do what the chosen one does.
    """
    rivals = [
        remedy
        for remedy in passing
        if remedy.candidate.partner is None
        and remedy.cause not in chosen.candidate.causes
        and (not worthless or remedy.gain.mean - worthless >= MIN_GAIN)
    ]
    return tuple(sorted(rivals, key=lambda remedy: -remedy.gain.mean))


def downstream_rank(cause: Cause) -> int:
    """Return how far downstream a cause lies."""
    return len(STAGES) if cause in LAST else STAGES[cause.stage]


def is_far_better(
    chain: Chain, best: TriedRemedy, other: TriedRemedy, draws: Sequence[int]
) -> bool:
    """Return whether a remedy surely takes off a large part of what another leaves.

    One draw is not sure: where there was time for no more, the cause upstream goes first.
    """
    fall, loss = chain.gain(other.after, best.after, draws), chain.loss_of(other.after)
    return (
        len(fall.falls) > 1
        and fall.is_sure
        and fall.mean >= max(LARGE_FALL, LARGE_SHARE * min(1.0, loss))
    )


def _measure_alike(chain: Chain, remedies: list[TriedRemedy]) -> list[TriedRemedy]:
    """Return remedies with their gains on the draws that all of them were trained on."""
    judged = chain.trainer.judged
    shared = [n for n in chain.draws if all((remedy.after, n) in judged for remedy in remedies)]
    if not shared:
        return remedies
    return [
        replace(remedy, gain=chain.gain(remedy.before, remedy.after, shared)) for remedy in remedies
    ]


def _worthless_gain(before: float, remedies: list[TriedRemedy]) -> float:
    """Return the part of a gain that only brings a loss down to a constant answer's.

    It counts for nothing where a remedy beats a constant answer.
    """
    above = max(0.0, before - 1.0)
    is_beaten = any(remedy.gain.mean - above >= MIN_GAIN for remedy in remedies)
    return above if is_beaten else 0.0


def _is_needless(remedy: TriedRemedy, passing: list[TriedRemedy], worthless: float) -> bool:
    """Return whether a part of what is remedied at once gains nearly as much."""
    causes = {*remedy.candidate.causes}
    return any(
        {*part.candidate.causes} < causes
        and part.gain.mean - worthless >= NEAR * (remedy.gain.mean - worthless)
        for part in passing
    )
