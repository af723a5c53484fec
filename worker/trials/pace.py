"""How fast a job trains: whether what it still has to train fits into its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import plan_seconds
from worker.trials.folds import TrainingResult


class Pace:
    """Holds the seconds that trainings took, all together, against what they were estimated to.

    Compiles, and what the search does beside training, are in these seconds, too.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._estimated_seconds = 0.0
        self._passed_seconds = 0.0

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Count the seconds that pass, in which trainings are counted."""
        started = self._clock()
        try:
            yield
        finally:
            self._passed_seconds += self._clock() - started

    def count(self, training: TrainingResult, arrays: Arrays) -> None:
        """Count a training that has ended; epochs before its checkpoint were trained earlier."""
        for fold in training.folds:
            before = fold.plan.checkpoint
            epochs = len(fold.epochs) - (len(before.epochs) if before else 0)
            self._estimated_seconds += plan_seconds(fold.plan, arrays, epochs)

    def expect(self, estimated_seconds: float) -> float:
        """Return how long trainings will take, by their estimate; that, where none was counted."""
        if not self._estimated_seconds:
            return estimated_seconds
        return estimated_seconds * self._passed_seconds / self._estimated_seconds
