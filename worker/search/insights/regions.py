"""Where in a search space trials diverge or fail."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lowloss.results import DivergedRegion, Trial, TrialState
from lowloss.spec import Choice, JobSpec
from worker.search.insights.chance import fisher
from worker.search.ranges import Searched, place, searched, value_of

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
    """The regions that have more failures than elsewhere, the clearest first.

    Each is looked for among the trials outside of those before it: hyperparameters that a search
    chose together would otherwise be blamed together.
    """
    left = list(trials)
    while True:
        lost = [trial.state in LOST for trial in left]
        regions = list(_regions(spec, left))
        chances = [_chance(region.inside, lost) for region in regions]
        # As many chances to be wrong as regions (Bonferroni).
        if not regions or min(chances) * len(regions) >= CHANCE:
            return
        worst = regions[chances.index(min(chances))]
        lost_inside = _both(worst.inside, lost)
        yield DivergedRegion(
            name=worst.name,
            low=worst.low,
            high=worst.high,
            choice=worst.choice,
            failed=lost_inside,
            trials=sum(worst.inside),
            failed_elsewhere=sum(lost) - lost_inside,
            trials_elsewhere=len(left) - sum(worst.inside),
        )
        left = [t for t, is_inside in zip(left, worst.inside, strict=True) if not is_inside]


def _regions(spec: JobSpec, trials: Sequence[Trial]) -> Iterator[Region]:
    for name, parameter in searched(spec).items():
        values = [value_of(trial.hyperparameters, name) for trial in trials]
        yield from (each for each in _parts(name, parameter, values) if any(each.inside))


def _parts(name: str, parameter: Searched, values: Sequence[object]) -> Iterator[Region]:
    """The parts of a range that are held against the rest: its outer thirds, or each choice."""
    if isinstance(parameter, Choice):
        for choice in parameter.choices:
            yield Region(name, tuple(value == choice for value in values), choice=str(choice))
        return
    numbers = [float(value) for value in values]  # type: ignore[arg-type]  # of a range
    places = [place(parameter, value) for value in numbers]
    for low, high in ((-math.inf, 1 / 3), (2 / 3, math.inf)):
        inside = tuple(low <= each <= high for each in places)
        there = [value for value, is_inside in zip(numbers, inside, strict=True) if is_inside]
        if there:
            yield Region(name, inside, low=min(there), high=max(there))


def _chance(inside: Sequence[bool], lost: Sequence[bool]) -> float:
    seen = _both(inside, lost)
    if seen < MIN_FAILED:
        return 1.0
    return fisher(seen, sum(inside), lost=sum(lost), total=len(lost))


def _both(some: Sequence[bool], others: Sequence[bool]) -> int:
    return sum(map(all, zip(some, others, strict=True)))
