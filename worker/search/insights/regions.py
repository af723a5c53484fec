"""Where in a search space trials diverge or fail."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import hypergeom

from lowloss.results import DivergedRegion, Trial, TrialState
from lowloss.spec import Choice, JobSpec
from worker.search.sides import Side
from worker.search.space import value_of, varying_sides

CHANCE = 0.01
"""A region is named where chance makes any of those looked at seem as bad less often."""
MIN_FAILED = 3
LOST = frozenset({TrialState.diverged, TrialState.failed})


@dataclass(frozen=True)
class Region:
    """One choice, or a third of a range, the ends of which are values of trials there."""

    name: str
    inside: tuple[bool, ...]
    low: float | None = None
    high: float | None = None
    choice: str | None = None


def find_regions(spec: JobSpec, trials: Sequence[Trial]) -> Iterator[DivergedRegion]:
    """Yield the regions that have more failures than elsewhere, the clearest first.

    Each is looked for among the trials outside of those before it: hyperparameters that a search
    chose together would otherwise be blamed together.
    """
    remaining = list(trials)
    while True:
        lost = [trial.state in LOST for trial in remaining]
        regions = list(_regions(spec, remaining))
        chances = [_chance(region.inside, lost) for region in regions]
        # As many chances to be wrong as regions (Bonferroni).
        if not regions or min(chances) * len(regions) >= CHANCE:
            return
        worst = regions[chances.index(min(chances))]
        lost_inside = _count_both(worst.inside, lost)
        yield DivergedRegion(
            name=worst.name,
            low=worst.low,
            high=worst.high,
            choice=worst.choice,
            failed=lost_inside,
            trials=sum(worst.inside),
            failed_elsewhere=sum(lost) - lost_inside,
            trials_elsewhere=len(remaining) - sum(worst.inside),
        )
        remaining = [
            t for t, is_inside in zip(remaining, worst.inside, strict=True) if not is_inside
        ]


def _regions(spec: JobSpec, trials: Sequence[Trial]) -> Iterator[Region]:
    for name, side in varying_sides(spec).items():
        values = [value_of(trial.hyperparameters, name) for trial in trials]
        yield from (region for region in _parts(side, values) if any(region.inside))


def _parts(side: Side, values: Sequence[Any]) -> Iterator[Region]:
    """Yield the parts of a range that are compared with the rest: outer thirds, or each choice."""
    if isinstance(side.parameter, Choice):
        for choice in side.parameter.choices:
            yield Region(side.name, tuple(value == choice for value in values), choice=str(choice))
        return
    # A linear network has no width, and lies nowhere.
    numbers = [math.nan if value is None else float(value) for value in values]
    positions = [side.position(value) for value in numbers]
    for low, high in ((-math.inf, 1 / 3), (2 / 3, math.inf)):
        inside = tuple(low <= position <= high for position in positions)
        there = [value for value, is_inside in zip(numbers, inside, strict=True) if is_inside]
        if there:
            yield Region(side.name, inside, low=min(there), high=max(there))


def _chance(inside: Sequence[bool], lost: Sequence[bool]) -> float:
    seen = _count_both(inside, lost)
    if seen < MIN_FAILED:
        return 1.0
    # Fisher's exact test, one-sided (1922).
    return float(hypergeom.sf(seen - 1, len(lost), sum(lost), sum(inside)))


def _count_both(first: Sequence[bool], second: Sequence[bool]) -> int:
    return sum(map(all, zip(first, second, strict=True)))
