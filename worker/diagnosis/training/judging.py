"""What a training is worth on the judging rows, whatever loss it was trained with.

U output units.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lowloss.spec import Recipe, Task
from lowloss.spec.activations import ACTIVATIONS
from worker.data.scores import scores
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.diagnosis.thresholds import HOPELESS
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.draws import Draw
from worker.diagnosis.training.variants import feeds_numbers, fit_target_scaling
from worker.engine.array_types import FloatArray
from worker.engine.results import TrainedPlan

SMOOTHING = 1.0
Predictions = tuple[Float64Array, ...]
"""Of each target [M, C]: target units, or a probability of each class."""


@dataclass(frozen=True)
class Score:
    """What predictions are worth on some rows.

    `loss` is in the units of the metric. `accuracy` and `balanced_error`, the error where each
    class counts the same, are None for a regression. Of several targets loss and accuracy are
    means over them, and `by_target` are the scores of each, in its own units.
    """

    loss: float
    accuracy: float | None = None
    balanced_error: float | None = None
    by_target: tuple[Score, ...] = ()


@dataclass(frozen=True)
class JudgedVariant:
    """A variant's training on one draw.

    `score` is of the judging rows; None where it diverged, or Keras would not train it. `relative`
    is its loss over the loss of the best constant prediction. `trained` is None where no epoch was
    trained.
    """

    draw: int
    score: Score | None = None
    relative: float = math.inf
    trained: TrainedPlan | None = None
    weights: tuple[FloatArray, ...] = ()
    refusal: str | None = None

    @property
    def loss(self) -> float | None:
        """The loss of the judging rows; None where it diverged, or Keras would not train it."""
        return None if self.score is None else self.score.loss

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


def multiple_of_constant(relative_loss: float) -> float:
    """Return the multiple of the constant prediction's loss that a relative loss stands for."""
    return relative_loss if relative_loss <= 1 else 10 ** (relative_loss - 1)


def constant_loss(data: DiagnosisData, draw: Draw) -> float:
    """Return the loss of the best constant: the known rows' mean, or their share of each class."""
    return constant_score(data, draw).loss or 1.0


def constant_score(data: DiagnosisData, draw: Draw) -> Score:
    """Return what the best constant is worth on the judging rows of a draw."""
    answers = [_constant_answer(one, draw) for one in data.by_target]
    predictions = tuple(np.tile(answer_C, (len(draw.judge), 1)) for answer_C in answers)
    return score_predictions(data, draw.judge, predictions)


def _constant_answer(data: DiagnosisData, draw: Draw) -> Float64Array:
    if data.task is Task.regression:
        return np.array([data.y[draw.fit_rows].mean()])
    counts = data.count_rows_by_class(draw.fit_rows)
    answer_C: Float64Array = counts / counts.sum()
    return answer_C


def score_predictions(data: DiagnosisData, rows: Rows, predictions: Predictions) -> Score:
    """Score predictions of some rows: of several targets by the mean over them.

    There each squared error is in units of the target's variance, so that all count the same.
    """
    scores = [
        _score_target(one, rows, predictions_MC)
        for one, predictions_MC in zip(data.by_target, predictions, strict=True)
    ]
    if not data.predicted.has_several:
        return scores[0]
    losses = [score.loss / unit for score, unit in zip(scores, data.loss_units, strict=True)]
    return Score(statistics.fmean(losses), mean_accuracy(scores), by_target=tuple(scores))


def _score_target(data: DiagnosisData, rows: Rows, predictions_MC: Float64Array) -> Score:
    """Score predictions of one target.

    No row's probability counts as less than 1 / M: the log loss has no bound, and of few rows one
    would decide alone.
    """
    metrics = scores(data.target, data.y[rows], predictions_MC)
    if data.task is Task.regression:
        return Score(metrics["rmse"] ** 2)
    total_M1 = predictions_MC.sum(axis=1, keepdims=True)
    label_share_M = predictions_MC[np.arange(len(rows)), data.y[rows].astype(np.int64)]
    share_M = np.clip(label_share_M / np.where(total_M1 > 0, total_M1, 1)[:, 0], 1 / len(rows), 1)
    log_loss = float(-np.mean(np.log(share_M)))
    return Score(log_loss, metrics["accuracy"], 1 - metrics["balanced_accuracy"])


def mean_accuracy(scores: Sequence[Score]) -> float | None:
    """Return the mean accuracy; None for a regression, or without scores."""
    accuracies = [score.accuracy for score in scores if score.accuracy is not None]
    return math.fsum(accuracies) / len(accuracies) if accuracies else None


def read_predictions(
    recipe: Recipe, data: DiagnosisData, draw: Draw, output_MU: FloatArray, fit_NU: FloatArray
) -> Predictions:
    """Convert a network's output to predictions; a single unit answers all of several targets."""
    if not data.predicted.has_several:
        return (_read_target(recipe, data, draw, output_MU, fit_NU),)
    single = output_MU.shape[1] == 1
    units = [slice(0, 1) if single else slice(t, t + 1) for t in range(len(data.targets))]
    return tuple(
        _read_target(recipe, one, draw, output_MU[:, unit], fit_NU[:, unit])
        for one, unit in zip(data.by_target, units, strict=True)
    )


def _read_target(
    recipe: Recipe, data: DiagnosisData, draw: Draw, output_MU: FloatArray, fit_NU: FloatArray
) -> Float64Array:
    """Convert a network's output to predictions of one target [M, C].

    An output that is no probability (one unit for many classes, a linear output) is read by the
    classes of the fit rows with the same output; `fit_NU` is the output for these.
    """
    output = output_MU.astype(np.float64)
    if data.task is Task.regression:
        shift, scale = fit_target_scaling(recipe, data, draw)
        return output * scale + shift
    classes = len(data.target.labels)
    numbers = data.label_numbers if feeds_numbers(recipe, data) else np.arange(float(classes))
    codes = np.arange(float(classes)) if numbers is None else numbers
    answers_below_0 = ACTIVATIONS[recipe.output.nonlinearity].low < 0
    if recipe.loss_record.has_margins and answers_below_0:
        # Keras's hinges take 0 and 1 as -1 and 1; what answers nothing below 0 is read as a share.
        codes = 2 * codes - 1 if {*codes} == {0.0, 1.0} else codes
    elif output.shape[1] == 1 and classes == 2:
        yes = np.clip((output[:, 0] - codes[0]) / (codes[1] - codes[0]), 0, 1)
        return np.stack([1 - yes, yes], axis=1)
    if recipe.output.nonlinearity in {"softmax", "sigmoid"} and output.shape[1] >= classes:
        if output.shape[1] > classes:
            # Classes that do not occur have units, too.
            output = output[:, codes.astype(np.int64)]
        total = output.sum(axis=1, keepdims=True)
        share: Float64Array = np.where(
            total > 0, output / np.where(total > 0, total, 1), 1 / classes
        )
        return share
    class_N = _nearest(fit_NU.astype(np.float64), codes)
    counts = np.full((classes, classes), SMOOTHING / classes)
    np.add.at(counts, (class_N, data.y[draw.fit_rows].astype(np.int64)), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    read: Float64Array = shares[_nearest(output, codes)]
    return read


def _nearest(output_NU: Float64Array, codes_C: Float64Array) -> Rows:
    """Return the class that each output stands for: the largest unit's, or the nearest label's."""
    if output_NU.shape[1] > 1:
        return np.asarray(output_NU.argmax(axis=1), dtype=np.int64)
    return np.asarray(np.abs(output_NU - codes_C[None]).argmin(axis=1), dtype=np.int64)
