"""What an engine is asked, and the callbacks by which it reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.results import FailedPlan, TrainedPlan

NextPlans = Callable[[int], list[Plan]]
"""Up to n plans to train; an empty list means none for now, and none ever once all have ended."""
TakeCheckpoint = Callable[[], Checkpoint] | None
"""Copies what a training goes on from; to be called before the next epoch begins.

None within epochs that were trained at once: what came after the last of them is all there is.
"""
OnEpoch = Callable[[Plan, Epoch, TakeCheckpoint], bool]
"""Called after every epoch; returns whether its training goes on.

One whose patience or epochs are used up, or that diverged, ends in any case. Of epochs that are
trained at once only the last one's answer counts.
"""
EpochsAhead = Callable[[Plan], int]
"""Returns how many epochs a plan trains before somebody has to look at it; 0 ends it.

More than one makes training faster where epochs are short.
"""
OnWait = Callable[[], bool]
"""Called about once a second while programs compile and epochs train: a sign of life.

Returns whether to go on; where not, all trainings end at once as their last epoch left them.
"""


NATURAL_ENDS: Mapping[int, int] = MappingProxyType({})
"""No number of epochs: plans train to their end."""


def next_plans_from(plans: Sequence[Plan]) -> NextPlans:
    """Return a function that hands out these plans in their order."""
    waiting = list(plans)

    def next_plans(n: int) -> list[Plan]:
        batch, waiting[:] = waiting[:n], waiting[n:]
        return batch

    return next_plans


def look_at_every_epoch(_: Plan) -> int:
    """Return that somebody looks at a plan after each epoch."""
    return 1


class Engine(Protocol):
    """What trains plans on a job's arrays."""

    def run(
        self,
        next_plans: NextPlans,
        *,
        on_epoch: OnEpoch,
        on_wait: OnWait,
        epochs_ahead: EpochsAhead = look_at_every_epoch,
    ) -> Iterator[TrainedPlan | FailedPlan]:
        """Train plans until there are none, and yield each training as it ends."""


def train_plans(
    engine: Engine,
    plans: Sequence[Plan],
    goes_on: OnWait,
    *,
    epochs: Mapping[int, int] = NATURAL_ENDS,
) -> Iterator[TrainedPlan | FailedPlan]:
    """Train plans to their end, or for some epochs by their number, and yield each as it ends.

    `goes_on` is asked now and then: once it returns False, all end as their last epoch left them.
    """
    next_plans = next_plans_from(plans)
    done: Counter[tuple[int, int]] = Counter()

    def on_epoch(plan: Plan, epoch: Epoch, _: TakeCheckpoint) -> bool:
        done[plan.number, plan.seed] = epoch.epoch
        return goes_on() and epoch.epoch != epochs.get(plan.number)

    def epochs_ahead(plan: Plan) -> int:
        last = epochs.get(plan.number, plan.max_epochs)
        return last - done[plan.number, plan.seed] if goes_on() else 0

    return engine.run(
        lambda n: next_plans(n) if goes_on() else [],
        on_epoch=on_epoch,
        on_wait=goes_on,
        epochs_ahead=epochs_ahead,
    )
