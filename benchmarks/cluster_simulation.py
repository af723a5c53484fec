"""Simulates a search on many actors: `python -m benchmarks.cluster_simulation`.

Every actor trains one trial after another on a core. After each part of a trial it waits for the
driver, which answers one actor at a time: a report takes it `report_s`, the end of a trial with the
next one's proposal `trial_s`. The seconds of trials are those of a real search, drawn anew; the
costs are what `python -m benchmarks.cluster` measured.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Seconds of the driver, in which it serves nobody else."""

    report_s: float
    trial_s: float


@dataclass(frozen=True)
class Simulated:
    """The seconds of a search, and of all the training in it; the driver is busy for a part."""

    seconds: float
    training_seconds: float
    driver_seconds: float
    actors: int

    @property
    def efficiency(self) -> float:
        """The part of the actors' time in which they train."""
        return self.training_seconds / (self.actors * self.seconds)

    @property
    def driver_share(self) -> float:
        """The part of the time in which the driver is busy."""
        return self.driver_seconds / self.seconds


@dataclass(frozen=True)
class RecordedTrial:
    """Core seconds that a trial trained, and the reports that it made."""

    seconds: float
    reports: int


def simulate(
    recorded: Sequence[RecordedTrial], *, trials: int, actors: int, costs: Costs, seed: int = 0
) -> Simulated:
    """Return what a search of so many trials would take."""
    rng = random.Random(seed)
    drawn = [rng.choice(recorded) for _ in range(trials)]
    waiting, driver_free_at, driver_seconds, end = iter(drawn), 0.0, 0.0, 0.0
    # When an actor asks, its number, its trial, and the parts that are still to be trained.
    asking: list[tuple[float, int, RecordedTrial | None, int]] = [
        (0.0, actor, None, 0) for actor in range(actors)
    ]
    while asking:
        at, actor, trial, parts = heapq.heappop(asking)
        begins_trial = parts == 0
        cost = costs.trial_s if begins_trial else costs.report_s
        if begins_trial:
            trial = next(waiting, None)
            end = max(end, at)
            if trial is None:
                continue
            parts = trial.reports
        assert trial is not None
        driver_free_at = max(driver_free_at, at) + cost
        driver_seconds += cost
        trained_at = driver_free_at + trial.seconds / trial.reports
        heapq.heappush(asking, (trained_at, actor, trial, parts - 1))
    return Simulated(end, sum(trial.seconds for trial in drawn), driver_seconds, actors)
