"""Limits the threads of numeric libraries to the cores that other processes leave free.

OpenMP's threads spin while they wait for each other: with more threads than free cores a fit of a
second took more than a minute (docs/operations.md, "A busy machine").
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from threadpoolctl import ThreadpoolController

from worker.execution.local import this_machine

MIN_SAMPLE_SECONDS = 0.2
"""What processes use is counted in hundredths of a second: a shorter sample says little."""
TOLERANCE = 0.25
"""The part of a core that others may use while it still counts as free."""


@dataclass(frozen=True)
class CpuTimes:
    """A moment, and what the cores of this process and the process itself had been busy by then.

    All in seconds; `busy` is the sum over the cores.
    """

    at: float
    busy: float
    own: float


def read_cpu_times() -> CpuTimes:
    """Read the times of the cores that this process may use."""
    of_cores = psutil.cpu_times(percpu=True)
    # A core that is not listed is offline.
    cores = [of_cores[core] for core in os.sched_getaffinity(0) if core < len(of_cores)]
    busy = sum(t.user + t.nice + t.system + t.irq + t.softirq + t.steal for t in cores)
    return CpuTimes(time.monotonic(), busy, time.process_time())


class FreeCores:
    """Counts the cores that other processes leave free, from what they used since it last did."""

    def __init__(
        self,
        *,
        cores: int | None = None,
        read: Callable[[], CpuTimes] = read_cpu_times,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit = this_machine().cores if cores is None else cores
        # A container may have less processor time than cores, which it shares with others.
        self._cores = len(os.sched_getaffinity(0)) if cores is None else cores
        self._read = read
        self._sleep = sleep
        self._times: CpuTimes | None = None
        self._free = self._limit

    def count(self) -> int:
        """Return the free cores, at least 1; the first call takes a moment."""
        if self._times is None:
            self._times = self._read()
            self._sleep(MIN_SAMPLE_SECONDS)
        now, before = self._read(), self._times
        seconds = now.at - before.at
        if seconds >= MIN_SAMPLE_SECONDS:
            others = ((now.busy - before.busy) - (now.own - before.own)) / seconds
            free = int(self._cores - max(0.0, others) + TOLERANCE)
            self._free = min(self._limit, max(1, free))
            self._times = now
        return self._free

    @contextmanager
    def limit_threads(self) -> Iterator[int]:
        """Limit the threads of OpenMP and BLAS within a block, and yield how many there may be.

        OpenMP has the limit of the calling thread alone. A lower limit stays as it is.
        """
        threads, controller = self.count(), ThreadpoolController()
        limits: dict[str, int] = {}
        for library in controller.info():
            prefix = library["prefix"]
            limits[prefix] = min(threads, library["num_threads"], limits.get(prefix, threads))
        with controller.limit(limits=limits):
            yield threads
