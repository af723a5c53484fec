"""What stands above a diagnosis agrees with what it says."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from lowloss.results import Cause, EvidenceState, Severity
from lowloss.results.losses import head_diagnosis
from tests.builders.diagnoses import (
    a_diagnosis,
    a_finding,
    a_sound_diagnosis,
    features_not_scaled,
)
from tests.builders.diagnosis_pages import card_of, page_of, report_of
from tests.builders.pages import parsed


def test_sound_recipe_has_no_empty_headings(tmp_path: Path) -> None:
    page = parsed(page_of(tmp_path, a_sound_diagnosis()))

    assert "No cause was found No change that was tried lowers the loss by what" in page.text
    assert "What is wrong" not in page.text
    for absent in ("Before and after", "What else", "Experiments", "Rows"):
        assert absent not in page.text
    assert not page.tags["svg"]


def test_report_tells_of_the_first_try_after_the_models_own_result(tmp_path: Path) -> None:
    text = report_of(tmp_path, a_diagnosis())

    page = parsed(text)
    headings = [unescape(heading) for heading in re.findall(r"<h2>(.*?)</h2>", text)]
    assert headings[:6] == [
        "What stands out",
        "The model against the baselines",
        "The test result",
        "What the model looks at",
        "The search",
        "Why a first try's loss is high",
    ]
    assert "the first try 4,000,000 with the remedies 100,000" in page.text
    assert "1. Target not scaled critical" in page.text


def test_report_of_a_sound_first_try_does_not_call_its_loss_high(tmp_path: Path) -> None:
    page = parsed(report_of(tmp_path, a_sound_diagnosis()))

    assert "How a first try does" in page.text
    assert "Nothing wrong found" in page.text
    assert "loss is high" not in page.text


def test_card_of_a_sound_first_try_does_not_call_it_wrong(tmp_path: Path) -> None:
    section = card_of(tmp_path, a_sound_diagnosis()).split("## How a first try does")[1]

    assert "Nothing wrong found" in section.split("\n## ")[0]


@pytest.mark.parametrize(
    ("causes", "title"), [((), "The loss on y"), (("c",), "Why the loss on y is high")]
)
def test_title_calls_a_loss_high_only_where_a_cause_was_found(
    causes: tuple[str, ...], title: str
) -> None:
    assert head_diagnosis("y", causes) == title


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"runs": 0, "loss": None}, "The recipe was not trained: nothing could be measured."),
        (
            {
                "findings": (
                    a_finding(
                        Cause.optimizer,
                        Severity.none,
                        evidence_state=EvidenceState.not_tried,
                    ),
                )
            },
            "What is suspect is not settled: it stands below.",
        ),
        ({}, "No change that was tried lowers the loss by what matters."),
    ],
)
def test_page_without_a_cause_says_why(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    diagnosis = a_sound_diagnosis().model_copy(update=changes)

    assert told in parsed(page_of(tmp_path, diagnosis)).text


def test_page_of_a_log_loss_tells_its_bound(tmp_path: Path) -> None:
    bounded = a_sound_diagnosis().model_copy(update={"rows": {"train": 600, "judge": 200}})
    told = "Log loss, where no row's probability counts as less than 1 in 200, on rows that"

    assert told in parsed(page_of(tmp_path, bounded)).text
    assert "probability" not in parsed(page_of(tmp_path, a_diagnosis())).text


def test_report_and_card_without_a_diagnosis_are_silent_on_it(tmp_path: Path) -> None:
    assert "first try" not in report_of(tmp_path, None)
    assert "first try" not in card_of(tmp_path, None)


def test_card_has_a_sentence_for_each_harmful_cause(tmp_path: Path) -> None:
    text = card_of(tmp_path, a_diagnosis())

    section = text.split("## Why a first try's loss is high")[1].split("\n## ")[0]
    assert "The loss is high because the target is not scaled" in section
    assert re.findall(r"^- (.*)$", section, re.MULTILINE) == [
        "'y' has a standard deviation of 2,667; the network begins at answers near 0.",
        features_not_scaled().sentence,
    ]
