"""A trial that kills its worker twice is not trained again, and the job goes on without it."""

from __future__ import annotations

import sys

import pytest

from lowloss.results import JobState, TrialState
from lowloss.spec import Task
from service.store.artifacts import get_best_model
from service.store.database import Database
from service.store.queue import enqueue_job
from service.store.trials import list_trials
from tests.builders.deadly_child import DEADLY_TRIALS
from tests.builders.processes import wait_for
from tests.builders.store import a_spec, an_uploaded_table
from tests.builders.workers import read, working

pytestmark = pytest.mark.slow
COMMAND = (sys.executable, "-m", "tests.builders.deadly_child")
TRIALS = 8


def test_job_goes_on_without_the_trials_that_kill_its_worker(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", sqlite_database.url.render_as_string())
    spec = a_spec(
        an_uploaded_table(sqlite_database),
        budget={
            "max_trials": TRIALS,
            "max_epochs": 3,
            "max_seconds": None,
            "diagnosis_seconds": 0,
        },
        search_space={"layers": 1},
        final={"confirm_top": 1, "confirm_seeds": 1, "refit": False, "members": 1},
        algorithm="random",
        pruning=None,
    )
    with sqlite_database.transaction() as session:
        job_id = enqueue_job(session, spec, task=Task.regression, max_attempts=2)

    with working(sqlite_database, COMMAND):
        wait_for(lambda: read(sqlite_database, job_id).state.is_finished, seconds=240)

    job = read(sqlite_database, job_id)
    assert job.state is JobState.succeeded, job.errors
    with sqlite_database.reading() as session:
        trials = list_trials(session, job_id).items
        assert get_best_model(session, job_id).size_bytes > 0
    failed = {trial.number: trial.reason for trial in trials if trial.state is TrialState.failed}
    assert failed.keys() == DEADLY_TRIALS
    assert all("ended twice while it trained" in (reason or "") for reason in failed.values())
    assert all("signal 9" in (reason or "") for reason in failed.values())
    completed = [trial for trial in trials if trial.state is TrialState.completed]
    assert len(completed) == TRIALS - len(DEADLY_TRIALS)
    # Both were open at once, or one after the other: no more than two attempts for each.
    assert job.attempt <= 2 * len(DEADLY_TRIALS) + 1
