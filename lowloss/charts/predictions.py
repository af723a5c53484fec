"""Charts of a model's predictions of the test rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from lowloss.charts.axes import Axis
from lowloss.charts.figures import Figure
from lowloss.charts.matrix import draw_matrix
from lowloss.charts.plots import Bin, Line, Plot, Point, draw_plot
from lowloss.results import CalibrationGroup, PredictionSummary
from lowloss.results.datasets import Histogram
from lowloss.wording import MINUS, clipped, counted, format_number, format_percent

WHOLE = (0.0, 1.0)
DIAGONAL = ((0.0, 0.0), (1.0, 1.0))


def draw_predictions(summary: PredictionSummary | None, target: str) -> list[Figure]:
    """Draw how a model predicts the test rows; `target` is what it predicts."""
    if summary is None:
        return []
    return [figure for figure in _figures(summary, target) if figure.chart]


def _figures(summary: PredictionSummary, target: str) -> Iterator[Figure]:
    if summary.residuals is not None:
        yield Figure(
            _draw_pairs(summary),
            f"{clipped(target)}, predicted against actual: "
            f"{counted(len(summary.pairs), 'test row')}. On the line the two agree.",
        )
        yield Figure(
            _draw_residuals(summary.residuals),
            "How far the predictions of all test rows lie from the actual values.",
        )
    if summary.calibration:
        second = clipped(summary.labels[1])
        yield Figure(
            _draw_roc(summary),
            f"The positive class is {second}. On the line a model only guesses.",
        )
        yield Figure(
            _draw_calibration(summary.calibration),
            f"Groups of equally many test rows, by the predicted probability of {second}: on the "
            "line a group holds as many of it as was predicted.",
        )
    if summary.confusion:
        yield Figure(
            draw_matrix("Confusion matrix", summary.labels, summary.confusion),
            "Each row is an actual class, each column a predicted one, in the order of the "
            "labels; the stronger the colour, the more of the class's test rows.",
        )


def _draw_pairs(summary: PredictionSummary) -> str:
    values = [value for pair in summary.pairs for value in pair]
    points = [
        Point(
            actual,
            predicted,
            f"actual {format_number(actual)}, predicted {format_number(predicted)}",
        )
        for actual, predicted in summary.pairs
    ]
    axes = {name: Axis(name, is_log=False, ends=tuple(values)) for name in ("actual", "predicted")}
    low, high = min(values, default=0.0), max(values, default=0.0)
    return draw_plot(
        Plot(
            label="Predicted against actual values",
            x=axes["actual"],
            y=axes["predicted"],
            points=points,
            guides=(((low, low), (high, high)),),
        )
    )


def _draw_residuals(residuals: Histogram) -> str:
    bins = [
        Bin(low, high, count, _describe_bin(low, high, count))
        for (low, high), count in zip(pairwise(residuals.edges), residuals.counts, strict=True)
    ]
    return draw_plot(
        Plot(
            label=f"The spread of predicted {MINUS} actual",
            x=Axis(f"predicted {MINUS} actual", is_log=False),
            y=Axis("test rows", is_log=False),
            bins=bins,
            guides=(((0.0, 0.0), (0.0, math.inf)),),
        )
    )


def _describe_bin(low: float, high: float, count: int) -> str:
    return f"{format_number(low)} to {format_number(high)}: {counted(count, 'row')}"


def _draw_roc(summary: PredictionSummary) -> str:
    xs = tuple(false_rate for false_rate, _ in summary.roc)
    ys = tuple(true_rate for _, true_rate in summary.roc)
    return draw_plot(
        Plot(
            label="ROC curve",
            x=Axis("false positive rate", is_log=False, is_percent=True, ends=WHOLE),
            y=Axis("true positive rate", is_log=False, is_percent=True, ends=WHOLE),
            lines=[Line("", ys, xs)],
            guides=(DIAGONAL,),
        )
    )


def _draw_calibration(groups: tuple[CalibrationGroup, ...]) -> str:
    points = [
        Point(
            group.predicted,
            group.observed,
            f"predicted {format_percent(group.predicted)}, observed "
            f"{format_percent(group.observed)} of {counted(group.rows, 'row')}",
        )
        for group in groups
    ]
    line = Line(
        "",
        tuple(group.observed for group in groups),
        tuple(group.predicted for group in groups),
    )
    return draw_plot(
        Plot(
            label="Calibration",
            x=Axis("predicted probability", is_log=False, is_percent=True, ends=WHOLE),
            y=Axis("observed share", is_log=False, is_percent=True, ends=WHOLE),
            points=points,
            lines=[line],
            guides=(DIAGONAL,),
        )
    )
