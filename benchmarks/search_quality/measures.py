"""How good searches were: regret, rank, what they cost, each with its interval over seeds.

A table's runs of one setup are its seeds; a mean is over tables, and its interval is the central
95 % of means over seeds that are drawn anew within each table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.search_quality.lookup import Floats, Lookup
from benchmarks.search_quality.simulate import Search

DRAWS = 2_000
Searches = Mapping[str, Sequence[Search]]
"""Of one setup, by table."""


@dataclass(frozen=True)
class Estimate:
    """A mean, and where it would lie with other seeds."""

    mean: float
    low: float
    high: float


def best_after_trials(search: Search, trials: int) -> float:
    """Return the best loss after so many trials; NaN where the search had fewer."""
    if len(search.best) < trials:
        return math.nan
    return min(search.best[:trials])


def best_after_seconds(search: Search, seconds: float) -> float:
    """Return the best loss after so much training; NaN where the search ended before."""
    if not search.seconds or search.seconds[-1] < seconds:
        return math.nan
    ended = [best for best, at in zip(search.best, search.seconds, strict=True) if at <= seconds]
    return min(ended, default=math.inf)


def seconds_to_reach(search: Search, target: float) -> float:
    """Return the training until a trial ended that was as good as a target.

    Infinite where none was.
    """
    for best, at in zip(search.best, search.seconds, strict=True):
        if best <= target:
            return at
    return math.inf


def regret(best: float, lookup: Lookup) -> float:
    """Return how much worse than the table's best: 1 is a setting of the middle."""
    best_loss, middle = float(lookup.best_S.min()), float(np.median(lookup.best_S))
    # A search that has no model yet is no worse off than with a middling one.
    return (min(best, middle) - best_loss) / (middle - best_loss)


def mean_over_tables(values_of: Mapping[str, Floats]) -> Estimate | None:
    """Return the mean of the tables' means over seeds; None where some search has no value."""
    values = list(values_of.values())
    if not values or any(not values_S.size or np.isnan(values_S).any() for values_S in values):
        return None
    rng = np.random.default_rng(0)
    drawn = np.mean(
        [
            values_S[rng.integers(values_S.size, size=(DRAWS, values_S.size))].mean(axis=1)
            for values_S in values
        ],
        axis=0,
    )
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(
        float(np.mean([values_S.mean() for values_S in values])), float(low), float(high)
    )


def mean_ranks(bests_of: Mapping[str, Mapping[str, Floats]]) -> dict[str, float]:
    """Return each setup's expected rank among all, seeds drawn at random; from 1, over all tables.

    Given are the best losses by setup, by table. Setups may have different numbers of seeds.
    """
    setups = list(bests_of)
    tables = set.intersection(*(set(bests_of[setup]) for setup in setups))
    return {
        setup: 1.0
        + sum(
            float(np.mean([_beats(bests_of[other][t], bests_of[setup][t]) for t in tables]))
            for other in setups
            if other != setup
        )
        for setup in setups
    }


def _beats(ones: Floats, others: Floats) -> float:
    """Return how often one of the first is less than one of the others; equals count half."""
    less = (ones[:, None] < others).mean()
    return float(less + (ones[:, None] == others).mean() / 2)


def over_seeds(searches: Searches, measure: Callable[[Search, str], float]) -> dict[str, Floats]:
    """Return a measure of every search, by table."""
    return {
        table: np.array([measure(search, table) for search in runs])
        for table, runs in searches.items()
    }
