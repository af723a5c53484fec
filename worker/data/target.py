"""The target: how it is put before the network, and how the network's answer is put back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lowloss.spec import Task
from lowloss.tables.cells import format_label
from worker.data.splits import Rows
from worker.engine.array_types import FloatArray
from worker.engine.arrays import Loss

Float64Array = NDArray[np.float64]


SKEWED = 2.0
"""A target whose skewness is above this, and falls with its logarithm, is seen as that."""
LOG_REACH = 1.0
"""How many standard deviations beyond the training rows' range a logarithm may be answered: its
exponential would run away."""


@dataclass(frozen=True)
class Log:
    """The target is seen as log(y + offset), and answered within [low, high] of that, in sds."""

    offset: float
    low: float
    high: float


@dataclass(frozen=True)
class Target:
    """A fitted target.

    Regression: the network sees (y - mean) / sd, or that of y's logarithm; both are of the training
    rows, or 0 and 1 where the target is not scaled. Classification: `labels` in sorted order name
    the classes. `loss_unit` is what a data loss is divided by to be in standardised-target units.
    """

    name: str
    task: Task
    labels: tuple[str, ...] = ()
    mean: float = 0.0
    sd: float = 1.0
    loss_unit: float = 1.0
    log: Log | None = None

    @property
    def loss(self) -> Loss:
        """The data loss of the task."""
        match self.task:
            case Task.regression:
                return Loss.mse
            case Task.binary:
                return Loss.binary
            case Task.multiclass:
                return Loss.multiclass

    @property
    def outputs(self) -> int:
        """Units of the network's head."""
        return len(self.labels) if self.task is Task.multiclass else 1

    def standardise(self, y: Float64Array) -> FloatArray:
        """Return the target that the network is trained on; class indices stay as they are."""
        seen = y if self.log is None else np.log(y + self.log.offset)
        return ((seen - self.mean) / self.sd).astype(np.float32)

    def to_predictions(self, output_MC: FloatArray) -> Float64Array:
        """Convert the network's output [M, C] to predictions.

        These are in target units [M, 1], or probabilities [M, classes], binary included.
        """
        output = output_MC.astype(np.float64)
        if self.task is Task.binary:
            return np.concatenate([1.0 - output, output], axis=1)
        if self.log is None:
            return output * self.sd + self.mean
        within = np.clip(output, self.log.low, self.log.high)
        return np.exp(within * self.sd + self.mean) - self.log.offset


def read_target(
    column: pl.Series,
    task: Task,
    labels: tuple[str, ...],
    words: tuple[str, str] | None = None,
) -> Float64Array:
    """Read the raw target of labelled rows: numbers, or indices into `labels`.

    `words` are those of false and true, where the labels are these.
    """
    if task is Task.regression:
        return column.cast(pl.Float64).to_numpy().astype(np.float64)
    values = column.unique().to_list()
    written = words if words and set(words) == set(labels) else None
    indices = [float(labels.index(format_label(value, written))) for value in values]
    return column.replace_strict(values, indices, return_dtype=pl.Float64).to_numpy()


def fit_target(
    target: Target, y_train: Float64Array, *, scale: bool, log_offset: float | None
) -> Target:
    """Fit a target's transform on the training rows; that of its logarithm with an offset."""
    if target.task is not Task.regression:
        return target
    offset = log_offset
    seen = y_train if offset is None else np.log(y_train + offset)
    mean, sd = float(seen.mean()), float(seen.std())
    # Rows that happen to be all the same: any unit will do.
    sd = sd if sd > 1e-12 * abs(mean) else 1.0
    if offset is not None:
        # A logarithm is always scaled: unscaled, its network would have to learn mere units.
        z = (seen - mean) / sd
        log = Log(offset, float(z.min()) - LOG_REACH, float(z.max()) + LOG_REACH)
        return replace(target, mean=mean, sd=sd, log=log)
    if not scale:
        return replace(target, loss_unit=sd * sd)
    return replace(target, mean=mean, sd=sd)


def log_offset(
    setting: bool | Literal["auto"], y_train: Float64Array, *, lowest: float
) -> float | None:
    """Return what is added before the logarithm: 0, or 1 with zeros; None for no logarithm.

    `lowest` is the least target of all rows: the logarithm must be defined for each.
    """
    if setting is False or lowest < 0:
        return None
    offset = 0.0 if lowest > 0 else 1.0
    if setting is True:
        return offset
    before, after = skewness(y_train), skewness(np.log(y_train + offset))
    return offset if before > SKEWED and abs(after) < before else None


def skewness(y: Float64Array, counts: NDArray[np.int64] | None = None) -> float:
    """Return the third standardised moment; 0 where all values are the same.

    `counts` says how many rows have each value; one without it.
    """
    centred = y - np.average(y, weights=counts)
    sd = float(np.sqrt(np.average(centred**2, weights=counts)))
    return float(np.average((centred / sd) ** 3, weights=counts)) if sd > 0 else 0.0


def class_weights(y: Float64Array, train: Rows) -> FloatArray | None:
    """Return balanced weights of the training rows, of mean 1; None where classes are balanced.

    Balanced means that the largest class has at most 1.5 times the rows of the smallest.
    """
    classes = y[train].astype(np.int64)
    counts = np.bincount(classes)
    if counts.max() <= 1.5 * counts.min():
        return None
    # n / (k · n_c) sums to n over the rows: their mean is 1 as it is.
    weights = len(classes) / (len(counts) * counts)
    return np.asarray(weights[classes], dtype=np.float32)
