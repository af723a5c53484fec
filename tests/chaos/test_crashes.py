"""A job outlives `kill -9` of everything that works on it: no trial lost or counted twice."""

from __future__ import annotations

import signal
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from lowloss import Client
from lowloss.results import Job, JobState, Trial, TrialState
from lowloss.spec import DEFAULT_PROJECT, Task
from service.store.artifacts import get_best_model
from service.store.checkpoints import list_checkpoints
from service.store.database import Database
from service.store.jobs import get_job
from service.store.queue import enqueue_job
from service.store.requests import cancel_job
from service.store.trials import list_trials
from tests.builders.processes import child_of, free_port, kill, running, wait_for, wait_until_ready
from tests.builders.store import a_spec, an_uploaded_table
from tests.conftest import NewUrl

TRIALS = 12
WORKER, SERVER = "worker.supervisor", "service.app"


@pytest.fixture(params=["sqlite", pytest.param("postgres_18", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, new_database_url: NewUrl) -> Iterator[Database]:
    opened = Database(new_database_url(request.param))
    yield opened
    opened.close()


@pytest.fixture
def job_id(database: Database) -> str:
    return a_training_job(database, an_uploaded_table(database, rows=20_000))


def a_training_job(database: Database, dataset: str) -> str:
    """A queued job whose search takes some seconds; answers its id."""
    spec = a_spec(
        dataset,
        budget={
            "max_trials": TRIALS,
            "max_epochs": 35,
            "max_seconds": None,
            "diagnosis_seconds": 0,
        },
        search_space={"layers": 1, "patience": 60, "batch_size": 32},
        preprocessing={"scale_features": "standard"},
        final={"confirm_top": 1, "confirm_seeds": 1, "refit": False, "members": 1},
        algorithm="random",
        pruning=None,
    )
    with database.transaction() as session:
        return enqueue_job(
            session, spec, project=DEFAULT_PROJECT, task=Task.regression, max_attempts=5
        )


def url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def read_job(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return get_job(session, job_id)


def finished_trials(database: Database, job_id: str) -> tuple[Trial, ...]:
    with database.reading() as session:
        trials = list_trials(session, job_id).items
    return tuple(trial for trial in trials if trial.state.is_finished)


def wait_for_trials(database: Database, job_id: str, count: int) -> tuple[Trial, ...]:
    def look() -> tuple[Trial, ...] | None:
        finished = finished_trials(database, job_id)
        return finished if len(finished) >= count else None

    return wait_for(look, what=f"{count} finished trials")


def wait_for_end(database: Database, job_id: str) -> Job:
    def look() -> Job | None:
        job = read_job(database, job_id)
        return job if job.state.is_finished else None

    return wait_for(look, what="the job's end")


def assert_nothing_lost(
    database: Database, job: Job, before: tuple[Trial, ...], *, attempts: int
) -> None:
    assert job.state is JobState.succeeded, job.errors
    assert job.attempt == attempts
    after = finished_trials(database, job.id)
    assert [trial.number for trial in after] == list(range(1, TRIALS + 1))
    assert all(trial.state is TrialState.completed for trial in after)
    # What had finished before the crash was kept as it was, and not trained again.
    kept = {trial.number for trial in before}
    assert tuple(trial for trial in after if trial.number in kept) == before
    with database.reading() as session:
        assert get_best_model(session, job.id).size_bytes > 0


def test_job_outlives_its_child(database: Database, job_id: str, tmp_path: Path) -> None:
    with running(WORKER, data_dir=tmp_path, database_url=url(database)) as worker:
        before = wait_for_trials(database, job_id, 2)
        kill(child_of(worker))
        job = wait_for_end(database, job_id)

    assert_nothing_lost(database, job, before, attempts=2)
    assert job.failures == 1
    assert "signal 9" in (job.errors[0].error or "")


@pytest.mark.slow
def test_job_outlives_its_supervisor(database: Database, job_id: str, tmp_path: Path) -> None:
    with running(WORKER, data_dir=tmp_path, database_url=url(database)) as first:
        before = wait_for_trials(database, job_id, 2)
        child = child_of(first)
        kill(first)
        child.wait(30)
    before = finished_trials(database, job_id)

    with running(WORKER, data_dir=tmp_path, database_url=url(database)):
        job = wait_for_end(database, job_id)

    assert_nothing_lost(database, job, before, attempts=2)
    assert job.errors[0].outcome == "lease_expired"


@pytest.mark.slow
def test_job_and_its_waiting_client_outlive_the_server(
    database: Database, job_id: str, tmp_path: Path
) -> None:
    port = str(free_port())

    def start(module: str) -> AbstractContextManager[Popen[bytes]]:
        where = url(database)
        return running(module, data_dir=tmp_path, database_url=where, LOWLOSS_PORT=port)

    with (
        Client(f"http://127.0.0.1:{port}") as client,
        ThreadPoolExecutor(1) as pool,
        start(WORKER),
        start(SERVER) as first,
    ):
        wait_until_ready(client)
        waiting = pool.submit(client.wait, job_id, timeout=120)
        before = wait_for_trials(database, job_id, 2)
        kill(first)

        with start(SERVER):
            job = waiting.result(120)
            model = client.download(job_id, tmp_path)

    assert_nothing_lost(database, job, before, attempts=1)
    assert zipfile.is_zipfile(model)


# What the database has to do with it, the contract suites hold on both.
@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_stopped_worker_hands_its_job_back(database: Database, job_id: str, tmp_path: Path) -> None:
    with running(WORKER, data_dir=tmp_path, database_url=url(database)) as first:
        wait_for_trials(database, job_id, 2)
        child = child_of(first)
        first.send_signal(signal.SIGTERM)
        assert first.wait(60) == 0
    assert not psutil.pid_exists(child.pid)
    waiting = read_job(database, job_id)
    assert (waiting.state, waiting.failures) == (JobState.queued, 0)
    before = finished_trials(database, job_id)
    with database.reading() as session:
        left = [t for t in list_trials(session, job_id).items if not t.state.is_finished]
        saved = {each.trial: each.epochs for each in list_checkpoints(session, job_id)}
    # A trial's row is written once a second, and so may be behind what was saved of it.
    assert saved
    assert all(saved[trial.number] >= trial.epochs for trial in left if trial.epochs)

    with running(WORKER, data_dir=tmp_path, database_url=url(database)):
        job = wait_for_end(database, job_id)

    assert_nothing_lost(database, job, before, attempts=2)
    assert job.failures == 0


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_job_cancelled_after_a_crash_exports_its_best_trained_to_the_end(
    database: Database, job_id: str, tmp_path: Path
) -> None:
    with running(WORKER, data_dir=tmp_path, database_url=url(database)) as worker:
        wait_for_trials(database, job_id, 2)
        kill(child_of(worker))
        with database.transaction() as session:
            cancel_job(session, job_id)
        job = wait_for_end(database, job_id)

    assert (job.state, job.attempt) == (JobState.cancelled, 2), job.errors
    # The weights went with the child: the best trial was trained again, to the same end.
    assert job.best is not None
    assert job.outcome.winner == job.best.trial
    assert job.outcome.metrics == pytest.approx(job.best.metrics)
    with database.reading() as session:
        assert get_best_model(session, job.id).size_bytes > 0
