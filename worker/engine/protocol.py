"""What an engine is asked, and the callbacks by which it reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.results import FailedPlan, TrainedPlan

NextPlans = Callable[[int], list[Plan]]
"""Up to n plans to train; an empty list means none for now, and none ever once all have ended."""
TakeCheckpoint = Callable[[], Checkpoint]
"""Copies what a training goes on from; to be called before the next epoch begins."""
OnEpoch = Callable[[Plan, Epoch, TakeCheckpoint], bool]
"""Called after every epoch; returns whether its training goes on.

One whose patience or epochs are used up, or that diverged, ends in any case.
"""
OnBatch = Callable[[], None]
"""Called now and then inside an epoch: a sign of life."""


def next_plans_from(plans: Sequence[Plan]) -> NextPlans:
    """Return a function that hands out these plans in their order."""
    waiting = list(plans)

    def next_plans(n: int) -> list[Plan]:
        batch, waiting[:] = waiting[:n], waiting[n:]
        return batch

    return next_plans


class Engine(Protocol):
    """What trains plans on a job's arrays."""

    def run(
        self, next_plans: NextPlans, *, on_epoch: OnEpoch, on_batch: OnBatch
    ) -> Iterator[TrainedPlan | FailedPlan]:
        """Train plans until there are none, and yield each training as it ends."""
