"""The executor of this process: cohorts on all its cores."""

from __future__ import annotations

import math
import os
from pathlib import Path

import psutil

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import Reach
from worker.engine.cohort.cohort_engine import CohortEngine, Machine
from worker.engine.cohort.program import Programs

CGROUP = Path("/sys/fs/cgroup")
"""Where a container's limits stand."""


def local_engine(
    arrays: Arrays,
    reach: Reach,
    *,
    trials: int,
    plans_together: int = 1,
    programs: Programs | None = None,
) -> CohortEngine:
    """Build what trains a search in this process; `programs` may be shared with others."""
    return CohortEngine(
        arrays,
        reach,
        this_machine(),
        trials=trials,
        plans_together=plans_together,
        programs=programs,
    )


def this_machine() -> Machine:
    """Return the cores and the memory that this process may use."""
    cores, memory_bytes = len(os.sched_getaffinity(0)), psutil.virtual_memory().total
    if (quota := _limit("cpu.max"))[0].isdigit():
        cores = min(cores, max(1, math.ceil(int(quota[0]) / int(quota[1]))))
    if (limit := _limit("memory.max"))[0].isdigit():
        memory_bytes = min(memory_bytes, int(limit[0]))
    return Machine(cores=cores, memory_bytes=memory_bytes)


def _limit(name: str) -> list[str]:
    """Read the words of a limit; `max` where there is none."""
    path = CGROUP / name
    return path.read_text().split() if path.exists() else ["max"]
