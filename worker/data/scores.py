"""How good predictions are, in the target's units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lowloss.spec import Objective, Task
from worker.data.splits import Rows
from worker.data.target import Float64Array, Target

BOOTSTRAP_STREAM = 2
MAX_RESAMPLES, MIN_RESAMPLES = 300, 100
RESAMPLED_ROWS = 1_000_000
"""Rows that all resamples of a bootstrap have together: a few seconds of metrics."""
CONFIDENCE = 0.95
SMALLEST_PROBABILITY = 1e-7
"""A label's probability counts as no less: the logarithm of 0 has no end."""
Interval = tuple[float, float]
Sampled = dict[str, Float64Array]
"""The values of each metric over resampled rows."""


def scores(target: Target, y_M: Float64Array, answer_MC: Float64Array) -> dict[str, float]:
    """Score a model's predictions (`Target.to_predictions`) of rows with the raw target `y_M`.

    Regression: rmse, mae, median_absolute_error (target units), r2, and mape (a share of the
    target) where no target is 0. Classification: log_loss (natural logarithm, probabilities clipped
    at 1e-7), accuracy, balanced_accuracy, and f1, average_precision and roc_auc: of the second
    label for binary, else the mean over the classes, each against the rest; the last two only
    where the rows hold two classes at least.
    """
    if target.task is Task.regression:
        return _regression(y_M, answer_MC[:, 0])
    return _classification(target, y_M.astype(np.int64), answer_MC)


def objective_value(objective: Objective, metrics: Mapping[str, float]) -> float:
    """Return a trial's value of the objective; NaN where its rows do not define it."""
    return metrics.get(objective.metric, math.nan)


def mean_metrics(metrics_of_folds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Average each metric over folds, where all of them define it."""
    names = [
        name for name in metrics_of_folds[0] if all(name in metrics for metrics in metrics_of_folds)
    ]
    return {
        name: math.fsum(metrics[name] for metrics in metrics_of_folds) / len(metrics_of_folds)
        for name in names
    }


def bootstrap(
    target: Target, y_M: Float64Array, answers: Mapping[str, Float64Array], *, seed: int
) -> dict[str, Sampled]:
    """Score each model on rows drawn with replacement (Efron 1979), by its name.

    All models are scored on the same draws: their differences are paired.
    """
    rng = np.random.default_rng([seed, BOOTSTRAP_STREAM])
    resamples = max(MIN_RESAMPLES, min(MAX_RESAMPLES, RESAMPLED_ROWS // len(y_M)))
    drawn: dict[str, list[dict[str, float]]] = {name: [] for name in answers}
    for _ in range(resamples):
        rows = rng.integers(len(y_M), size=len(y_M))
        for name, answer_MC in answers.items():
            drawn[name].append(scores(target, y_M[rows], answer_MC[rows]))
    return {
        name: {
            # A draw of one class alone has no ranking.
            metric: np.array([metrics_of_draw.get(metric, math.nan) for metrics_of_draw in draws])
            for metric in scores(target, y_M, answers[name])
        }
        for name, draws in drawn.items()
    }


def interval(values: Float64Array) -> Interval:
    """Return the central 95 % of a metric's values, or of a difference's."""
    share = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [share, 1 - share])
    return float(low), float(high)


def _regression(y_M: Float64Array, predicted_M: Float64Array) -> dict[str, float]:
    error_M = np.abs(predicted_M - y_M)
    spread = float(np.sum((y_M - y_M.mean()) ** 2))
    metrics = {
        "rmse": float(np.sqrt(np.mean(error_M**2))),
        "mae": float(error_M.mean()),
        "median_absolute_error": float(np.median(error_M)),
        # As scikit-learn: rows of one value are predicted well or not at all.
        "r2": 1.0 - float(np.sum(error_M**2)) / spread if spread else float(not error_M.any()),
    }
    if np.all(y_M != 0):
        metrics["mape"] = float(np.mean(error_M / np.abs(y_M)))
    return metrics


def _classification(target: Target, y_M: Rows, probability_MC: Float64Array) -> dict[str, float]:
    clipped = np.clip(probability_MC, SMALLEST_PROBABILITY, 1.0)
    predicted_M = probability_MC.argmax(axis=1)
    present = np.unique(y_M)
    watched = _scored_classes(target, present)
    # Scikit-learn's own warns where a class was answered that these rows do not hold.
    recalls = [np.mean(predicted_M[y_M == c] == c) for c in present]
    metrics = {
        "log_loss": float(-np.mean(np.log(clipped[np.arange(len(y_M)), y_M]))),
        "accuracy": float(np.mean(predicted_M == y_M)),
        "balanced_accuracy": float(np.mean(recalls)),
        "f1": float(np.mean([_f1(y_M == c, predicted_M == c) for c in watched])),
    }
    ranked = [c for c in watched if 0 < np.sum(y_M == c) < len(y_M)]
    if ranked:
        areas = [_areas(y_M == c, probability_MC[:, c]) for c in ranked]
        metrics["roc_auc"] = float(np.mean([roc_auc for roc_auc, _ in areas]))
        metrics["average_precision"] = float(np.mean([precision for _, precision in areas]))
    return metrics


def _areas(is_class_M: NDArray[np.bool_], score_M: Float64Array) -> tuple[float, float]:
    """Return the area under the ROC curve, and the average precision; both classes must occur.

    As scikit-learn 1.7, at a hundredth of the time: it checks its arguments for longer than it
    computes, and the bootstrap asks a thousand times.
    """
    order = np.argsort(-score_M, kind="stable")
    sorted_M = score_M[order]
    # A threshold takes in all rows of one score.
    last = np.append(np.flatnonzero(np.diff(sorted_M)), len(sorted_M) - 1)
    hits = np.cumsum(is_class_M[order])[last].astype(np.float64)
    misses = last + 1 - hits
    new_hits, new_misses = np.diff(hits, prepend=0.0), np.diff(misses, prepend=0.0)
    area = np.sum(new_misses * (hits - new_hits / 2)) / (hits[-1] * misses[-1])
    precision = np.sum(new_hits * hits / (hits + misses)) / hits[-1]
    return float(area), float(precision)


def _scored_classes(target: Target, present: Rows) -> list[int]:
    """Return the classes over which a metric of one class against the rest is averaged."""
    return [1] if target.task is Task.binary else [int(c) for c in present]


def _f1(is_class_M: NDArray[np.bool_], is_answered_M: NDArray[np.bool_]) -> float:
    """Return the harmonic mean of precision and recall.

    It is 0 where no row is of the class, or is predicted as it.
    """
    count = int(is_class_M.sum() + is_answered_M.sum())
    return 2.0 * float(np.sum(is_class_M & is_answered_M)) / count if count else 0.0
