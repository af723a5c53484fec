"""Which scores an axis shows: one rule for all charts of scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lowloss.results import Job, Trial

OUTLIER_FACTOR = 3.0
"""Scores so many times the distance of the quartiles beyond the worse one flatten a chart."""
MIN_SCORES = 8
"""Of fewer scores none is far from the others."""


def find_limits(
    job: Job, trials: Sequence[Trial], *, outliers: bool = False
) -> tuple[float, float]:
    """Return the ends beyond which a score is drawn at the edge; infinite with `outliers`."""
    scores = sorted(trial.score for trial in trials if trial.score is not None)
    if outliers or len(scores) < MIN_SCORES:
        return -math.inf, math.inf
    lower, upper = scores[len(scores) // 4], scores[3 * len(scores) // 4]
    reach = OUTLIER_FACTOR * (upper - lower)
    # Of scores that are nearly all the same, the edge would be where they are.
    if not reach:
        return -math.inf, math.inf
    is_loss = job.search.objective.direction.sign > 0
    return (-math.inf, upper + reach) if is_loss else (lower - reach, math.inf)


def has_far_worse(job: Job, trials: Sequence[Trial]) -> bool:
    """Return whether a trial is so much worse that it would flatten the others."""
    low, high = find_limits(job, trials)
    return any(not low <= trial.score <= high for trial in trials if trial.score is not None)


def limit(score: float, limits: tuple[float, float]) -> float:
    """Return where a score is drawn."""
    return min(max(score, limits[0]), limits[1])
