"""Lists of jobs, trials and datasets fit their terminal; no word, number or id of theirs is cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import Result

from lowloss import cli
from lowloss.cli.output import out
from lowloss.results import Column, ColumnKind, Histogram, JobState, TrialState
from lowloss.spec import JobSpec, Objective, Task
from lowloss.wording import MINUS
from tests.builders.scripted_server import (
    Server,
    a_dataset,
    a_diagnosis_job,
    a_job,
    a_json,
    a_page,
    a_trial,
)

JOB_ID = "job_0123456789abcdef0123"
DATASET_ID = "ds_0123456789abcdef0123456789abcdef"
LOSS_NOTE = "the validation loss of a regression is the mean squared error"


def words_of(done: Result, width: int = 80) -> list[str]:
    """The words of a list, none of which may be cut, in lines that fit."""
    assert done.exit_code == 0, done.output
    assert "…" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= width
    return done.stdout.split()


@pytest.fixture(params=[80, 60])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The columns of the terminal."""
    monkeypatch.setattr(out, "width", request.param)
    return int(request.param)


def test_jobs_fit_into_80_columns_without_a_cut_word(run: Callable[..., Result]) -> None:
    names = {"id": JOB_ID, "name": "California housing prices, second attempt"}
    job = a_job(JobState.succeeded, reason="min_expected_improvement", **names)

    words = words_of(run("jobs", server=Server(a_page(job, a_job(name="", id=JOB_ID)))))

    assert {JOB_ID, "California", "housing", "second", "succeeded", "improvement)"} <= {*words}
    assert {"7/50", "trials", "validation", "loss", "0.31", "2026-11-23", "12:00"} <= {*words}
    assert "Search of y" in " ".join(words)


def test_best_loss_of_a_regression_stands_beside_its_rmse_and_is_explained(
    run: Callable[..., Result],
) -> None:
    shown = " ".join(words_of(run("jobs", server=Server(a_page(a_job(), a_job())))))

    assert shown.count("RMSE 54") == 2
    assert shown.count("RMSE is in the target's unit") == 1


def test_other_objective_is_named_and_needs_no_explanation(run: Callable[..., Result]) -> None:
    spec = JobSpec(dataset="ds_1", target="y", objective=Objective.val_median_absolute_error)

    done = run("jobs", server=Server(a_page(a_job(spec=spec))))

    assert {"median", "absolute", "error", "0.31"} <= {*words_of(done)}
    assert "RMSE" not in done.stdout
    assert LOSS_NOTE not in done.stdout


def test_loss_of_classes_is_a_crossentropy(run: Callable[..., Result]) -> None:
    done = run("jobs", server=Server(a_page(a_job(task=Task.binary))))

    assert "the validation loss of classes is the crossentropy" in done.stdout


def test_trials_fit_into_80_columns_without_a_cut_word(run: Callable[..., Result]) -> None:
    best = a_trial(
        number=100,
        state=TrialState.completed,
        reason=None,
        score=0.48123,
        score_error=0.0213,
        metrics={"val_loss": 0.48123, "rmse": 123_456.7},
        seconds=1234.56,
    )
    pruned = a_trial(state=TrialState.pruned, reason="worse than the median of others")
    server = Server(a_json(a_job()), a_page(best, pruned))

    done = run("trials", "job_1", server=server)

    words = words_of(done)
    assert {"completed", "validation", "loss", "0.4812", "0.0213", "RMSE", "123,457"} <= {*words}
    assert {"pruned", "median", "others"} <= {*words}
    assert LOSS_NOTE in done.stdout


def test_large_numbers_of_trials_are_whole(run: Callable[..., Result], width: int) -> None:
    trial = a_trial(
        number=1234,
        state=TrialState.completed,
        score=1_234_567.8,
        score_error=123_456.7,
        metrics={"rmse": 98_765_432.1},
        epochs=20_000,
        seconds=123_456.7,
    )

    done = run("trials", "job_1", server=Server(a_json(a_job()), a_page(trial)))

    words = words_of(done, width)
    assert {"trial", "1234", "completed", "1,234,568", "98,765,432"} <= {*words}
    assert ({"123,457", "20000"} <= {*words}) == (width == 80)
    note = "left out, as the lines are too short: seconds, epochs, ± (--json has all)"
    assert (note in " ".join(words)) == (width == 60)


def test_ids_and_scores_of_jobs_are_whole(run: Callable[..., Result], width: int) -> None:
    job = a_job(JobState.succeeded, id=JOB_ID, name="california_housing_prices_second_attempt")

    done = run("jobs", server=Server(a_page(job)))

    assert {JOB_ID, "succeeded", "7/50"} <= {*words_of(done, width)}
    assert ("too short: created" in done.stdout) == (width == 60)


def test_ids_and_sizes_of_datasets_are_whole(run: Callable[..., Result], width: int) -> None:
    dataset = a_dataset(id=DATASET_ID, rows=100_000_000, columns=12_345)

    done = run("datasets", "list", server=Server(a_page(dataset)))

    words = words_of(done, width)
    assert DATASET_ID in words
    assert ("100,000,000 x 12,345" in done.stdout) == (width == 80)
    assert ("created, rows x columns" in " ".join(words)) == (width == 60)


def test_numbers_of_a_profile_are_whole(run: Callable[..., Result], width: int) -> None:
    column = Column(
        name="a_column_of_a_long_name",
        kind=ColumnKind.integer_category,
        missing=1_234_567,
        distinct=7_654_321,
        min=-123_456_789,
        max=987_654_321,
        histogram=Histogram(edges=(0, 1, 2), counts=(1, 8)),
    )

    done = run("datasets", "show", "ds_1", server=Server(a_json(a_dataset(profile=(column,)))))

    words = words_of(done, width)
    assert {"integer_category", f"{MINUS}123,456,789", "987,654,321"} <= {*words}
    assert ("7,654,321" in words) == (width == 80)
    assert "left out, as the lines are too short: values" in done.stdout


def test_id_that_does_not_fit_at_all_ends_in_an_ellipsis(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out, "width", 30)

    done = run("datasets", "list", server=Server(a_page(a_dataset(id=DATASET_ID))))

    assert DATASET_ID not in done.stdout
    assert "…" in done.stdout


def test_diagnosis_has_no_trials(run: Callable[..., Result]) -> None:
    done = run("trials", "job_1", server=Server(a_json(a_diagnosis_job())))

    assert done.exit_code == cli.FAILED
    assert "is a diagnosis, which has no trials" in done.stderr


def test_name_of_a_diagnosis_says_that_it_is_one(run: Callable[..., Result]) -> None:
    server = Server(a_page(a_diagnosis_job(name="why"), a_diagnosis_job(name="")))

    shown = " ".join(words_of(run("jobs", server=server)))

    assert "why (diagnosis)" in shown
    assert "Diagnosis of y" in shown


def test_datasets_fit_into_80_columns_without_a_cut_word(run: Callable[..., Result]) -> None:
    dataset = a_dataset(id=DATASET_ID, rows=1_000_000, columns=500)

    words = words_of(run("datasets", "list", server=Server(a_page(dataset))))

    assert {DATASET_ID, "houses.csv", "csv", "2026-11-23", "12:00"} <= {*words}
    assert "1,000,000 x 500" in " ".join(words)
