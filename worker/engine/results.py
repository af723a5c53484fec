"""What an engine returns of a plan: a training with its weights, or why there is none."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from worker.engine.array_types import FloatArray
from worker.engine.plans import Checkpoint, Epoch, Plan


class TrainingOutcome(StrEnum):
    """How a training ended."""

    completed = "completed"
    diverged = "diverged"
    stopped = "stopped"


@dataclass(frozen=True)
class TrainedPlan:
    """A finished training, with the weights of its best epoch.

    `weights` alternate kernel [in, out] and bias [out], first layer to head, and end with a table
    [codes, size] for each embedding; those of a plan of `layers` are all of its network, in Keras's
    order. `val_output_MC` is their output for the validation rows: the
    standardised target, or probabilities. Both are empty where no epoch had a finite validation
    loss. `reason` says why training ended:
    `early_stopping`, `max_epochs`, `stopped`, `loss_not_finite`. `program` says what trained it,
    `checkpoint` what it would go on from; a diverged one has none. After the epochs `rate_falls` a
    plan's plateau let the learning rate fall.
    """

    plan: Plan
    outcome: TrainingOutcome
    reason: str
    epochs: tuple[Epoch, ...]
    best_epoch: int | None
    weights: tuple[FloatArray, ...]
    val_output_MC: FloatArray
    seconds: float
    program: str
    rate_falls: tuple[int, ...] = ()
    checkpoint: Checkpoint | None = field(default=None, compare=False, repr=False)

    @property
    def is_good(self) -> bool:
        """Whether it has weights, and did not diverge after them."""
        return self.best_epoch is not None and self.outcome is not TrainingOutcome.diverged


@dataclass(frozen=True)
class FailedPlan:
    """A trial that its engine could not train."""

    plan: Plan
    reason: str
    error: str


def never_begun(plan: Plan, *, outputs: int, program: str) -> TrainedPlan:
    """Return the result of a plan that was left before it trained; it keeps its checkpoint."""
    return TrainedPlan(
        plan=plan,
        outcome=TrainingOutcome.stopped,
        reason="stopped",
        epochs=(),
        best_epoch=None,
        weights=(),
        val_output_MC=np.empty((0, outputs), dtype=np.float32),
        seconds=0.0,
        program=program,
        checkpoint=plan.checkpoint,
    )


def failed_plan(plan: Plan, error: Exception) -> FailedPlan:
    """Return an engine's own error as a result; raise a MemoryError: it is the machine's."""
    if isinstance(error, MemoryError):
        raise error
    return FailedPlan(plan, type(error).__name__, "".join(traceback.format_exception(error)))
