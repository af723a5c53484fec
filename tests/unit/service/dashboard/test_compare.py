"""Searches side by side: what does not compare shares no axis, and is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lowloss.results import Consumed, Improvement, SearchInsights
from lowloss.spec import DEFAULT_PROJECT, Task
from lowloss.wording import DASH
from service.dashboard.compare import _line_of
from service.store.database import Database
from service.store.jobs import record_outcome
from service.store.queue import Fence, enqueue_job
from tests.builders.facts import some_facts, some_improvements, some_insights
from tests.builders.store import a_claim, a_dataset, a_job, a_spec, a_trial

AXIS = re.compile(r'aria-label="The best ([^"]*) so far"')


def a_search(
    store: Database,
    score: float,
    *,
    table: str | None = None,
    task: Task = Task.regression,
    **changes: Any,
) -> str:
    """A search whose best score fell to this one over two trials."""
    spec = a_spec(table or a_dataset(store), **changes)
    with store.transaction() as session:
        job = enqueue_job(session, spec, project=DEFAULT_PROJECT, task=task, max_attempts=3)
    fence = a_claim(store).fence
    a_trial(store, fence, 1, score=score)
    improvements = tuple(
        Improvement(trial=number, ended=number, score=2 * score / number, epochs=1, seconds=1.0)
        for number in (1, 2)
    )
    consumed = Consumed(epochs=1, trial_seconds=1.0, rows=1, cpu_seconds=1.0)
    insights = SearchInsights(improvements=improvements, consumed=consumed)
    with store.transaction() as session:
        record_outcome(session, fence, phase=None, insights=insights.model_dump(mode="json"))
    return job


def compared(client: TestClient, *jobs: str) -> str:
    return client.get("/compare?job=" + "&job=".join(jobs)).text


def test_searches_of_one_metric_share_a_chart(client: TestClient, store: Database) -> None:
    page = compared(client, a_search(store, 0.5), a_search(store, 0.25))

    assert AXIS.findall(page) == ["validation loss (squared error of the standardised target)"]
    assert "different metrics" not in page
    assert "lower is better" in page


@pytest.mark.parametrize(
    ("others", "axis"),
    [
        ({"task": Task.binary}, "validation loss (log loss)"),
        ({"objective": "val_rmse"}, "validation RMSE in units of y"),
        ({"objective": "val_r2"}, "validation R²"),
        (
            {"preprocessing": {"log_target": True}},
            "validation loss (squared error of the standardised logarithm of the target)",
        ),
    ],
)
def test_scores_of_different_metrics_share_no_axis_and_no_row(
    client: TestClient, store: Database, *, others: dict[str, Any], axis: str
) -> None:
    page = compared(client, a_search(store, 0.5), a_search(store, 0.25, **others))

    usual = "validation loss (squared error of the standardised target)"
    assert AXIS.findall(page) == [usual, axis]
    assert "They are ranked by different metrics" in page
    rows = re.findall(r'<th scope="row" class="stays">best ([^<]*)</th>(.*?)</tr>', page)
    assert [name for name, _ in rows] == [usual, axis]
    assert [re.findall(r"<td[^>]*>([^<]*)<", cells) for _, cells in rows] == [
        ["0.5", DASH],
        [DASH, "0.25"],
    ]


def test_searches_of_one_title_are_told_apart_by_their_ids(
    client: TestClient, store: Database
) -> None:
    first, second = a_search(store, 0.5), a_search(store, 0.25)
    named = a_search(store, 0.75, name="the third")

    page = compared(client, first, second, named)

    for job in (first, second):
        assert f">Search of y ({job})<" in page
    assert ">the third<" in page


def test_higher_scores_are_said_to_be_better(client: TestClient, store: Database) -> None:
    jobs = [a_search(store, score, objective="val_r2") for score in (0.5, 0.75)]

    assert "higher is better" in compared(client, *jobs)


def test_what_scores_are_of_is_told_where_it_differs(client: TestClient, store: Database) -> None:
    other = a_dataset(store, b"x,y\n1,3\n", name="other.csv")
    first, alike = a_search(store, 0.5), a_search(store, 0.25)

    of_other_seed = compared(client, first, a_search(store, 0.5, seed=7))
    of_same_rows = compared(client, first, a_search(store, 0.5, seed=7, validation={"seed": 0}))
    of_other_table = compared(client, first, a_search(store, 0.5, table=other))

    assert "different rows" not in compared(client, first, alike)
    assert "different rows" not in of_same_rows
    assert "They validate and test on different rows" in of_other_seed
    assert "Their tables differ" in of_other_table
    assert "other.csv" in of_other_table


def test_specifications_are_written_without_python(client: TestClient, store: Database) -> None:
    changes: dict[str, Any] = {
        "features": {"exclude": ["a", "b"]},
        "pruning": None,
        "preprocessing": {"log_target": True},
    }

    page = compared(client, a_search(store, 0.5), a_search(store, 0.25, **changes))

    specifications = page.partition("Where the specifications differ")[2]
    assert "a, b" in specifications
    assert ">yes<" in specifications
    for python in (">None<", ">True<", ">False<", "[&#39;", "(&#39;"):
        assert python not in specifications


def test_score_is_the_best_until_the_trial_that_beats_it() -> None:
    insights = some_insights(improvements=some_improvements())
    job = some_facts(outcome={"insights": insights}).job

    line = _line_of(job, "first")

    assert line is not None
    end = max(5, job.progress.trials_done)
    assert line.xs == (1, 2, 2, 5, 5, end)
    assert line.ys == (1.0, 1.0, 0.5, 0.5, 0.2, 0.2)


def test_fields_that_differ_are_named_in_words(client: TestClient, store: Database) -> None:
    first = a_job(store, name="first", budget={"diagnosis_seconds": 0})
    second = a_job(store, name="second", warm_start_from=[first])

    text = client.get(f"/compare?job={first}&job={second}").text

    differing = text.partition("Where the specifications differ")[2]
    for words in ("budget: diagnosis seconds", "learns from"):
        assert words in differing
    assert "_" not in re.sub(r"job_\w+|<[^>]+>", "", differing)


def test_models_that_trained_on_the_test_rows_are_told_apart(
    client: TestClient, store: Database
) -> None:
    plain, refitted = a_search(store, 0.5), a_search(store, 0.25)
    name = "trained on the test rows, after their score"
    assert name not in compared(client, plain, refitted)
    # Both stay claimed: the second one's attempt is the first, too.
    with store.transaction() as session:
        record_outcome(
            session, Fence(refitted, "worker-1", 1), phase=None, all_rows_refit="complete"
        )

    page = compared(client, plain, refitted)

    assert re.findall(rf"{name}</th><td class=\"n\">(\w+)</td><td class=\"n\">(\w+)<", page) == [
        ("no", "yes")
    ]
