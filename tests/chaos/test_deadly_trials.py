"""What kills its worker twice is left out, a trial or the refit, and the job goes on without it."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from lowloss.results import Job, JobState, TrialState
from lowloss.spec import DEFAULT_PROJECT, Task
from service.store.artifacts import get_best_model
from service.store.database import Database
from service.store.queue import enqueue_job
from service.store.trials import list_trials
from tests.builders.deadly_child import DEADLY_TRIALS
from tests.builders.processes import wait_for
from tests.builders.store import a_spec, an_uploaded_table
from tests.builders.workers import read, working

pytestmark = pytest.mark.slow
TRIALS = 8


def run_job(database: Database, child: str, *, trials: int, **final: Any) -> Job:
    """A job of a few random trials, run to its end by workers with such a child."""
    spec = a_spec(
        an_uploaded_table(database),
        budget={
            "max_trials": trials,
            "max_epochs": 3,
            "max_seconds": None,
            "diagnosis_seconds": 0,
        },
        search_space={"layers": 1},
        final={"confirm_top": 1, "confirm_seeds": 1, "members": 1} | final,
        algorithm="random",
        pruning=None,
    )
    with database.transaction() as session:
        job_id = enqueue_job(
            session, spec, project=DEFAULT_PROJECT, task=Task.regression, max_attempts=3
        )
    with working(database, (sys.executable, "-m", child)):
        wait_for(lambda: read(database, job_id).state.is_finished, seconds=240)
    job = read(database, job_id)
    assert job.state is JobState.succeeded, job.errors
    with database.reading() as session:
        assert get_best_model(session, job_id).size_bytes > 0
    return job


def test_job_goes_on_without_the_trials_that_kill_its_worker(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", sqlite_database.url.render_as_string())

    job = run_job(sqlite_database, "tests.builders.deadly_child", trials=TRIALS, refit=False)

    with sqlite_database.reading() as session:
        trials = list_trials(session, job.id).items
    failed = {trial.number: trial.reason for trial in trials if trial.state is TrialState.failed}
    assert failed.keys() == DEADLY_TRIALS
    assert all("ended twice while it trained" in (reason or "") for reason in failed.values())
    assert all("signal 9" in (reason or "") for reason in failed.values())
    completed = [trial for trial in trials if trial.state is TrialState.completed]
    assert len(completed) == TRIALS - len(DEADLY_TRIALS)
    # Both were open at once, or one after the other: no more than two attempts for each.
    assert job.attempt <= 2 * len(DEADLY_TRIALS) + 1


def test_job_whose_refit_kills_its_worker_hands_out_its_best_trial(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", sqlite_database.url.render_as_string())

    job = run_job(sqlite_database, "tests.builders.deadly_refit_child", trials=2, refit=True)

    phases = [(error.phase, error.outcome) for error in job.errors]
    assert phases == [("confirm", "crashed")] * 2 + [("report", "succeeded")]
    assert job.outcome.final_gain is None
    assert job.reason == "max_trials"
