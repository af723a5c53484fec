"""What a training is worth on the judging rows, whatever loss it was trained with.

U output units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lowloss.spec import Recipe, Task
from worker.data.scores import scores
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.diagnosis.thresholds import HOPELESS
from worker.diagnosis.training.data import DiagnosisData, Draw
from worker.diagnosis.training.variants import Variant, fit_target_scaling
from worker.engine.array_types import FloatArray
from worker.engine.results import TrainedPlan

METRICS = {Task.regression: "mean_squared_error"}
SMOOTHING = 1.0


@dataclass(frozen=True)
class JudgedVariant:
    """A variant's training on one draw.

    `loss` is of the judging rows, in the units of the metric; None where it diverged, or Keras
    would not train it. `relative` is that loss over the loss of the best constant prediction.
    `trained` is None where no epoch was trained.
    """

    variant: Variant
    draw: int
    loss: float | None
    relative: float
    balanced_error: float | None
    trained: TrainedPlan | None
    weights: tuple[FloatArray, ...] = ()
    refusal: str | None = None

    @property
    def relative_loss(self) -> float:
        """The loss relative to the constant prediction's; see the function `relative_loss`."""
        return relative_loss(self.relative)


def relative_loss(relative: float) -> float:
    """Scale a loss that is given as a multiple of the constant prediction's.

    Up to 1 it stays as it is, so that shares of it are shares of the loss; beyond, 1 more is ten
    times the loss.
    """
    if not math.isfinite(relative):
        relative = HOPELESS
    return relative if relative <= 1 else 1 + math.log10(min(relative, HOPELESS))


def metric_of(data: DiagnosisData) -> str:
    """Return the metric that variants are judged by."""
    return METRICS.get(data.task, "log_loss")


def constant_loss(data: DiagnosisData, draw: Draw) -> float:
    """Return the loss of the best constant: the known rows' mean, or their share of each class."""
    y, y_fit = data.y[draw.judge], data.y[draw.fit_rows]
    if data.task is Task.regression:
        return float(np.mean((y - y_fit.mean()) ** 2)) or 1.0
    counts = np.bincount(y_fit.astype(np.int64), minlength=len(data.target.labels))
    shares = np.clip(counts / counts.sum(), 1e-7, 1)
    return float(-np.mean(np.log(shares[y.astype(np.int64)])))


def score_predictions(
    data: DiagnosisData, rows: Rows, predictions_MC: Float64Array
) -> tuple[float, float | None]:
    """Return the metric's loss, and the error where each class counts the same."""
    metrics = scores(data.target, data.y[rows], predictions_MC)
    if data.task is Task.regression:
        return metrics["rmse"] ** 2, None
    return metrics["log_loss"], 1 - metrics["balanced_accuracy"]


def read_predictions(
    recipe: Recipe, data: DiagnosisData, draw: Draw, output_MU: FloatArray, fit_NU: FloatArray
) -> Float64Array:
    """Convert a network's output to predictions [M, C]: target units, or probabilities.

    An output that is no probability (one unit for many classes, a linear output) is read by the
    classes of the fit rows with the same output; `fit_NU` is the output for these.
    """
    output = output_MU.astype(np.float64)
    if data.task is Task.regression:
        shift, scale = fit_target_scaling(recipe, data, draw)
        return output * scale + shift
    classes = len(data.target.labels)
    if output.shape[1] == 1 and classes == 2:
        yes = np.clip(_share(data, output[:, 0]), 0, 1)
        return np.stack([1 - yes, yes], axis=1)
    if output.shape[1] == classes and recipe.output.activation in {"softmax", "sigmoid"}:
        total = output.sum(axis=1, keepdims=True)
        share: Float64Array = np.where(
            total > 0, output / np.where(total > 0, total, 1), 1 / classes
        )
        return share
    class_N = _nearest(data, fit_NU.astype(np.float64))
    counts = np.full((classes, classes), SMOOTHING / classes)
    np.add.at(counts, (class_N, data.y[draw.fit_rows].astype(np.int64)), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    read: Float64Array = shares[_nearest(data, output)]
    return read


def _share(data: DiagnosisData, output_M: Float64Array) -> Float64Array:
    """Return an output between the two labels' numbers as a share of the second."""
    numbers = data.label_numbers
    if numbers is None:
        return output_M
    share_M: Float64Array = (output_M - numbers[0]) / (numbers[1] - numbers[0])
    return share_M


def _nearest(data: DiagnosisData, output_NU: Float64Array) -> Rows:
    """Return the class that each output stands for: the largest unit's, or the nearest label's."""
    if output_NU.shape[1] > 1:
        return np.asarray(output_NU.argmax(axis=1), dtype=np.int64)
    numbers = data.label_numbers
    codes = np.arange(len(data.target.labels)) if numbers is None else numbers
    return np.asarray(np.abs(output_NU - codes[None]).argmin(axis=1), dtype=np.int64)
