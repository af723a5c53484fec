"""Charts of the model's predictions of the test rows."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from lowloss.wording import MINUS
from worker.artifacts.reports.facts import Floats, HeldOutPredictions
from worker.artifacts.reports.svg import FAINT, INK, OURS, dots, draw

MAX_DOTS = 1000
MAX_POINTS = 200
BINS = 10
RESIDUAL_BINS = 40


def regression_charts(predictions: HeldOutPredictions) -> Markup:
    """Draw predictions against actual values, and how the differences spread."""
    predicted, actual = predictions.predicted.ravel(), predictions.actual
    is_finite = np.isfinite(predicted) & np.isfinite(actual)
    predicted, actual = predicted[is_finite], actual[is_finite]
    shown = _sample_rows(len(actual))

    def paint(figure: Figure) -> None:
        predicted_axes, residual_axes = figure.subplots(1, 2)
        _against_actual(predicted_axes, predicted[shown], actual[shown])
        counts, edges = np.histogram(predicted - actual, bins=RESIDUAL_BINS)
        residual_axes.stairs(counts, edges, fill=True, color=OURS)
        residual_axes.axvline(0.0, color=INK, linewidth=0.8)
        residual_axes.set_xlabel(f"predicted {MINUS} actual")
        residual_axes.set_ylabel("test rows")

    label = "Predictions against actual values, and the spread of their differences"
    return draw("regression", paint, label=label)


def binary_charts(predictions: HeldOutPredictions) -> Markup:
    """Draw the ROC curve, and how often the second class comes at each predicted probability."""
    probability, is_second = predictions.predicted[:, 1], predictions.classes == 1

    def paint(figure: Figure) -> None:
        roc_axes, calibration_axes = figure.subplots(1, 2)
        _roc(roc_axes, probability, is_second)
        _calibration(calibration_axes, probability, is_second)

    return draw("binary", paint, label="ROC curve and calibration")


def confusion_chart(shares_CC: Floats) -> Markup:
    """Draw the share of each actual class (rows) that is predicted as each class (columns)."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        image = axes.imshow(shares_CC, cmap="cividis", vmin=0.0, vmax=1.0, interpolation="none")
        axes.set_xlabel("predicted class, by number")
        axes.set_ylabel("actual class, by number")
        figure.colorbar(image, ax=axes, label="share of the actual class")

    return draw("confusion", paint, label="Confusion matrix", size=(6.4, 4.8))


def _against_actual(axes: Axes, predicted: Floats, actual: Floats) -> None:
    both = np.concatenate([predicted, actual])
    ends = [both.min(), both.max()] if len(both) else [0.0, 1.0]
    axes.plot(ends, ends, color=FAINT, linewidth=0.8)
    dots(axes, actual, predicted, OURS, size=2.5)
    axes.set_xlabel("actual")
    axes.set_ylabel("predicted")


def _roc(axes: Axes, probability: Floats, is_second: np.ndarray) -> None:
    """Draw the ROC curve, where the test rows have both classes."""
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    axes.set_title("ROC", loc="left")
    if is_second.all() or not is_second.any():
        return
    false_rate, true_rate, _ = roc_curve(is_second, probability)
    indices = np.unique(np.linspace(0, len(true_rate) - 1, MAX_POINTS).astype(int))
    axes.plot(false_rate[indices], true_rate[indices], color=OURS, linewidth=1.5)


def _calibration(axes: Axes, probability: Floats, is_second: np.ndarray) -> None:
    """Draw ten bins of equally many rows, by predicted probability."""
    order = np.argsort(probability, kind="stable")
    bins = [rows for rows in np.array_split(order, BINS) if len(rows)]
    predicted = [float(probability[rows].mean()) for rows in bins]
    observed = [float(is_second[rows].mean()) for rows in bins]
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    axes.plot(predicted, observed, "o-", color=OURS, linewidth=1.2, markersize=4)
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("observed share")
    axes.set_title("calibration", loc="left")


def _sample_rows(count: int) -> np.ndarray:
    """Draw at most as many rows by chance as the chart shows, the same each time."""
    if count <= MAX_DOTS:
        return np.arange(count)
    return np.random.default_rng(0).permutation(count)[:MAX_DOTS]
