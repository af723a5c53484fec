"""How fast a job trains: whether what it still has to train fits into its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import COMPILE_SECONDS, plan_seconds
from worker.engine.results import TrainedPlan
from worker.execution.executor import JobEngine

PRIOR_SECONDS = COMPILE_SECONDS
"""Training of one thread that is taken to have passed as fast as it was estimated: chosen.

It outweighs a few seconds in which nearly nothing was trained.
"""


class Pace:
    """Compares what trainings took of the threads that train with what they were estimated to.

    `compile_seconds` returns the time that compiles have taken so far, which is not counted. What
    the threads waited for beside it, such as the next plan, is.
    """

    def __init__(
        self,
        compile_seconds: Callable[[], float] = lambda: 0.0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._compile_seconds = compile_seconds
        self._clock = clock
        self._threads = 1
        self._estimated_seconds = PRIOR_SECONDS
        self._thread_seconds = PRIOR_SECONDS

    @contextmanager
    def measure(self, engine: JobEngine) -> Iterator[None]:
        """Measure the time in which an engine trains what is passed to `count`."""
        started, compiled = self._clock(), self._compile_seconds()
        try:
            yield
        finally:
            seconds, self._threads = self._clock() - started, max(1, engine.threads)
            # One thread compiles while the others train.
            compile_seconds = self._compile_seconds() - compiled
            self._thread_seconds += max(0.0, seconds * self._threads - compile_seconds)

    def count(self, trained: Iterable[TrainedPlan], arrays: Arrays) -> None:
        """Count plans that have ended; epochs before their checkpoints were trained earlier."""
        for one in trained:
            before = one.plan.checkpoint
            epochs = len(one.epochs) - (len(before.epochs) if before else 0)
            self._estimated_seconds += plan_seconds(one.plan, arrays, epochs)

    def expect(self, estimates: Sequence[float], *, together: int = 1) -> float:
        """Return how many seconds plans will take, each of so many estimated core seconds.

        A thread trains up to so many of them `together`, as slowly as one after the other.
        """
        longest = max(estimates, default=0.0) * min(together, len(estimates))
        estimated = max(sum(estimates) / self._threads, longest)
        return estimated * self._thread_seconds / self._estimated_seconds
