"""A diagnosis as a page, as a section of a report and in a model's card."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from lowloss.results import (
    Cause,
    Curve,
    Diagnosis,
    Effect,
    EvidenceState,
    Experiment,
    Severity,
)
from lowloss.results.losses import describe_effect
from lowloss.wording import DASH, MINUS
from tests.builders.diagnoses import (
    a_curve,
    a_diagnosis,
    a_diverged_diagnosis,
    a_finding,
    a_named_diagnosis,
    a_recipe,
    a_sound_diagnosis,
    an_effect,
)
from tests.builders.diagnosis_pages import card_of, page_of, report_of
from tests.builders.facts import HOSTILE
from tests.builders.pages import needs_nothing_else, parsed

CASES: dict[str, Callable[[], Diagnosis]] = {
    "quartic": a_diagnosis,
    "diverged": a_diverged_diagnosis,
    "sound": a_sound_diagnosis,
    "hostile": lambda: a_named_diagnosis(HOSTILE),
    "every cause": lambda: a_diagnosis(
        findings=tuple(a_finding(cause, effect=an_effect(0.1, 2.0, 1.0)) for cause in Cause)
    ),
    "one epoch": lambda: a_diagnosis(recipe_curve=Curve(loss=(5.0,), val_loss=(6.0,))),
    "no epoch": lambda: a_diagnosis(recipe_curve=Curve()),
    "diverged at once": lambda: a_diagnosis(recipe_curve=Curve(loss=(None,), val_loss=(None,))),
    "losses of 0": lambda: a_diagnosis(recipe_curve=Curve(loss=(0.0,) * 9, val_loss=(0.0,) * 9)),
    "10,000 epochs": lambda: a_diagnosis(recipe_curve=a_curve(1e30, 1e-30, 10_000)),
    "shares out of bounds": lambda: a_diagnosis(
        findings=(
            a_finding(Cause.outliers, effect=an_effect(-30.0, 1.0, 9.0)),
            a_finding(Cause.optimizer, isolated_effect=an_effect(50.0, 9.0, 1.0, runs=1)),
        )
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_page_is_whole_and_needs_nothing_from_elsewhere(tmp_path: Path, case: str) -> None:
    text = page_of(tmp_path, CASES[case]())

    needs_nothing_else(text)
    assert len(text) < 200_000


@pytest.mark.parametrize("case", ["quartic", "diverged", "sound", "hostile"])
def test_report_with_a_diagnosis_is_whole_too(tmp_path: Path, case: str) -> None:
    needs_nothing_else(report_of(tmp_path, CASES[case]()))


def test_names_of_users_are_shown_and_not_run(tmp_path: Path) -> None:
    diagnosis = a_named_diagnosis(HOSTILE)
    texts = [page_of(tmp_path, diagnosis, HOSTILE), report_of(tmp_path, diagnosis)]

    for text in texts:
        assert text.count("<script") == 1
        assert HOSTILE.split("\n")[0] in parsed(text).text


def test_same_diagnosis_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (page_of(tmp_path, a_diagnosis()) for _ in range(2))

    assert first == second


def test_page_begins_with_the_verdict_and_the_losses(tmp_path: Path) -> None:
    page = parsed(page_of(tmp_path, a_diagnosis()))

    assert (
        "y from x Cause. Target not scaled. Remedy. Scale the target. The verdict in full The loss "
        "is high because the target is not scaled: scaling it removes 93 % of the excess. the recipe 4,000,000 with the remedies 100,000 best reached 91,000 by "
        "gradient boosting best constant answer 7,100,000 noise floor 82,000 estimated from rows "
        "that are alike Mean squared error on rows that trained nothing, in the target's own units "
        "squared; means over runs on several seeds and splits, 3 for the recipe." in page.text
    )


def test_finding_has_evidence_effect_remedy_and_alternatives(tmp_path: Path) -> None:
    page = parsed(page_of(tmp_path, a_diagnosis()))

    for told in (
        "1. Target not scaled critical 'y' has a standard deviation of 2,667;",
        "measured value suspect from standard deviation of 'y' 2667 10",
        "Columns: y",
        "Effect. The remedy removes 93 % of the excess loss (95 % interval 88 % to 98 %): mean "
        "squared error 4,000,000 → 360,000, over 5 runs.",
        'Remedy. Scale the target. In the recipe: {"scale_target": "standard"}',
        "model.fit(x, (y - y_mean) / y_sd)",
        "Or the remedy of learning rate too low: Raise the learning rate to 1. In its "
        "place it removes 99 %",
        "over 5 runs; on these the remedy above has 360,000.",
        "2. Features not scaled minor",
        f"Alone, on the recipe as it is, it removes 1.0 % of the excess loss (95 % interval "
        f"{MINUS}2.0 % to 3.0 %)",
    ):
        assert told in page.text


def test_finding_without_a_measured_effect_says_so(tmp_path: Path) -> None:
    diagnosis = a_diagnosis(findings=(a_finding(Cause.too_little_data),))

    page = parsed(page_of(tmp_path, diagnosis))

    assert "The remedy's effect was not measured." in page.text
    assert "What each remedy removes" not in page.text


def test_other_findings_are_apart_and_not_numbered(tmp_path: Path) -> None:
    page = parsed(page_of(tmp_path, a_diagnosis()))

    assert (
        "What else was looked at No validation split (no gain): No rows are held out, so that "
        "overfitting cannot be seen." in page.text
    )
    assert "3. " not in page.text


def test_finding_that_was_not_confirmed_or_tried_says_so(tmp_path: Path) -> None:
    findings = (
        a_finding(Cause.optimizer, evidence_state=EvidenceState.unconfirmed),
        a_finding(Cause.too_simple, evidence_state=EvidenceState.not_tried, seconds_needed=90.0),
    )

    page = parsed(page_of(tmp_path, a_diagnosis(findings=findings)))

    assert "1. Optimizer major, unconfirmed" in page.text
    assert "2. Too simple major, not tried" in page.text
    assert "was not measured: that takes about 1 min 30 s more." in page.text


def test_recipe_that_was_not_trained_did_not_diverge(tmp_path: Path) -> None:
    diagnosis = a_diagnosis(loss=None, runs=0, experiments=(), recipe_curve=Curve())

    page = parsed(page_of(tmp_path, diagnosis))

    assert "the recipe not trained" in page.text
    assert "the recipe diverged" not in page.text


def test_every_experiment_and_baseline_has_a_line(tmp_path: Path) -> None:
    page = parsed(page_of(tmp_path, a_diagnosis()))

    for told in (
        "the recipe as it is 4,000,000 4,000,000 3",
        'target standardised 360,000 4,000,000 3 {"scale_target": "standard"}',
        f"learning rate x 10,000 {DASH} 4,000,000 3 2",
        "linear 7,000,000 not a network",
    ):
        assert told in page.text


def test_page_says_what_it_rests_on_and_what_was_skipped(tmp_path: Path) -> None:
    page = parsed(page_of(tmp_path, a_diagnosis()))

    assert (
        "Rows: 640 train, 160 validation, 200 judge. It took 41 s. the batch size 1 was taken as 8 "
        "1 experiment left out too_little_data: no time was left" in page.text
    )


def test_page_has_both_recipes_in_full(tmp_path: Path) -> None:
    diagnosis = a_diagnosis()

    found = re.findall(
        r"in full</summary>\s*<pre[^>]*>(.*?)</pre>", page_of(tmp_path, diagnosis), re.S
    )

    told = [json.loads(unescape(each)) for each in found]
    assert told == [
        diagnosis.recipe.model_dump(mode="json"),
        diagnosis.remedied_recipe.model_dump(mode="json"),
    ]


def test_loss_that_is_not_finite_is_told_as_diverged(tmp_path: Path) -> None:
    text = page_of(tmp_path, a_diverged_diagnosis())

    page = parsed(text)
    assert "the recipe diverged with the remedies diverged" in page.text
    assert "last finite loss not finite 1000" in page.text
    assert "mean squared error diverged → 0.3, over 5 runs" in page.text
    assert f"the recipe as it is {DASH} {DASH} 2 2" in page.text
    assert "noise floor" not in page.text


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        ({"loss": "huber"}, True),
        ({"scale_target": "standard"}, False),
        ({"scale_features": "standard"}, False),
    ],
)
def test_curves_in_different_units_have_an_axis_each(
    tmp_path: Path, change: dict[str, str], is_told: bool
) -> None:
    diagnosis = a_diagnosis(remedied_recipe=a_recipe(**change))

    text = page_of(tmp_path, diagnosis)

    told = "the recipe, in the units that it trains in."
    assert (told in text) == is_told


def test_curve_says_where_training_diverged(tmp_path: Path) -> None:
    chart = re.compile(
        r'aria-label="Training and validation loss by epoch, the recipe[ "].*?</svg>', re.S
    )

    diverged = chart.search(page_of(tmp_path, a_diverged_diagnosis()))
    finite = chart.search(page_of(tmp_path, a_diagnosis()))

    assert diverged is not None
    assert finite is not None
    assert ">diverged<" in diverged.group()
    assert ">diverged<" not in finite.group()


def test_bars_have_the_causes_in_the_order_of_the_findings(tmp_path: Path) -> None:
    text = page_of(tmp_path, a_diagnosis())

    chart = text.split('"The share of the excess loss that each remedy removes"')[1].split(
        "</svg>"
    )[0]
    places = [chart.index(label) for label in (">target not scaled<", ">features not scaled<")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (
            an_effect(0.5, 2.0, None, runs=1),
            "leaves trainings without a finite loss: mean squared error 2 → diverged, over 1 run",
        ),
        (
            an_effect(0.75, None, 3.3e9, runs=3, unbeaten_constant=1.3e9),
            "ends still worse than a constant answer (the mean), which has 1,300,000,000: "
            "mean squared error diverged → 3,300,000,000, over 3 runs",
        ),
        (
            an_effect(0.75, None, 0.686, runs=3, metric="log_loss", unbeaten_constant=0.69),
            "ends hardly better than a constant answer (the shares of the classes), which has 0.69: "
            "log loss diverged → 0.686, over 3 runs",
        ),
        (
            an_effect(0.5, 0.4, 0.2, runs=1, metric="balanced_error"),
            "removes 50 % of the balanced error: balanced error 0.4 → 0.2, over 1 run",
        ),
        (
            an_effect(-0.3, None, 3.0, metric="log_loss", low=-0.4, high=-0.00001),
            f"removes {MINUS}30 % of the excess loss (95 % interval {MINUS}40 % to 0.0 %): log loss diverged → 3, over 5 runs",
        ),
    ],
)
def test_effect_is_told_in_a_sentence(effect: Effect, told: str) -> None:
    assert describe_effect(effect) == told


def test_names_cannot_break_out_of_the_card(tmp_path: Path) -> None:
    findings = (a_finding(Cause.outliers, Severity.major, sentence=HOSTILE),)

    text = card_of(tmp_path, a_diagnosis(verdict=HOSTILE, findings=findings))

    assert not re.search(r"(?<!\\)<script", text)
    assert "\n# ]]>" not in text


def test_one_loss_is_written_the_same_wherever_it_stands(tmp_path: Path) -> None:
    as_it_is = Experiment(
        name="as it is", causes=(), change={}, losses=(3000.0, 3634.0), loss=3320.6
    )
    diagnosis = a_diagnosis(loss=3320.6, experiments=(as_it_is,), baselines={"ridge": 3320.6})

    page = parsed(page_of(tmp_path, diagnosis))

    assert page.text.count("3321") == 3
    assert "3317" not in page.text.replace(",", "")
