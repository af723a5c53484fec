"""A learning rate that falls where the validation loss does not, as Keras's ReduceLROnPlateau."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from worker.engine.arrays import Fold
from worker.engine.plans import Epoch, Plan, Plateau

FAR = 1_000_000
"""Beyond any epoch."""


@dataclass
class FallingRate:
    """The learning rate of a training, epoch by epoch.

    It is the plan's where that has no plateau, and falls after the plan's `rate_falls` where no
    rows validate. `waited` counts the epochs without improvement since the least loss or the last
    fall, and `cooling` those to come that are not counted. `falls` are the epochs after which it
    fell.
    """

    plan: Plan
    fold: Fold
    rate: float
    best: float = math.inf
    waited: int = 0
    cooling: int = 0
    falls: tuple[int, ...] = ()

    @classmethod
    def after(cls, plan: Plan, fold: Fold, epochs: Iterable[Epoch]) -> FallingRate:
        """Return the rate after some epochs from the first."""
        falling = cls(plan, fold, plan.learning_rate)
        for epoch in epochs:
            falling.record(epoch)
        return falling

    def record(self, epoch: Epoch) -> None:
        """Take in an epoch, after which the rate may fall."""
        plateau = self.plan.plateau
        if plateau is None:
            return
        if self.fold.is_validated:
            self._compare(epoch, plateau)
        elif epoch.epoch in self.plan.rate_falls:
            self._fall(epoch, plateau)

    def epochs_ahead(self, done: int) -> int:
        """Return the epochs after `done` ones until it may fall."""
        plateau = self.plan.plateau
        if plateau is None or self.rate <= plateau.min_rate:
            return FAR
        if self.fold.is_validated:
            # The last epoch that cools is counted.
            cooling = max(0, self.cooling - 1)
            return max(1, cooling + plateau.patience - self.waited)
        return min((fall for fall in self.plan.rate_falls if fall > done), default=FAR) - done

    def _compare(self, epoch: Epoch, plateau: Plateau) -> None:
        if self.cooling:
            self.cooling, self.waited = self.cooling - 1, 0
        loss = epoch.val_loss * self.fold.loss_unit
        if self.best == math.inf or loss < self.best - plateau.min_delta:
            self.best, self.waited = loss, 0
        elif not self.cooling:
            self.waited += 1
            if self.waited >= plateau.patience and self.rate > plateau.min_rate:
                self._fall(epoch, plateau)
                self.cooling, self.waited = plateau.cooldown, 0

    def _fall(self, epoch: Epoch, plateau: Plateau) -> None:
        self.rate = max(self.rate * plateau.factor, plateau.min_rate)
        self.falls = (*self.falls, epoch.epoch)
