"""The model's predictions of the test rows, summed up for charts and for the job's outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, roc_curve

from lowloss.results import CalibrationGroup, Histogram, Mistake, PredictionSummary

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

MAX_PAIRS = 400
"""Rows of which the summary has the actual and the predicted value."""
MAX_RATES = 60
MAX_CLASSES = 100
"""Classes up to which the summary has all counts: 10,000 numbers."""
MAX_MISTAKES = 10
GROUPS = 10
RESIDUAL_BINS = 40


@dataclass(frozen=True)
class HeldOutPredictions:
    """The model's predictions of the test rows.

    `predicted`: the target's units [T], or probabilities [T, C]. `actual`: the raw target [T], or
    class indices.
    """

    predicted: Floats
    actual: Floats

    @property
    def classes(self) -> Counts:
        """[T] The actual class indices."""
        return self.actual.astype(np.int64)

    @property
    def likeliest(self) -> Counts:
        """[T] The class index that the model finds likeliest."""
        return np.asarray(self.predicted.argmax(axis=1), dtype=np.int64)


def summarise_predictions(
    predictions: HeldOutPredictions, labels: tuple[str, ...]
) -> PredictionSummary:
    """Sum predictions up; `labels` are the classes in order, none for a regression."""
    if not labels:
        return _summarise_regression(predictions)
    counts_CC: Counts = confusion_matrix(
        predictions.classes, predictions.likeliest, labels=range(len(labels))
    )
    is_few, is_binary = len(labels) <= MAX_CLASSES, len(labels) == 2
    return PredictionSummary(
        labels=labels,
        confusion=tuple(map(tuple, counts_CC.tolist())) if is_few else (),
        mistakes=_find_mistakes(counts_CC, labels),
        roc=_find_rates(predictions) if is_binary else (),
        calibration=_calibrate(predictions) if is_binary else (),
    )


def _summarise_regression(predictions: HeldOutPredictions) -> PredictionSummary:
    predicted, actual = predictions.predicted, predictions.actual
    with np.errstate(over="ignore", invalid="ignore"):
        residuals = predicted - actual
        is_finite = np.isfinite(residuals)
        predicted, actual, residuals = predicted[is_finite], actual[is_finite], residuals[is_finite]
        is_narrow = len(residuals) > 0 and np.isfinite(np.ptp(residuals))
    rows = np.random.default_rng(0).permutation(len(actual))[:MAX_PAIRS]
    histogram = None
    if is_narrow:
        counts, edges = np.histogram(residuals, bins=RESIDUAL_BINS)
        histogram = Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))
    return PredictionSummary(
        pairs=tuple((_shorten(actual[row]), _shorten(predicted[row])) for row in rows),
        residuals=histogram,
    )


def _shorten(value: float) -> float:
    """Round a value to what a chart can show: the outcome is read with every list of jobs."""
    return float(f"{value:.6g}")


def _find_mistakes(counts_CC: Counts, labels: tuple[str, ...]) -> tuple[Mistake, ...]:
    """Return the most frequent mistakes."""
    wrong_CC = counts_CC * (1 - np.eye(len(labels), dtype=np.int64))
    order = np.argsort(-wrong_CC, axis=None, kind="stable")[:MAX_MISTAKES]
    mistakes = []
    for actual, predicted in zip(*np.unravel_index(order, wrong_CC.shape), strict=True):
        rows = int(wrong_CC[actual, predicted])
        if rows:
            share = rows / float(counts_CC[actual].sum())
            mistakes.append(
                Mistake(actual=labels[actual], predicted=labels[predicted], rows=rows, share=share)
            )
    return tuple(mistakes)


def _find_rates(predictions: HeldOutPredictions) -> tuple[tuple[float, float], ...]:
    """Return points of the ROC curve; none where the test rows have one class alone."""
    is_second = predictions.classes == 1
    if is_second.all() or not is_second.any():
        return ()
    false_rates, true_rates, _ = roc_curve(is_second, predictions.predicted[:, 1])
    indices = np.unique(np.linspace(0, len(true_rates) - 1, MAX_RATES).astype(int))
    return tuple((_shorten(false_rates[i]), _shorten(true_rates[i])) for i in indices)


def _calibrate(predictions: HeldOutPredictions) -> tuple[CalibrationGroup, ...]:
    """Return groups of equally many rows, by their predicted probability of the second class."""
    probability, is_second = predictions.predicted[:, 1], predictions.classes == 1
    order = np.argsort(probability, kind="stable")
    return tuple(
        CalibrationGroup(
            predicted=_shorten(probability[rows].mean()),
            observed=_shorten(is_second[rows].mean()),
            rows=len(rows),
        )
        for rows in np.array_split(order, GROUPS)
        if len(rows)
    )
