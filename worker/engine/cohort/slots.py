"""A slot of a cohort: the plan in it, its epochs, and when its training ends."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worker.engine.arrays import Fold
from worker.engine.falling_rate import FallingRate
from worker.engine.plans import Epoch, Plan
from worker.engine.results import TrainingOutcome


@dataclass
class Slot:
    """A plan in training; `waited` counts epochs without improvement.

    `goes_on` is what the last look at it said.
    """

    plan: Plan
    fold: Fold
    started: float
    falling: FallingRate
    waited: int = 0
    best_epoch: int | None = None
    epochs: list[Epoch] = field(default_factory=list)
    goes_on: bool = True

    @classmethod
    def of(cls, plan: Plan, fold: Fold) -> Slot:
        """Begin a plan, or go on from its checkpoint."""
        saved, now = plan.checkpoint, time.monotonic()
        if saved is None:
            return cls(plan, fold, now, FallingRate.after(plan, fold, ()))
        falling = FallingRate.after(plan, fold, saved.epochs)
        epochs = list(saved.epochs)
        return cls(plan, fold, now - saved.seconds, falling, saved.waited, saved.best_epoch, epochs)

    @property
    def seconds(self) -> float:
        """For how long it has trained."""
        return time.monotonic() - self.started

    @property
    def max_epochs_ahead(self) -> int:
        """Epochs until its training may end, or its rate fall, if it does not diverge."""
        done = len(self.epochs)
        epochs = min(self.plan.max_epochs - done, self.falling.epochs_ahead(done))
        return min(epochs, self.plan.patience - self.waited) if self.fold.is_validated else epochs

    @property
    def natural_end(self) -> str | None:
        """The reason why its training has ended; None while it has not."""
        if self.epochs and not self.fold.is_finite(self.epochs[-1]):
            return "loss_not_finite"
        return self.plan.natural_end(len(self.epochs), self.waited)

    def record(self, losses_3: NDArray[np.float64]) -> Epoch:
        """Record the losses of an epoch."""
        loss, val_loss, penalised = (float(value) / self.fold.loss_unit for value in losses_3)
        if not self.fold.is_validated:
            val_loss = math.nan
        epoch = Epoch(len(self.epochs) + 1, loss, val_loss, penalised)
        self.epochs.append(epoch)
        if self._is_best(epoch):
            self.best_epoch, self.waited = epoch.epoch, 0
        else:
            self.waited += 1
        self.falling.record(epoch)
        return epoch

    def _is_best(self, epoch: Epoch) -> bool:
        """Return whether an epoch is the best so far, as Keras's EarlyStopping has it.

        That is the first one, or one of strictly lower loss.
        """
        if not self.fold.is_finite(epoch):
            return False
        if self.best_epoch is None or not self.fold.is_validated:
            return True
        return epoch.val_loss < self.epochs[self.best_epoch - 1].val_loss


def outcome_of(reason: str | None) -> TrainingOutcome:
    """Return the outcome of a training that ended for a reason; None for one that was stopped."""
    if reason is None:
        return TrainingOutcome.stopped
    is_diverged = reason == "loss_not_finite"
    return TrainingOutcome.diverged if is_diverged else TrainingOutcome.completed
