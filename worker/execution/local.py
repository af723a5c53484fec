"""The executor of this process: cohorts on all its cores."""

from __future__ import annotations

import math
import os
from pathlib import Path

from service.machine import measure_memory
from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import Reach
from worker.engine.cohort.cohort_engine import CohortEngine, Machine
from worker.engine.cohort.program import Programs

CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""Where a container's quota of processor time stands."""


class LocalExecutor:
    """Trains in this process; what its programs were compiled for once, they train from then on.

    It takes `memory_bytes` for the machine's memory, all that there is without them.
    """

    name = "local"

    def __init__(
        self, programs: Programs | None = None, *, memory_bytes: int | None = None
    ) -> None:
        self._programs = Programs() if programs is None else programs
        self._memory_bytes = memory_bytes

    @property
    def compile_seconds(self) -> float:
        """The time that compiles have taken so far."""
        return self._programs.compile_timer.seconds

    @property
    def remote_cpu_seconds(self) -> float:
        """Return 0: nothing trains elsewhere."""
        return 0.0

    def request_actors(self, actors: int | None) -> None:
        """Do nothing: there is this process alone."""

    def build_engine(
        self, arrays: Arrays, reach: Reach, *, trials: int, plans_together: int = 1, slots: int = 1
    ) -> CohortEngine:
        """Return what trains plans on arrays with all cores that this process may use."""
        return CohortEngine(
            arrays,
            reach,
            this_machine(self._memory_bytes),
            trials=trials,
            plans_together=plans_together,
            slots=slots,
            programs=self._programs,
        )

    def count_nodes(self) -> int:
        """Return 1: this machine."""
        return 1

    def explain_loss(self, error: Exception) -> None:
        """Return None: this process is there."""

    def release(self) -> None:
        """Keep the programs: they need next to nothing while they rest."""


def this_machine(memory_bytes: int | None = None) -> Machine:
    """Return the cores and the memory that this process may use: these bytes, where given."""
    cores = len(os.sched_getaffinity(0))
    quota = CPU_LIMIT.read_text().split() if CPU_LIMIT.exists() else ["max"]
    if quota[0].isdigit():
        cores = min(cores, max(1, math.ceil(int(quota[0]) / int(quota[1]))))
    return Machine(cores=cores, memory_bytes=memory_bytes or measure_memory())
