"""The executor of this process: one trial after the other."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from lowloss.errors import LowlossError
from worker.engine.plans import Arrays, OnBatch, OnEpoch, Plan, TrainedTrial


class Train(Protocol):
    """An engine's way to train one trial."""

    def __call__(
        self, plan: Plan, arrays: Arrays, *, on_epoch: OnEpoch, on_batch: OnBatch
    ) -> TrainedTrial:
        """Train a trial to its end, or until `on_epoch` answers False."""


@dataclass(frozen=True)
class FailedTrial:
    """A trial that its engine could not train."""

    plan: Plan
    reason: str
    error: str


def run(
    next_plans: Callable[[int], list[Plan]],
    arrays: Arrays,
    *,
    train: Train,
    on_epoch: OnEpoch,
    on_batch: OnBatch,
) -> Iterator[TrainedTrial | FailedTrial]:
    """Train plans until there are none; a trial that fails ends by itself, not the search."""
    while plans := next_plans(1):
        for plan in plans:
            result: TrainedTrial | FailedTrial
            try:
                result = train(plan, arrays, on_epoch=on_epoch, on_batch=on_batch)
            except (LowlossError, MemoryError):
                # Of the job, not of the trial: cancelled, lease lost, machine exhausted.
                raise
            except Exception as error:
                result = FailedTrial(plan, type(error).__name__, traceback.format_exc())
            yield result
