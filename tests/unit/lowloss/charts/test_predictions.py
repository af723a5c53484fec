"""Charts of predictions: what a summary of test rows shows, and that labels do no harm."""

from __future__ import annotations

from lowloss.charts.columns import draw_column, draw_column_importances
from lowloss.charts.predictions import draw_predictions
from lowloss.results import CalibrationGroup, Histogram, Importance, PredictionSummary
from tests.builders.facts import a_category, a_number
from tests.unit.lowloss.charts.test_charts import HOSTILE, parts, texts


def test_regression_has_its_pairs_on_equal_axes_and_its_residuals() -> None:
    summary = PredictionSummary(
        pairs=((1.0, 1.5), (2.0, 1.75)),
        residuals=Histogram(edges=(-0.5, 0.0, 0.5), counts=(3, 4)),
    )

    pairs, residuals = draw_predictions(summary, "price <$>")

    assert len(parts(pairs.chart, "point")) == 2
    assert len(parts(pairs.chart, "guide")) == 1
    assert pairs.caption.startswith("price <$>, predicted against actual: 2 test rows.")
    bins = [bar.get("data-tip") for bar in parts(residuals.chart, "bar")]
    assert bins == ["\N{MINUS SIGN}0.5 to 0: 3 rows", "0 to 0.5: 4 rows"]
    rows = texts(residuals.chart, "tick")[:5]
    assert rows == ["0", "1", "2", "3", "4"]


def test_two_classes_have_roc_calibration_and_confusion_in_percent() -> None:
    summary = PredictionSummary(
        labels=("no", "yes"),
        confusion=((8, 2), (1, 9)),
        roc=((0.0, 0.0), (0.2, 0.9), (1.0, 1.0)),
        calibration=(CalibrationGroup(predicted=0.25, observed=0.5, rows=20),),
    )

    roc, calibration, confusion = draw_predictions(summary, "sold")

    assert "100 %" in texts(roc.chart, "tick")
    assert "100 %" in texts(calibration.chart, "tick")
    (point,) = parts(calibration.chart, "point")
    assert point.get("data-tip") == "predicted 25 %, observed 50 % of 20 rows"
    assert "The positive class is yes." in roc.caption
    assert "no predicted as yes: 2 rows, 20 %" in confusion.chart


def test_model_without_a_summary_has_no_charts() -> None:
    assert draw_predictions(None, "y") == []
    assert draw_predictions(PredictionSummary(), "y") == []


def test_names_of_users_are_escaped() -> None:
    summary = PredictionSummary(labels=(HOSTILE, "b"), confusion=((1, 2), (3, 4)))
    column = a_category(HOSTILE, [HOSTILE, "x"])

    charts = (
        draw_predictions(summary, HOSTILE)[0].chart,
        draw_column(column),
        draw_column_importances([Importance(column=HOSTILE, increase=1.0, sd=0.1)]),
    )

    for chart in charts:
        assert "<script" not in chart
        assert "&lt;script&gt;" in chart


def test_column_is_drawn_by_its_bins_or_its_values() -> None:
    histogram = Histogram(edges=(0.0, 1.0, 2.0), counts=(5, 7))
    bins = parts(draw_column(a_number("x", histogram=histogram)), "bar")
    values = parts(draw_column(a_category("city", ["Oslo", "Rome"], rows=10)), "bar")

    assert [bar.get("data-tip") for bar in bins] == ["0 to 1: 5", "1 to 2: 7"]
    assert [bar.get("data-tip") for bar in values] == ["Oslo: 5", "Rome: 5"]
    assert draw_column(a_number("x")) == ""


def test_values_of_any_size_are_drawn_or_left_out() -> None:
    one = PredictionSummary(
        pairs=((1e17, 1e17),), residuals=Histogram(edges=(-1.0, 1.0), counts=(1,))
    )
    opposite = PredictionSummary(
        pairs=((1e308, -1e308), (-1e308, 1e308)), residuals=Histogram(edges=(0.0, 1.0), counts=(2,))
    )

    pairs, residuals = draw_predictions(one, "y")
    (only,) = draw_predictions(opposite, "y")

    assert parts(pairs.chart, "point")[0].get("data-tip") == "actual 1e+17, predicted 1e+17"
    assert parts(residuals.chart, "bar")
    assert "actual values" in only.caption
