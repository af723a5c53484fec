"""Charts of a diagnosis: losses in their units, where training ended, and what causes cost."""

from __future__ import annotations

import pytest

from lowloss.charts.diagnoses import draw_diagnosis
from lowloss.results import Cause, Curve, EvidenceState, Severity
from lowloss.results.losses import RECIPE
from tests.builders.diagnoses import (
    a_curve,
    a_diagnosis,
    a_diverged_diagnosis,
    a_finding,
    a_recipe,
    a_sound_diagnosis,
    an_effect,
)
from tests.unit.lowloss.charts.test_charts import parts, texts


def test_curves_in_the_same_units_share_a_chart() -> None:
    remedied = a_recipe(scale_features="standard")
    diagnosis = a_diagnosis(remedied_recipe=remedied, remedied_curve=a_curve(1e6, 1e5))

    curves, causes = draw_diagnosis(diagnosis, RECIPE)

    assert curves.caption == "Loss by epoch, the recipe and with the remedies."
    assert texts(curves.chart, "tick")[-4:] == [
        "the recipe: validation",
        "the recipe: training",
        "with the remedies: validation",
        "with the remedies: training",
    ]
    assert causes.caption.startswith("What each remedy removes")


def test_each_recipe_has_a_colour_and_training_is_dashed() -> None:
    remedied = a_recipe(scale_features="standard")
    diagnosis = a_diagnosis(remedied_recipe=remedied, remedied_curve=a_curve(1e6, 1e5))

    chart = draw_diagnosis(diagnosis, RECIPE)[0].chart

    kinds = [line.get("class") for line in parts(chart, "line") if line.get("data-tip")]
    assert kinds == [
        "line colour-0",
        "line dashed colour-0",
        "line colour-1",
        "line dashed colour-1",
    ]


@pytest.mark.parametrize(
    ("peak", "ticks"),
    [
        (1e31, ["1e+05", "1e+06", "1e+07"]),
        (3e6, ["1e+05", "3e+05", "1e+06", "3e+06"]),
    ],
)
def test_recipe_that_explodes_does_not_flatten_the_remedied_one(
    peak: float, ticks: list[str]
) -> None:
    exploding = Curve(loss=(1e6, peak, None), val_loss=(1e6, peak, None))
    diagnosis = a_diagnosis(
        recipe_curve=exploding,
        remedied_recipe=a_recipe(scale_features="standard"),
        remedied_curve=a_curve(1e6, 1e5),
    )

    (chart, *_) = [figure.chart for figure in draw_diagnosis(diagnosis, RECIPE)]

    assert [tick for tick in texts(chart, "tick") if "e+" in tick] == ticks
    # A cross at the edge says that the recipe diverged.
    assert "diverged" in texts(chart, "tick")


def test_curves_in_other_units_say_so() -> None:
    diagnosis = a_diagnosis(remedied_recipe=a_recipe(loss="huber"))

    captions = [figure.caption for figure in draw_diagnosis(diagnosis, RECIPE)[:2]]

    assert captions == [
        "Loss by epoch, the recipe, in the units that it trains in.",
        "Loss by epoch, with the remedies, in the units that it trains in.",
    ]


def test_cross_marks_the_epoch_in_which_training_diverged() -> None:
    figure = draw_diagnosis(a_diverged_diagnosis(), RECIPE)[0]

    crosses = [mark.get("data-tip") for mark in parts(figure.chart, "cross")]
    assert crosses == ["diverged in epoch 2", None]
    assert texts(figure.chart, "tick")[-1] == "diverged"


def test_recipe_that_keras_refuses_has_no_curve_and_is_in_no_caption() -> None:
    diagnosis = a_diagnosis(
        recipe_curve=Curve(),
        remedied_recipe=a_recipe(scale_features="standard"),
        remedied_curve=a_curve(1e6, 1e5),
    )

    captions = [figure.caption for figure in draw_diagnosis(diagnosis, RECIPE)]

    assert captions[0] == "Loss by epoch, with the remedies."


def test_sound_diagnosis_has_nothing_to_draw() -> None:
    diagnosis = a_sound_diagnosis()

    assert draw_diagnosis(diagnosis, RECIPE) == []


def test_causes_have_a_bar_in_percent_in_the_order_of_the_findings() -> None:
    findings = (
        a_finding(Cause.outliers, effect=an_effect(0.5, 2.0, 1.0)),
        a_finding(Cause.too_little_data),
        a_finding(Cause.optimizer, isolated_effect=an_effect(0.25, 2.0, 1.5, runs=1)),
    )

    svg = draw_diagnosis(a_diagnosis(findings=findings), RECIPE)[-1].chart

    assert texts(svg, "tick") == ["outliers", "50 %", "optimizer, alone", "25 %"]
    assert len(parts(svg, "interval")) == 1


def test_what_does_no_harm_has_no_bar() -> None:
    one_draw = an_effect(0.14, 2.0, 1.9, runs=1)
    tried = a_finding(Cause.features_not_scaled, Severity.none, isolated_effect=one_draw)
    diagnosis = a_diagnosis(findings=(tried,), remedied_recipe=a_recipe())

    captions = [figure.caption for figure in draw_diagnosis(diagnosis, RECIPE)]

    assert captions == ["Loss by epoch, the recipe."]


def test_bar_of_what_ends_above_a_constant_answer_tells_no_share() -> None:
    effect = an_effect(0.75, None, 3.3e9, unbeaten_constant=1.3e9)
    finding = a_finding(Cause.exploding_gradients, effect=effect)

    svg = draw_diagnosis(a_diagnosis(findings=(finding,)), RECIPE)[-1].chart

    assert texts(svg, "tick") == ["exploding gradients", "no better than constant"]
    # A line where bars begin.
    assert [bar.get("width") for bar in parts(svg, "bar")] == ["1"]


def test_bar_of_another_metric_names_it() -> None:
    effect = an_effect(0.8, 0.4, 0.1, metric="balanced_error")

    svg = draw_diagnosis(
        a_diagnosis(findings=(a_finding(Cause.class_imbalance, effect=effect),)), RECIPE
    )[-1].chart

    assert texts(svg, "tick") == ["class imbalance", "80 % of balanced error"]


def test_bar_of_what_is_not_confirmed_says_so() -> None:
    unconfirmed = a_finding(
        Cause.outliers,
        evidence_state=EvidenceState.unconfirmed,
        effect=an_effect(0.14, 2.0, 1.9, runs=1),
    )

    svg = draw_diagnosis(a_diagnosis(findings=(unconfirmed,)), RECIPE)[-1].chart

    assert texts(svg, "tick") == ["outliers", "14 %, not confirmed"]
