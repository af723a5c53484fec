"""The executor of this process: cohorts on all its cores, and Keras for what they cannot train."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from worker.engine.buckets import Reach
from worker.engine.cohort import CohortEngine, Machine
from worker.engine.keras_fit import KerasEngine
from worker.engine.plans import Arrays

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def local_engine(arrays: Arrays, reach: Reach, *, trials: int) -> CohortEngine:
    """What trains a search of some trials in this process."""
    return CohortEngine(arrays, reach, this_machine(), trials=trials, fallback=KerasEngine(arrays))


def this_machine() -> Machine:
    """The cores and the memory that this process may use."""
    memory = psutil.virtual_memory().total
    if CGROUP_LIMIT.exists() and (limit := CGROUP_LIMIT.read_text().strip()).isdigit():
        memory = min(memory, int(limit))
    return Machine(cores=len(os.sched_getaffinity(0)), memory_bytes=memory)
