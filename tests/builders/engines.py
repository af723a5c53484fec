"""Engines under test."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.builders.trainings import some_arrays
from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import Reach
from worker.engine.cohort.cohort import Cohort
from worker.engine.cohort.cohort_engine import CohortEngine, Machine
from worker.engine.cohort.feed import Feed
from worker.engine.cohort.program import Program, Programs
from worker.engine.cohort.shape import OPTIONS, Shape
from worker.engine.protocol import OnEpoch, look_at_every_epoch
from worker.engine.results import FailedPlan, TrainedPlan

MEMORY_BYTES = 2**33


def a_cohort_engine(
    arrays: Arrays,
    *,
    reach: Reach = Reach(1, 1, OPTIONS),  # noqa: B008
    cores: int = 2,
    memory_bytes: int = MEMORY_BYTES,
    trials: int = 16,
    plans_together: int = 1,
    programs: Programs | None = None,
) -> CohortEngine:
    """Without a reach to speak of, every plan's program is its own.

    Tests share compiled programs, which hold no state, unless they bring their own.
    """
    programs = shared_programs() if programs is None else programs
    return CohortEngine(
        arrays,
        reach,
        Machine(cores, memory_bytes),
        trials=trials,
        plans_together=plans_together,
        slots=plans_together,
        programs=programs,
    )


@cache
def shared_programs() -> Programs:
    """The programs of all tests in this process."""
    return Programs()


def a_cohort(
    arrays: Arrays | None = None,
    *,
    dtype: str = "float32",
    is_resident: bool = True,
    **shape: Any,
) -> Cohort:
    """An empty cohort."""
    arrays = arrays or some_arrays()
    values: dict[str, Any] = {
        "slots": 3,
        "widths": (32,),
        "batch_size": 16,
        "activation": "relu",
        "optimizer": "adam",
    }
    made_for = Shape(**values | shape)
    program = (
        shared_programs().get(made_for, arrays, is_resident=is_resident)
        if dtype == "float32"
        else Program(made_for, arrays, is_resident=is_resident, dtype=dtype)
    )
    return Cohort(program, arrays, Feed(arrays, is_resident=is_resident, dtype=dtype))


def train_epoch(
    cohort: Cohort, on_epoch: OnEpoch = lambda *_: True
) -> list[TrainedPlan | FailedPlan]:
    """Train all slots of a cohort for an epoch; the trials that end with it."""
    stretch = cohort.train(1)
    assert stretch is not None
    return cohort.end_stretch(stretch, on_epoch, look_at_every_epoch)
