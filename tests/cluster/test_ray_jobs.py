"""Whole jobs whose networks train on a Ray cluster, by a real worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lowloss.results import Job, JobState, TrialState
from lowloss.spec import DEFAULT_PROJECT, Task
from service.store.artifacts import find_artifacts
from service.store.database import Database
from service.store.jobs import get_job
from service.store.queue import enqueue_job
from service.store.requests import cancel_job
from service.store.trials import list_trials
from service.store.workers import list_workers
from tests.builders.processes import free_port, kill, running, wait_for
from tests.builders.store import a_spec, an_uploaded_table
from tests.cluster.processes import count_actors, list_actors
from tests.conftest import NewUrl

WORKER = "worker.supervisor"


@pytest.fixture
def database(new_database_url: NewUrl) -> Iterator[Database]:
    opened = Database(new_database_url("sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def on_ray(cluster: Any, database: Database, tmp_path: Path) -> dict[str, Any]:
    """What a worker is started with."""
    url = database.url.render_as_string(hide_password=False)
    settings = {"LOWLOSS_RAY_ADDRESS": cluster.address, "LOWLOSS_RAY_CORES": "1"}
    return {"data_dir": tmp_path, "database_url": url, **settings}


def a_job(database: Database, *, trials: int = 6, rows: int = 2_000, epochs: int = 5) -> str:
    spec = a_spec(
        an_uploaded_table(database, rows=rows),
        budget={"max_trials": trials, "max_epochs": epochs, "diagnosis_seconds": 0},
        search_space={"layers": 1, "patience": 60, "batch_size": 32, "schedule": "constant"},
        preprocessing={"scale_features": "standard"},
        final={"confirm_top": 1, "confirm_seeds": 1, "members": 2},
        algorithm="random",
        pruning=None,
    )
    with database.transaction() as session:
        return enqueue_job(
            session, spec, project=DEFAULT_PROJECT, task=Task.regression, max_attempts=3
        )


def look(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return get_job(session, job_id)


def end_of(database: Database, job_id: str) -> Job:
    def ended() -> Job | None:
        job = look(database, job_id)
        return job if job.state.is_finished else None

    return wait_for(ended, seconds=240, what="the job's end")


def test_job_trains_on_the_cluster_and_hands_over_a_model_that_agrees(
    database: Database, on_ray: dict[str, Any]
) -> None:
    job_id = a_job(database)

    with running(WORKER, **on_ray):
        job = end_of(database, job_id)
        wait_for(lambda: not count_actors() or None, what="the actors' ends")

    assert (job.state, job.errors) == (JobState.succeeded, ())
    assert (job.outcome.executor, job.outcome.nodes) == ("ray", 2)
    assert job.outcome.threads == 2
    assert set(job.outcome.agreement) >= {"model.keras", "model.onnx"}
    with database.reading() as session:
        names = {artifact.name for artifact in find_artifacts(session, job_id)}
        trials = list_trials(session, job_id).items
    assert "model.keras" in names
    assert [trial.state for trial in trials] == [TrialState.completed] * 6


@pytest.mark.slow
def test_killed_worker_leaves_no_actor_and_its_job_goes_on(
    database: Database, on_ray: dict[str, Any]
) -> None:
    job_id = a_job(database, trials=8, rows=20_000, epochs=60)

    def has_completed() -> bool | None:
        with database.reading() as session:
            states = [trial.state for trial in list_trials(session, job_id).items]
        return TrialState.completed in states or None

    with running(WORKER, **on_ray) as worker:
        wait_for(has_completed, seconds=120, what="a completed trial")
        before = {process.pid for process in list_actors()}
        kill(worker)
    wait_for(lambda: not count_actors() or None, what="the actors' ends")
    with running(WORKER, **on_ray):
        job = end_of(database, job_id)

    assert before
    assert (job.state, job.attempt) == (JobState.succeeded, 2)
    with database.reading() as session:
        numbers = [trial.number for trial in list_trials(session, job_id).items]
    assert sorted(numbers) == list(range(1, 9))


@pytest.mark.slow
def test_cancel_reaches_all_actors(database: Database, on_ray: dict[str, Any]) -> None:
    job_id = a_job(database, trials=500, rows=20_000, epochs=500)

    with running(WORKER, **on_ray):
        wait_for(lambda: count_actors() == 2 or None, seconds=120, what="the actors")
        wait_for(lambda: look(database, job_id).progress.epochs > 0 or None, what="an epoch")
        with database.transaction() as session:
            cancel_job(session, job_id)
        job = end_of(database, job_id)
        wait_for(lambda: not count_actors() or None, what="the actors' ends")

    assert job.state is JobState.cancelled


def waiting_of(database: Database) -> str:
    """What the only worker waits for."""
    with database.reading() as session:
        (worker,) = list_workers(session, cursor=None, limit=2).items
    return worker.waits_for or ""


@pytest.mark.slow
def test_worker_without_its_cluster_claims_nothing_and_says_so(
    database: Database, on_ray: dict[str, Any]
) -> None:
    job_id = a_job(database)
    away = on_ray | {"LOWLOSS_RAY_ADDRESS": f"127.0.0.1:{free_port()}"}

    with running(WORKER, **away):
        log = on_ray["data_dir"] / f"{WORKER}.log"
        said = "no job is claimed: there is no Ray cluster at 127.0.0.1:"
        wait_for(lambda: log.read_text().count(said) > 1 or None, what="two tries")

        assert look(database, job_id).state is JobState.queued
        wait_for(lambda: waiting_of(database), what="what the worker waits for")
        assert waiting_of(database).startswith("its Ray cluster: there is no Ray cluster at")
