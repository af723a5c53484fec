"""A search over a lookup: trainings are read instead of run, and cost what they would have."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.search_quality.lookup import Answers, Curve, Lookup
from worker.engine.plans import Plan


@dataclass(frozen=True)
class TrainingRequest:
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

    def ask(self) -> TrainingRequest | None:
        """Return the next training; None where there is none for now."""

    def goes_on(self, number: int, epoch: int, best: float) -> bool:
        """Return whether a training goes on after an epoch."""

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
    max_trials: int

    def is_reached(self, trials: int, seconds: float) -> bool:
        """Return whether no more trials are begun."""
        enough = trials >= self.trials and seconds >= self.seconds
        return enough or trials >= self.max_trials


@dataclass
class _Training:
    """A training underway: `best` is its least loss of the `epoch` epochs so far."""

    number: int
    curve: Curve
    epoch: int
    best: float = math.inf

    @property
    def is_over(self) -> bool:
        """Whether there are no more epochs."""
        return self.epoch >= len(self.curve.val_loss_E)

    @property
    def score(self) -> float | None:
        """Its least loss; None where it diverged."""
        is_finite = math.isfinite(self.best) and math.isfinite(self._loss)
        return self.best if is_finite else None

    def go_on(self) -> float:
        """Train an epoch, and return the seconds that it took.

        What goes on from where its recorded training ended is no better for it, and takes none.
        """
        seconds = 0.0 if self.is_over else self.curve.epoch_seconds
        self.epoch += not self.is_over
        self.best = min(self.best, self._loss)
        return seconds

    @property
    def _loss(self) -> float:
        return float(self.curve.val_loss_E[min(self.epoch, len(self.curve.val_loss_E)) - 1])


@dataclass
class _Stopwatch:
    """Seconds of a core spent inside: others may use the machine."""

    seconds: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens meanwhile."""
        started = time.process_time()
        yield
        self.seconds += time.process_time() - started


@dataclass
class _Simulation:
    """Some trainings side by side, each at its own pace."""

    algorithm: Algorithm
    answers: Answers
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
            request = self.algorithm.ask()
        if request is None:
            return False
        self.begun += 1
        curve = self.answers.answer(request.plan, request.after_epoch)
        self._await_epoch(clock, _Training(request.plan.number, curve, request.after_epoch))
        return True

    def next_epoch(self) -> float | None:
        """End the epoch that ends first, and return when its training ended, None if it goes on."""
        clock, number, training = heapq.heappop(self.underway)
        self.spent += training.go_on()
        if training.is_over:
            self._end(training, is_pruned=False)
        elif self.algorithm.goes_on(number, training.epoch, training.best):
            self._await_epoch(clock, training)
            return None
        else:
            self._end(training, is_pruned=True)
        return clock

    def _await_epoch(self, clock: float, training: _Training) -> None:
        end = clock + training.curve.epoch_seconds
        heapq.heappush(self.underway, (end, training.number, training))

    def _end(self, training: _Training, *, is_pruned: bool) -> None:
        with self.oracle.running():
            self.algorithm.tell(Ended(training.number, training.score, is_pruned))
        is_model = training.score is not None and not is_pruned
        self.pruned += is_pruned
        self.best.append(training.best if is_model else math.inf)
        self.seconds.append(self.spent)


def simulate(algorithm: Algorithm, lookup: Lookup, limit: Limit, *, open_trials: int) -> Search:
    """Let an algorithm search a lookup, with so many trials open at a time."""
    running = _Simulation(algorithm, Answers(lookup), limit)
    while len(running.underway) < open_trials and running.begin(0.0):
        pass
    while running.underway:
        clock = running.next_epoch()
        while clock is not None and len(running.underway) < open_trials and running.begin(clock):
            pass
    return Search(
        tuple(running.best), tuple(running.seconds), running.pruned, running.oracle.seconds
    )
