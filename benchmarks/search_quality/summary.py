"""What all searches came to, as plain data: small enough to be committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.search_quality.lookup import Lookup
from benchmarks.search_quality.measures import (
    Searches,
    best_after_seconds,
    best_after_trials,
    mean_over_tables,
    mean_ranks,
    over_seeds,
    regret,
    seconds_to_reach,
)
from benchmarks.search_quality.setups import Setup
from benchmarks.search_quality.simulate import Search

TRIALS, TRAININGS = (10, 20, 50, 100), (10, 20, 40, 100)
"""Searches are looked at after so many trials, and after the cost of so many trainings."""
GOAL_TRAININGS = 40
RANDOM_TRIALS = 200
LONGEST = 100
"""A search that does not reach a target is taken to need so many trainings: it needs more."""
QUANTILES = (0.0, 0.005, 0.05, 0.25, 0.5, 0.75)

Lookups = Mapping[str, Lookup]


def targets_of(random: Searches) -> dict[str, float]:
    """Return by table: the median of the best that random searches of 200 trials find."""
    return {
        table: float(np.median([best_after_trials(search, RANDOM_TRIALS) for search in runs]))
        for table, runs in random.items()
    }


def describe(lookup: Lookup, target: float) -> dict[str, Any]:
    """Return a table's trainings, and the target that searches are held against."""
    return {
        "settings": len(lookup.plans),
        "quantiles": {str(q): float(np.quantile(lookup.best_S, q)) for q in QUANTILES},
        "random_200": target,
        "random_200_regret": regret(target, lookup),
        "epochs": float(lookup.epochs_S.mean()),
        "training_seconds": lookup.mean_seconds,
        "cpu_seconds": lookup.cpu_seconds / len(lookup.plans),
    }


def summarise(
    setup: Setup, searches: Searches, lookups: Lookups, targets: Mapping[str, float], *, cores: int
) -> dict[str, Any]:
    """Return what one setup's searches came to; on so many cores, if trainings use all of them."""

    def estimate(measure: Callable[[Search, str], float]) -> dict[str, float] | None:
        mean = mean_over_tables(over_seeds(searches, measure))
        return None if mean is None else asdict(mean)

    def after_trials(count: int) -> dict[str, float] | None:
        return estimate(lambda search, table: of(best_after_trials(search, count), table))

    def after_trainings(count: int) -> dict[str, float] | None:
        if count > setup.trainings:
            return None
        return estimate(
            lambda search, table: of(best_at_cost(search, lookups[table], count), table)
        )

    def of(best: float, table: str) -> float:
        return regret(best, lookups[table])

    def trainings_to_reach(search: Search, table: str) -> float:
        needed = seconds_to_reach(search, targets[table]) / lookups[table].mean_seconds
        return min(needed, LONGEST)

    every = [search for runs in searches.values() for search in runs]
    trials = sum(len(search.best) for search in every)
    return {
        "seeds": min(map(len, searches.values())),
        "after_trials": {str(count): after_trials(count) for count in TRIALS},
        "after_trainings": {str(count): after_trainings(count) for count in TRAININGS},
        "to_random_200": estimate(trainings_to_reach),
        "reached_in_40": estimate(
            lambda search, table: float(trainings_to_reach(search, table) <= GOAL_TRAININGS)
        ),
        "pruned": sum(search.pruned for search in every) / trials,
        "trials_a_training": trials / sum(_trainings(searches, lookups)),
        "oracle_seconds": sum(search.oracle_seconds for search in every) / trials,
        "oracle_share": _oracle_share(searches, lookups, cores),
    }


def rank(setups: Mapping[str, Searches], lookups: Lookups) -> dict[str, float]:
    """Return average ranks after the cost of 40 trainings."""

    def best(search: Search, table: str) -> float:
        return best_at_cost(search, lookups[table], GOAL_TRAININGS)

    return mean_ranks({name: over_seeds(searches, best) for name, searches in setups.items()})


def best_at_cost(search: Search, lookup: Lookup, trainings: float) -> float:
    """Return the best once so many trainings' time was spent; a search that ended had no more."""
    return best_after_seconds(search, min(trainings * lookup.mean_seconds, search.seconds[-1]))


def _trainings(searches: Searches, lookups: Lookups) -> list[float]:
    """Return what each search trained, in average trainings."""
    return [
        search.seconds[-1] / lookups[table].mean_seconds
        for table, runs in searches.items()
        for search in runs
    ]


def _oracle_share(searches: Searches, lookups: Lookups, cores: int) -> float:
    """Return the oracle's part of a search, if trainings take what they took to tabulate."""
    oracle = sum(search.oracle_seconds for runs in searches.values() for search in runs)
    trained = sum(
        search.seconds[-1] * lookups[table].cpu_per_second / cores
        for table, runs in searches.items()
        for search in runs
    )
    return oracle / (oracle + trained)
