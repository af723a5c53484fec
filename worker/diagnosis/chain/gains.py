"""How much better one variant is than another: paired over draws, with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worker.diagnosis.training.judging import JudgedVariant, relative_loss
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant

STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Its 97.5 % quantiles, from one degree of freedom up: Student 1908."""
MIN_GAIN, MIN_SHARE = 0.02, 0.09
"""A gain that matters: of the constant answer's loss, and of the variant's own relative_loss."""
UNSUSPECTED = 1.5
"""So many times as much must a remedy gain that no check speaks for."""


@dataclass(frozen=True)
class Gain:
    """By how much relative_loss falls, draw by draw."""

    falls: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the draws; none is no gain."""
        return math.fsum(self.falls) / len(self.falls) if self.falls else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the mean, by Student's t."""
        count = len(self.falls)
        if count < 2:
            return self.mean, self.mean
        error = float(np.std(self.falls, ddof=1)) / math.sqrt(count)
        reach = STUDENT_T[min(count - 1, len(STUDENT_T)) - 1] * error
        return self.mean - reach, self.mean + reach

    @property
    def is_sure(self) -> bool:
        """Whether every draw but, of four or more, one gains."""
        gained = sum(fall > 0 for fall in self.falls)
        return bool(self.falls) and gained >= len(self.falls) - (len(self.falls) >= 4)


def gain(trainer: Trainer, before: Variant, after: Variant, draws: Sequence[int]) -> Gain:
    """What changing one variant into another gains, on the draws where both were trained."""
    judged = trainer.judged
    return Gain(
        tuple(
            judged[before, draw].relative_loss - judged[after, draw].relative_loss
            for draw in draws
            if (before, draw) in judged and (after, draw) in judged
        )
    )


def mean_relative_loss(runs: Sequence[JudgedVariant]) -> float:
    """The mean over runs; that of a hopeless loss where there are none."""
    if not runs:
        return relative_loss(math.inf)
    return math.fsum(run.relative_loss for run in runs) / len(runs)


def mean_loss(runs: Sequence[JudgedVariant]) -> float | None:
    """The mean loss; None where some run has none, or there are no runs."""
    losses = [run.loss for run in runs]
    if not losses or None in losses:
        return None
    return math.fsum(loss for loss in losses if loss is not None) / len(losses)


def needed(badness_before: float, *, is_suspect: bool) -> float:
    """The least gain that matters."""
    least = max(MIN_GAIN, MIN_SHARE * min(1.0, badness_before))
    return least if is_suspect else UNSUSPECTED * least
