"""How much better one variant is than another: paired over draws, with an interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from worker.diagnosis.thresholds import MIN_GAIN, MIN_SHARE, OUTWEIGHED, UNSUSPECTED
from worker.diagnosis.training.judging import (
    JudgedVariant,
    multiple_of_constant,
    relative_loss,
)
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant


@dataclass(frozen=True)
class Gain:
    """The fall of the relative loss, draw by draw."""

    falls: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the draws; 0 without draws."""
        return math.fsum(self.falls) / len(self.falls) if self.falls else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the mean, by Student's t."""
        count = len(self.falls)
        if count < 2:
            return self.mean, self.mean
        error = float(np.std(self.falls, ddof=1)) / math.sqrt(count)
        reach = float(t.ppf(0.975, count - 1)) * error
        return self.mean - reach, self.mean + reach

    @property
    def is_sure(self) -> bool:
        """Whether every draw gains; of four draws or more, all but one.

        Of three, too, where the mean gain is far above what that one loses.
        """
        losing = [-fall for fall in self.falls if fall <= 0]
        if len(losing) != 1 or len(self.falls) < 3:
            return bool(self.falls) and not losing
        return len(self.falls) >= 4 or self.mean >= OUTWEIGHED * losing[0]


def paired_runs(
    trainer: Trainer, first: Variant, second: Variant, draws: Sequence[int]
) -> list[tuple[JudgedVariant, JudgedVariant]]:
    """Return the runs of two variants, on the draws where both were trained."""
    judged = trainer.judged
    return [
        (judged[first, draw], judged[second, draw])
        for draw in draws
        if (first, draw) in judged and (second, draw) in judged
    ]


def gain_of(pairs: Iterable[tuple[JudgedVariant, JudgedVariant]]) -> Gain:
    """Return what the second runs gain over the first ones."""
    return Gain(tuple(first.relative_loss - second.relative_loss for first, second in pairs))


def mean_relative_loss(runs: Sequence[JudgedVariant]) -> float:
    """Return the mean over runs; the relative loss of a hopeless run where there are none."""
    if not runs:
        return relative_loss(math.inf)
    return math.fsum(run.relative_loss for run in runs) / len(runs)


def mean_loss(runs: Sequence[JudgedVariant], constant: float) -> float | None:
    """Return the mean loss, `constant` being that of the best constant prediction.

    It is the loss that `mean_relative_loss` stands for. None where a run has none, or there are no
    runs.
    """
    if not runs or any(run.loss is None for run in runs):
        return None
    return constant * multiple_of_constant(mean_relative_loss(runs))


def fails_to_beat_constant(loss: float | None, constant: float) -> bool:
    """Return whether a loss is no better than that of a constant answer, by what matters."""
    return loss is not None and loss >= (1 - MIN_GAIN) * constant


def minimum_gain(loss_before: float, *, is_suspect: bool) -> float:
    """Return the smallest gain that matters, given the relative loss before."""
    minimum = max(MIN_GAIN, MIN_SHARE * min(1.0, loss_before))
    return minimum if is_suspect else UNSUSPECTED * minimum
