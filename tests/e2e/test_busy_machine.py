"""A busy machine, or too little time, costs no job its model; a cancel is heard all the same."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from lowloss import Client
from lowloss.results import Job, JobState
from lowloss.spec import DEFAULT_PROJECT, Task
from service.store.artifacts import get_best_model
from service.store.database import Database
from service.store.jobs import get_job
from service.store.queue import enqueue_job, release_job
from service.store.schema import JobRow
from tests.builders.load import busy_processes
from tests.builders.processes import running, wait_for
from tests.builders.store import a_claim, a_spec, a_trial, an_uploaded_table

pytestmark = pytest.mark.slow

BUSY = 8
"""Processes that compute beside the job, four a core of a small machine."""
ONE_SETTING = {
    "learning_rate": 0.001,
    "layers": 1,
    "width": 8,
    "l2": 0.0,
    "dropout": 0.0,
    "patience": 5,
    "batch_size": 32,
}


def queue_overdue_job(database: Database, *, has_trial: bool) -> str:
    """Queue a job whose time earlier attempts used up."""
    spec = a_spec(
        an_uploaded_table(database),
        budget={"max_seconds": 10},
        search_space=ONE_SETTING,
        preprocessing={"scale_features": "standard"},
    )
    with database.transaction() as session:
        job_id = enqueue_job(
            session, spec, project=DEFAULT_PROJECT, task=Task.regression, max_attempts=3
        )
    fence = a_claim(database).fence
    if has_trial:
        a_trial(database, fence, 1)
    with database.transaction() as session:
        release_job(session, fence)
        session.execute(update(JobRow).values(seconds=1_000.0))
    return job_id


def run_to_its_end(database: Database, job_id: str, folder: Path) -> Job:
    def look() -> Job | None:
        with database.reading() as session:
            job = get_job(session, job_id)
        return job if job.state.is_finished else None

    url = database.url.render_as_string(hide_password=False)
    with running("worker.supervisor", data_dir=folder, database_url=url):
        return wait_for(look, seconds=300, what="the job's end")


@pytest.mark.parametrize("has_trial", [False, True])
def test_overdue_job_ends_with_a_model_and_only_what_that_needs(
    sqlite_database: Database, tmp_path: Path, has_trial: bool
) -> None:
    job_id = queue_overdue_job(sqlite_database, has_trial=has_trial)

    job = run_to_its_end(sqlite_database, job_id, tmp_path)

    assert (job.state, job.attempt, job.failures) == (JobState.succeeded, 2, 0), job.errors
    assert (job.progress.trials_done, job.outcome.winner) == (1, 1)
    assert set(job.outcome.missing_baselines) == {"mean", "ridge", "gradient_boosting"}
    assert set(job.outcome.missing_artifacts) == {"saved_model.zip", "diagnosis.json"}
    with sqlite_database.reading() as session:
        assert get_best_model(session, job_id).size_bytes > 0


def upload(client: Client, folder: Path, rows: int, columns: int) -> str:
    import numpy as np

    rng = np.random.default_rng(0)
    x_ND = rng.normal(size=(rows, columns))
    y_N = 3 * x_ND[:, 0] + np.sin(3 * x_ND[:, 1]) + rng.normal(size=rows)
    names = ",".join([f"x{column}" for column in range(columns)] + ["y"])
    path = folder / f"{rows}.csv"
    table = np.column_stack([x_ND, y_N])
    np.savetxt(path, table, delimiter=",", header=names, comments="", fmt="%.5f")
    return client.upload(path).id


def test_short_job_on_a_busy_machine_ends_with_a_model(client: Client, tmp_path: Path) -> None:
    dataset = upload(client, tmp_path, 437, 11)
    budget = {"max_seconds": 3, "diagnosis_seconds": 0}

    with busy_processes(BUSY):
        submitted = client.submit({"dataset": dataset, "target": "y", "budget": budget})
        job = client.wait(submitted.id, timeout=450)

    assert (job.state, job.attempt) == (JobState.succeeded, 1), job.errors
    assert client.download(job.id, tmp_path).stat().st_size > 0


@pytest.mark.parametrize("phase", ["prepare", "baselines", "diagnosis"])
def test_cancel_is_heard_within_five_seconds_on_a_busy_machine(
    client: Client, tmp_path: Path, phase: str
) -> None:
    is_small = phase == "diagnosis"
    dataset = upload(client, tmp_path, 437 if is_small else 60_000, 11 if is_small else 30)
    spec: dict[str, Any] = {"budget": {"max_trials": 1, "max_epochs": 2, "max_seconds": 600}}

    with busy_processes(BUSY):
        job = client.submit(spec | {"dataset": dataset, "target": "y"})
        events = client.follow(job.id)
        next(event for event in events if event.data.get("phase") == phase)
        cancelled_at = time.monotonic()
        client.cancel(job.id)
        # What is left after a diagnosis is the report; the other phases have nothing to export.
        last = "report" if is_small else "cancelled"
        next(e for e in events if last in {e.data.get("phase"), e.data.get("state")})
        seconds = time.monotonic() - cancelled_at
        ended = client.wait(job.id, timeout=200)

    assert seconds < 5.0
    assert ended.state is JobState.cancelled
    assert (ended.best is not None) == is_small
