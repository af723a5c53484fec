"""`report.html`: whole and valid, whatever the job was like and its columns are called."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from lowloss.results import (
    Column,
    DivergedRegion,
    ExcludedColumn,
    HyperparameterImportance,
    TrialState,
)
from lowloss.spec import Task
from tests.builders.facts import (
    HOSTILE,
    a_category,
    a_number,
    some_facts,
    some_improvements,
    some_insights,
    some_matrix_facts,
    some_trials,
)
from tests.builders.pages import needs_nothing_else, parsed
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.html import write_report
from worker.artifacts.reports.predictions import HeldOutPredictions


def written(folder: Path, facts: Facts) -> str:
    path = folder / "report.html"
    write_report(path, facts)
    return path.read_text(encoding="utf-8")


def many_columns() -> tuple[Column, ...]:
    return tuple(a_number(f"column {i}") for i in range(10_000))


CASES: dict[str, Callable[[], Facts]] = {
    "regression": lambda: some_facts(trials=some_trials(50, diverged=5)),
    "binary": lambda: some_facts(Task.binary),
    "multiclass": lambda: some_facts(Task.multiclass),
    "100 classes": lambda: some_facts(Task.multiclass, labels=tuple(f"c{i}" for i in range(100))),
    "1 trial, nothing else": lambda: some_facts(
        trials=some_trials(1, diverged=0),
        outcome={
            "confirmations": (),
            "within_noise": None,
            "baselines": (),
            "excluded": (),
            "importances": (),
        },
        curves={},
    ),
    "all but one diverged": lambda: some_facts(trials=some_trials(20, diverged=19)),
    "10,000 columns": lambda: some_facts(columns=many_columns()),
    "matrix": some_matrix_facts,
    "one class in the test rows": lambda: some_facts(
        Task.binary, predictions=HeldOutPredictions(np.full((50, 2), 0.5), np.ones(50))
    ),
    "same answer to all": lambda: some_facts(
        predictions=HeldOutPredictions(np.ones(50), np.ones(50))
    ),
    "hostile": lambda: some_facts(
        Task.binary,
        target=HOSTILE,
        labels=(HOSTILE, "b" + HOSTILE),
        columns=(a_number(HOSTILE + "1"), a_category(HOSTILE + "2", [HOSTILE, "x"])),
        outcome={"excluded": (ExcludedColumn(column=HOSTILE + "3", reason=HOSTILE),)},
        spec={"name": HOSTILE},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_page_is_whole_and_needs_nothing_from_elsewhere(tmp_path: Path, case: str) -> None:
    text = written(tmp_path, CASES[case]())

    needs_nothing_else(text)
    assert len(text) < 600_000


def test_names_of_users_are_shown_and_not_run(tmp_path: Path) -> None:
    text = written(tmp_path, CASES["hostile"]())

    page = parsed(text)
    assert text.count("<script") == 1
    assert HOSTILE.split("\n")[0] in page.text


def test_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (written(tmp_path, some_facts(Task.binary)) for _ in range(2))

    assert first == second


def test_headline_has_the_test_result_and_its_interval(tmp_path: Path) -> None:
    facts = some_facts(outcome={"test_intervals": {"rmse": (1.125, 1.375)}})

    page = parsed(written(tmp_path, facts))

    assert "RMSE 1.250 95 % interval 1.125 to 1.375" in page.text
    assert "Measured on 240 rows that no trial saw, in units of price." in page.text


@pytest.mark.parametrize(
    ("refit", "told"),
    [
        ("complete", "The model that is handed out has no score of its own;"),
        ("cut_short", "on all rows, but the job ended before that was complete."),
        ("failed", "on all rows, but a training failed before that was complete."),
    ],
)
def test_headline_says_which_model_it_is_of(tmp_path: Path, refit: str, told: str) -> None:
    page = parsed(written(tmp_path, some_facts(outcome={"all_rows_refit": refit})))

    assert told in page.text
    assert told not in parsed(written(tmp_path, some_facts())).text


def test_page_says_how_much_it_leaves_out(tmp_path: Path) -> None:
    excluded = tuple(ExcludedColumn(column=f"id {i}", reason="text") for i in range(70))
    facts = some_facts(columns=many_columns(), outcome={"excluded": excluded})

    page = parsed(written(tmp_path, facts))

    assert "9,940 less important columns left out" in page.text
    assert "9,940 more columns left out here" in page.text
    assert "10 more excluded columns" in page.text
    assert "column 59" in page.text
    assert "column 60 " not in page.text


def test_rest_of_many_classes_is_a_chart_and_a_list_of_mistakes(tmp_path: Path) -> None:
    page = parsed(written(tmp_path, CASES["100 classes"]()))

    assert "Most frequent mistakes" in page.text
    assert ("class", "matrix") not in page.attributes


def test_page_has_the_whole_job(tmp_path: Path) -> None:
    facts = some_facts(spec={"seed": 1234})

    page = parsed(written(tmp_path, facts))

    assert '"seed": 1234' in page.text
    assert '"search_space": {' in page.text


def test_page_shows_what_mattered_and_where_to_go_on(tmp_path: Path) -> None:
    insights = some_insights(
        importances=(HyperparameterImportance(name="learning_rate", share=0.62),),
        next_space={"width": {"min": 128, "max": 384, "step": 16}, "l2": {"min": 1e-3, "max": 1.0}},
        trials_to_near_best=17,
    )

    text = written(tmp_path, some_facts(outcome={"insights": insights}))

    page = parsed(text)
    told = text[text.index("POST /v1/jobs/job_1/continue") :].split("</pre>")[0]
    assert "62 %" in page.text
    assert json.loads(unescape(told.split("\n", 1)[1])) == {"search_space": insights.next_space}
    assert "within 1 % after 17 trials" in page.text
    assert "300 epochs, 216,000 rows of training" in page.text


def test_page_says_how_many_trials_importance_takes(tmp_path: Path) -> None:
    insights = some_insights(trials_needed=20)

    page = parsed(written(tmp_path, some_facts(outcome={"insights": insights})))

    assert "From 20 scored trials on, this page says which hyperparameters mattered." in page.text
    assert "What mattered" not in page.text


def test_few_trials_have_no_charts_of_hyperparameters(tmp_path: Path) -> None:
    shares = (HyperparameterImportance(name="dropout", share=0.6),)
    insights = some_insights(importances=shares)

    for count, is_drawn in ((5, False), (6, True)):
        facts = some_facts(trials=some_trials(count, diverged=0), outcome={"insights": insights})
        page = parsed(written(tmp_path, facts))

        assert ("What mattered" in page.text) == is_drawn
        assert ("Scores by hyperparameter" in page.text) == is_drawn
        assert ("are drawn from 6 completed trials on" in page.text) != is_drawn


def test_page_shows_where_trials_diverged(tmp_path: Path) -> None:
    region = DivergedRegion(
        name="optimizer", choice="sgd", failed=5, trials=6, failed_elsewhere=1, trials_elsewhere=40
    )
    insights = some_insights(diverged=(region,))

    page = parsed(written(tmp_path, some_facts(outcome={"insights": insights})))

    assert "optimizer is sgd 5 of 6" in page.text


def test_charts_begin_with_what_mattered_most(tmp_path: Path) -> None:
    shares = {"dropout": 0.6, "width": 0.3, "learning_rate": 0.1}
    insights = some_insights(
        importances=tuple(HyperparameterImportance(name=n, share=s) for n, s in shares.items())
    )

    text = written(tmp_path, some_facts(outcome={"insights": insights}))

    drawn = re.findall(r'aria-label="Score against ([^"]*)"', text)
    assert drawn[:4] == ["dropout", "widest layer", "learning rate", "layers"]


def test_convergence_is_drawn_where_the_search_found_better(tmp_path: Path) -> None:
    improvements = some_improvements()
    drawn = "The best score so far, by the epochs of all trials that had ended."

    better = written(
        tmp_path, some_facts(outcome={"insights": some_insights(improvements=improvements)})
    )
    first = written(
        tmp_path, some_facts(outcome={"insights": some_insights(improvements=improvements[:1])})
    )

    assert drawn in better
    assert drawn not in first


@pytest.mark.parametrize(
    ("within_noise", "told"),
    [
        (True, "within seed noise"),
        (False, "ahead by more than the standard error of the difference"),
        (None, "tells nothing"),
    ],
)
def test_confirmation_says_what_it_is_worth(
    tmp_path: Path, within_noise: bool | None, told: str
) -> None:
    page = parsed(written(tmp_path, some_facts(outcome={"within_noise": within_noise})))

    assert told in page.text


def test_contents_lead_to_every_section(tmp_path: Path) -> None:
    text = written(tmp_path, some_facts())

    contents = re.findall(r'<li><a href="#(\w+)">([^<]*)</a>', text)
    sections = re.findall(r'<section id="(\w+)">\s*<h2>([^<]*)</h2>', text)
    assert contents == sections
    assert len(contents) == 8


def test_every_trial_is_on_the_page_as_what_it_ended_as(tmp_path: Path) -> None:
    trials = some_trials(10, diverged=2)
    pruned = trials[5].model_copy(update={"state": TrialState.pruned})

    text = written(tmp_path, some_facts(trials=(*trials[:5], pruned, *trials[6:])))

    table = text.split("<summary>All trials</summary>")[1].split("</details>")[0]
    rows = re.findall(r'<tr[^>]*><td class="n">(\d+)</td><td>(\w+)</td>', table)
    assert [int(number) for number, _ in rows] == list(range(1, 11))
    assert [state for _, state in rows[5:]] == ["pruned", *["completed"] * 2, *["diverged"] * 2]
    assert "trial 6: 0.45, pruned" in text


def test_report_of_many_trials_stays_below_a_megabyte(tmp_path: Path) -> None:
    text = written(tmp_path, some_facts(trials=some_trials(2000)))

    assert len(text.encode()) < 1_000_000
    assert "1,500 more trials in trials.csv." in text


def test_what_is_wide_can_be_moved(tmp_path: Path) -> None:
    text = written(tmp_path, CASES["multiclass"]())

    assert len(re.findall("<table", text)) == len(re.findall(r'<div class="wide">\s*<table', text))


def test_page_takes_its_colours_from_the_style_sheet(tmp_path: Path) -> None:
    text = written(tmp_path, CASES["regression"]())

    body = text.split("<body>")[1].split("<script")[0]
    assert " style=" not in body
    assert not re.search(r"#[0-9a-f]{6}", body)


def test_curves_of_folds_say_what_they_are_the_mean_of(tmp_path: Path) -> None:
    texts = {}
    for strategy, folds in (("kfold", 5), ("holdout", None)):
        path = tmp_path / f"{strategy}.html"
        spec = {"validation": {"strategy": strategy, "folds": folds}}
        write_report(path, some_facts(spec=spec))
        texts[strategy] = path.read_text(encoding="utf-8")

    assert (
        "one that has stopped stays at its best validation loss, and its last training loss. The dotted"
        in texts["kfold"]
    )
    assert "on one scale; the dotted line is the best epoch" in texts["holdout"]
