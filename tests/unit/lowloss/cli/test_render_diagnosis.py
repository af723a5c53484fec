"""A diagnosis on the terminal: every number that was measured, in lines that fit."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lowloss.cli.rendering.diagnosis import show_diagnosis
from lowloss.cli.rendering.results import plain_console
from lowloss.results import Cause, Diagnosis, EvidenceState, FamiliarScores, Severity, TargetScores
from lowloss.wording import DASH, MINUS
from tests.builders.diagnoses import (
    a_diagnosis,
    a_diverged_diagnosis,
    a_finding,
    a_named_diagnosis,
    a_sound_diagnosis,
    an_effect,
)

ESCAPING = "[/x] :smile:\x1b[31m\x07\nb"


def shown(diagnosis: Diagnosis, *, width: int = 80) -> str:
    console = plain_console()
    console.file = io.StringIO()
    console.width = width
    show_diagnosis(diagnosis, console)
    return console.file.getvalue()


def on_one_line(text: str) -> str:
    return " ".join(text.split())


def test_each_of_several_targets_has_its_losses() -> None:
    scores = TargetScores(name="low", metric="rmse", recipe=2.5, remedied=None, constant=3.0)
    metric = "standardised_mean_squared_error"
    diagnosis = a_diagnosis().model_copy(update={"targets": (scores,), "metric": metric})

    text = on_one_line(shown(diagnosis, width=200))

    assert "losses: standardised mean squared error, each target in units of its variance" in text
    assert f"RMSE of low: the recipe 2.5, with the remedies {DASH}, a constant answer 3" in text


def test_verdict_is_first_and_losses_follow() -> None:
    text = on_one_line(shown(a_diagnosis()))

    assert text.startswith("The loss is high because the target is not scaled")
    assert (
        "the recipe 4,000,000 with the remedies 100,000 best reached 91,000 (by gradient boosting) "
        "best constant answer 7,100,000 noise floor 82,000 (estimated from rows that are alike) "
        "losses: mean squared error" in text
    )


def test_finding_has_evidence_effect_remedy_and_alternatives() -> None:
    text = on_one_line(shown(a_diagnosis()))

    for told in (
        "1. target not scaled (critical) 'y' has a standard deviation of 2,667;",
        "- standard deviation of 'y': 2667 (suspect from 10)",
        "- loss before training, in variances: 1.56 columns: y",
        "The remedy removes 93 % of the excess loss (95 % interval 88 % to 98 %): "
        "mean squared error 4,000,000 → 360,000, over 5 runs",
        'remedy: Scale the target. recipe: {"scale_target": "standard"}',
        "or the remedy of learning rate too low: Raise the learning rate to 1. In its place it removes 99 %",
        "over 5 runs; on these the remedy above has 360,000.",
        "2. features not scaled (minor)",
        f"Alone, on the recipe as it is, it removes 1.0 % of the excess loss (95 % interval {MINUS}2.0 % to 3.0 %)",
    ):
        assert told in text


def test_harmful_findings_are_numbered_and_the_others_have_a_line_each() -> None:
    severities = (Severity.none, Severity.major, Severity.none, Severity.minor)
    causes = (Cause.outliers, Cause.too_simple, Cause.batch_size, Cause.optimizer)
    findings = tuple(a_finding(c, s) for c, s in zip(causes, severities, strict=True))

    text = shown(a_diagnosis(findings=findings))

    assert "\n1. too simple (major)\n" in text
    assert "\n2. optimizer (minor)\n" in text
    assert "\ngains nothing that counts: outliers. outliers it is.\n" in text
    assert "\ngains nothing that counts: batch size. batch size it is.\n" in text
    assert "The remedy's effect was not measured." in text


def test_what_a_finding_rests_on_is_told() -> None:
    effect = an_effect(0.5, 2.0, 1.0, runs=1)
    findings = (
        a_finding(Cause.optimizer, evidence_state=EvidenceState.unconfirmed, effect=effect),
        a_finding(Cause.wrong_output, evidence_state=EvidenceState.not_tried, seconds_needed=12.0),
        a_finding(
            Cause.too_simple,
            together_with=(Cause.too_few_epochs,),
        ),
    )

    text = shown(a_diagnosis(findings=findings))

    assert "1. optimizer (major, unconfirmed)" in text
    assert "2. wrong output (major, not tried)" in text
    assert "The remedy's effect was not measured: that takes about 12 s more." in text
    assert "3. too simple and too few epochs (major)" in text


def test_recipe_without_a_loss_is_told_why() -> None:
    untrained = a_diagnosis(loss=None, runs=0, remedied_runs=0, remedied_loss=None)
    refused = a_diagnosis(loss=None, refusal="2 output units for 3 classes")

    assert "the recipe not trained with the remedies not trained" in on_one_line(shown(untrained))
    assert "diverged" not in shown(untrained)
    assert "the recipe refused by Keras" in on_one_line(shown(refused))


def test_losses_stand_beside_scores_that_people_know() -> None:
    scores = FamiliarScores(metric="rmse", recipe=2000.0, remedied=316.2, best=301.7, constant=2664)

    text = on_one_line(shown(a_diagnosis(familiar=scores)))

    assert "the recipe 4,000,000 (RMSE 2000)" in text
    assert "with the remedies 100,000 (RMSE 316.2)" in text


def test_what_was_skipped_and_taken_otherwise_is_last() -> None:
    lines = shown(a_diagnosis()).splitlines()

    assert lines[-3:] == [
        "skipped: too_little_data: no time was left",
        "note: the batch size 1 was taken as 8",
        "3 experiments in 41 s; rows: 640 train, 160 validation, 200 judge",
    ]


def test_loss_that_is_not_finite_is_told_as_diverged() -> None:
    text = on_one_line(shown(a_diverged_diagnosis()))

    assert "the recipe diverged with the remedies diverged best reached" in text
    assert "last finite loss: not finite (suspect from 1000)" in text
    interval = "95 % interval 100 % to 100 %"
    change = "mean squared error diverged → 0.3"
    assert f"removes 100 % of the excess loss ({interval}): {change}" in text
    assert "noise floor" not in text


def test_sound_recipe_has_its_verdict_and_no_empty_headings() -> None:
    text = shown(a_sound_diagnosis())

    assert text.startswith("Nothing wrong found")
    assert "log loss" in text
    for absent in ("remedies", "gains nothing", "skipped", "note", "rows", "1."):
        assert absent not in text


def test_interval_of_one_run_is_not_told() -> None:
    finding = a_finding(Cause.optimizer, effect=an_effect(0.5, 2.0, 1.0, runs=1))

    text = on_one_line(shown(a_diagnosis(findings=(finding,))))

    assert (
        "The remedy removes 50 % of the excess loss: mean squared error 2 → 1, over 1 run" in text
    )


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_lines_fit_but_for_code(width: int) -> None:
    lines = shown(a_diagnosis(), width=width).splitlines()

    too_long = [line.strip() for line in lines if len(line) > width]
    assert all("y_train" in line or "model.fit" in line for line in too_long)


def test_code_is_whole_however_narrow_the_terminal() -> None:
    text = shown(a_diagnosis(), width=40)

    assert "      y_mean, y_sd = y_train.mean(), y_train.std()\n" in text


def test_names_of_users_are_shown_and_steer_no_terminal() -> None:
    text = shown(a_named_diagnosis(ESCAPING))

    assert "[/x] :smile: [31m  b" in text
    assert all(each.isprintable() or each == "\n" for each in text)


def test_long_lists_say_how_much_they_leave_out() -> None:
    text = on_one_line(shown(a_named_diagnosis("c")))

    assert "columns: c, c, c, c, c, c, c, c, c, c and 20 more" in text
    assert "rows, from 0: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 990 more" in text


def test_headings_are_bold_on_a_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system="standard")

    show_diagnosis(a_diagnosis(), console)

    assert isinstance(console.file, io.StringIO)
    assert "\x1b[1m1. target not scaled (critical)\x1b[0m" in console.file.getvalue()
