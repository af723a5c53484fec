"""A search over a lookup: trainings are read instead of run, and cost what they would have."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.search_quality.lookup import Curve, Lookup
from worker.engine.plans import Plan


@dataclass(frozen=True)
class Asked:
    """What an algorithm wants trained next: to `plan.max_epochs`, from a training's epoch on."""

    plan: Plan
    after_epoch: int = 0


@dataclass(frozen=True)
class Ended:
    """How a training ended: its least validation loss; None where it diverged."""

    number: int
    best: float | None
    is_pruned: bool


class Algorithm(Protocol):
    """Asks for trainings, and is told how they end."""

    def ask(self) -> Asked | None:
        """The next training; None where there is none for now."""

    def goes_on(self, number: int, epoch: int, best: float) -> bool:
        """Whether a training goes on after an epoch."""

    def tell(self, ended: Ended) -> None:
        """Take in a training's end."""

    def close(self) -> None:
        """Let go of what it holds."""


@dataclass(frozen=True)
class Search:
    """What came of a search, trial by trial in the order of their ends.

    `best` is infinite where a trial diverged or was pruned: the winner is none of these. `seconds`
    is what all trials had trained when it ended, `oracle_seconds` what the algorithm took itself.
    """

    best: tuple[float, ...]
    seconds: tuple[float, ...]
    pruned: int
    oracle_seconds: float


@dataclass(frozen=True)
class Limit:
    """When a search ends: after so many trials, and so many seconds of training, or at the most."""

    trials: int
    seconds: float
    most_trials: int

    def is_reached(self, trials: int, seconds: float) -> bool:
        """Whether no more trials are begun."""
        enough = trials >= self.trials and seconds >= self.seconds
        return enough or trials >= self.most_trials


@dataclass
class _Training:
    """A training underway."""

    asked: Asked
    curve: Curve
    epoch: int
    best: float = math.inf


@dataclass
class _Stopwatch:
    """Seconds spent inside."""

    seconds: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens meanwhile."""
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started


@dataclass
class _Simulation:
    """Some trainings side by side, each at its own pace."""

    algorithm: Algorithm
    lookup: Lookup
    limit: Limit
    underway: list[tuple[float, int, _Training]] = field(default_factory=list)
    best: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    spent: float = 0.0
    begun: int = 0
    pruned: int = 0
    oracle: _Stopwatch = field(default_factory=_Stopwatch)

    def begin(self, clock: float) -> bool:
        """Begin the training that the algorithm asks for; whether there was one."""
        if self.limit.is_reached(self.begun, self.spent):
            return False
        with self.oracle.running():
            asked = self.algorithm.ask()
        if asked is None:
            return False
        self.begun += 1
        training = _Training(asked, self.lookup.answer(asked.plan, asked.after_epoch), asked.after_epoch)
        self._await_epoch(clock, training)
        return True

    def next_epoch(self) -> float | None:
        """End the epoch that ends first; answers the time at which its training ended, if it did."""
        clock, number, training = heapq.heappop(self.underway)
        curve_E = training.curve.val_loss_E
        if training.epoch < len(curve_E):
            self.spent += training.curve.epoch_seconds
            training.epoch += 1
        training.best = min(training.best, float(curve_E[min(training.epoch, len(curve_E)) - 1]))
        goes_on = self.algorithm.goes_on(number, training.epoch, training.best)
        is_last = training.epoch >= len(curve_E)
        if goes_on and not is_last:
            self._await_epoch(clock, training)
            return None
        self._end(training, is_pruned=not is_last)
        return clock

    def _await_epoch(self, clock: float, training: _Training) -> None:
        end = clock + training.curve.epoch_seconds
        heapq.heappush(self.underway, (end, training.asked.plan.number, training))

    def _end(self, training: _Training, *, is_pruned: bool) -> None:
        curve_E = training.curve.val_loss_E
        is_finite = math.isfinite(training.best) and math.isfinite(curve_E[training.epoch - 1])
        ended = Ended(
            training.asked.plan.number, training.best if is_finite else None, is_pruned
        )
        with self.oracle.running():
            self.algorithm.tell(ended)
        self.pruned += is_pruned
        self.best.append(training.best if is_finite and not is_pruned else math.inf)
        self.seconds.append(self.spent)


def simulate(algorithm: Algorithm, lookup: Lookup, limit: Limit, *, open_trials: int) -> Search:
    """Let an algorithm search a lookup, with so many trials open at a time."""
    running = _Simulation(algorithm, lookup, limit)
    while len(running.underway) < open_trials and running.begin(0.0):
        pass
    while running.underway:
        clock = running.next_epoch()
        while clock is not None and len(running.underway) < open_trials and running.begin(clock):
            pass
    return Search(
        tuple(running.best), tuple(running.seconds), running.pruned, running.oracle.seconds
    )


