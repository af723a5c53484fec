"""How fast a job trains: whether what it still has to train fits into its time."""

from __future__ import annotations

import math
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

    `compile_seconds` returns the time that compiles have taken so far, which is counted apart. What
    the threads waited for beside it, such as the next plan, is not.
    """

    def __init__(
        self,
        compile_seconds: Callable[[], float] = lambda: 0.0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_compile_seconds = compile_seconds
        self._clock = clock
        self._threads = 1
        self._programs = set[str]()
        self._compile_seconds_before = compile_seconds()
        self._estimated_seconds = PRIOR_SECONDS
        self._thread_seconds = PRIOR_SECONDS

    @contextmanager
    def measure(self, engine: JobEngine, *, plans: float = math.inf) -> Iterator[None]:
        """Measure the time in which an engine trains what is passed to `count`.

        Where it has fewer `plans` than threads, the other threads are not counted.
        """
        started, compiled = self._clock(), self._read_compile_seconds()
        try:
            yield
        finally:
            seconds, self._threads = self._clock() - started, max(1, engine.threads)
            busy = min(self._threads, plans)
            # One thread compiles while the others train.
            compile_seconds = self._read_compile_seconds() - compiled
            self._thread_seconds += max(0.0, seconds * busy - compile_seconds)

    def count(self, trained: Iterable[TrainedPlan], arrays: Arrays) -> None:
        """Count plans that have ended; epochs before their checkpoints were trained earlier."""
        for one in trained:
            before = one.plan.checkpoint
            epochs = len(one.epochs) - (len(before.epochs) if before else 0)
            self._estimated_seconds += plan_seconds(one.plan, arrays, epochs)
            self._programs.add(one.program)

    def expect(self, estimates: Sequence[float], *, together: int = 1, programs: int = 0) -> float:
        """Return how many seconds plans will take, each of so many estimated core seconds.

        A thread trains up to so many of them `together`, as slowly as one after the other; so many
        `programs` compile first, each for as long as those of the plans that were counted.
        """
        longest = max(estimates, default=0.0) * min(together, len(estimates))
        estimated = max(sum(estimates) / self._threads, longest)
        compile_seconds = self._read_compile_seconds() - self._compile_seconds_before
        mean_seconds = (COMPILE_SECONDS + compile_seconds) / (1 + len(self._programs))
        return programs * mean_seconds + estimated * self._thread_seconds / self._estimated_seconds
