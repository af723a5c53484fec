"""What the results of all tables say together: means over seeds, ratios, and ranks.

Arrays carry a key: S seeds of a table, M methods, T tables, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.real.measurements import JOB

Float64Array = NDArray[np.float64]
METHODS = (JOB, "linear", "boosting", "catboost", "kerastuner")
OTHERS = METHODS[1:]
RESAMPLES = 2_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rank:
    """A method's mean rank over tables, 1 for the best, and its central 95 % over resamples."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """The ratios of lowloss's metric to another method's, by table; below 1 lowloss is better."""

    ratios: Mapping[str, float]

    def count_within(self, share: float) -> int:
        """Count the tables on which lowloss is better, or worse by no more than a share."""
        return sum(ratio <= 1 + share for ratio in self.ratios.values())

    @property
    def worst(self) -> tuple[str, float]:
        """The table with the largest ratio, and that ratio."""
        return max(self.ratios.items(), key=lambda item: item[1])


def mean_of(entry: Mapping[str, Any], field: str, method: str) -> float | None:
    """Return a field's mean over seeds; None unless it was measured wherever the job was."""
    values = [run[field].get(method) for run in entry["runs"].values()]
    return None if None in values else float(np.mean(values))


def mean_scores(entry: Mapping[str, Any]) -> dict[str, float]:
    """Return the mean of the metric over seeds, of each method that was measured with all."""
    scores = {method: mean_of(entry, "scores", method) for method in METHODS}
    return {method: score for method, score in scores.items() if score is not None}


def compare(tables: Mapping[str, Any], other: str) -> Comparison:
    """Compare lowloss with another method on the tables on which it was measured."""
    table_scores = {name: mean_scores(entry) for name, entry in tables.items()}
    return Comparison(
        {
            name: ratio(scores[JOB], scores[other])
            for name, scores in table_scores.items()
            if other in scores
        }
    )


def ratio(score: float, other: float) -> float:
    """Return how many times another method's metric a metric is; of two zeros 1."""
    return 1.0 if score == other else float(np.divide(score, other))


def rank_methods(tables: Mapping[str, Any], *, seed: int = 0) -> tuple[dict[str, Rank], int]:
    """Rank the methods on the tables that have all of them, and count these.

    Resamples draw tables, and of each table seeds, with replacement.
    """
    complete = [_scores_of(entry) for entry in tables.values()]
    scores_TSM = [scores_SM for scores_SM in complete if not np.isnan(scores_SM).any()]
    if not scores_TSM:
        return {}, 0
    mean_TM = np.stack([scores_SM.mean(axis=0) for scores_SM in scores_TSM])
    mean_M = rankdata(mean_TM, axis=1).mean(axis=0)
    rank_RM = _resample(scores_TSM, np.random.default_rng(seed))
    share = (1 - CONFIDENCE) / 2
    low_M, high_M = np.quantile(rank_RM, [share, 1 - share], axis=0)
    ranks = {
        method: Rank(float(mean_M[m]), float(low_M[m]), float(high_M[m]))
        for m, method in enumerate(METHODS)
    }
    return ranks, len(scores_TSM)


def _scores_of(entry: Mapping[str, Any]) -> Float64Array:
    """Return the metric of each seed and method [S, M]; NaN where it was not measured."""
    runs = entry["runs"].values()
    return np.array([[run["scores"].get(m, np.nan) for m in METHODS] for run in runs], dtype=float)


def _resample(scores_TSM: Sequence[Float64Array], rng: np.random.Generator) -> Float64Array:
    """Return the mean ranks of resampled tables and seeds [R, M]."""
    tables = len(scores_TSM)
    rank_RM = np.empty((RESAMPLES, len(METHODS)))
    for resample in range(RESAMPLES):
        mean_TM = np.empty((tables, len(METHODS)))
        for position, table in enumerate(rng.integers(tables, size=tables)):
            scores_SM = scores_TSM[table]
            drawn = rng.integers(len(scores_SM), size=len(scores_SM))
            mean_TM[position] = scores_SM[drawn].mean(axis=0)
        rank_RM[resample] = rankdata(mean_TM, axis=1).mean(axis=0)
    return rank_RM
