"""A whole job outlives a database that goes away wherever it is used, without a failure."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from lowloss.results import JobState, TrialState
from lowloss.spec import DEFAULT_PROJECT, Task
from service.settings import Limits
from service.store.artifacts import list_artifacts
from service.store.database import Database
from service.store.jobs import get_job
from service.store.queue import enqueue_job, finish_job
from service.store.trials import list_trials
from tests.builders.outages import FailingDatabase, QuietChannel
from tests.builders.store import a_claim, a_spec, an_uploaded_table
from worker.execution.local import LocalExecutor
from worker.jobs.loading import JobResources
from worker.jobs.main import run_safely
from worker.progress import reporter
from worker.progress.channel import Channel
from worker.progress.protocol import Ending

pytestmark = pytest.mark.slow


def test_search_succeeds_with_all_artifacts(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "WRITE_SECONDS", 0.0)
    spec = a_spec(
        an_uploaded_table(sqlite_database, rows=300),
        budget={"max_trials": 2, "max_epochs": 3, "max_seconds": None, "diagnosis_seconds": 1},
        search_space={"layers": 1},
        final={"confirm_top": 1, "confirm_seeds": 1, "members": 1},
        algorithm="random",
        pruning=None,
    )
    with sqlite_database.transaction() as session:
        job_id = enqueue_job(
            session, spec, project=DEFAULT_PROJECT, task=Task.regression, max_attempts=1
        )
    fence = a_claim(sqlite_database).fence
    failing = FailingDatabase(sqlite_database.url.render_as_string())
    resources = JobResources(Limits(), LocalExecutor(), tmp_path)

    ended = run_safely(failing, fence, cast("Channel", QuietChannel(tmp_path)), resources)

    failing.close()
    assert ended.ending is Ending.succeeded, ended.error
    with sqlite_database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded, reason=ended.reason)
    with sqlite_database.reading() as session:
        job, artifacts = get_job(session, job_id), list_artifacts(session, job_id)
        trials = list_trials(session, job_id).items
    assert artifacts.missing == {}
    assert {"model.keras", "model.onnx", "saved_model.zip"} <= {a.name for a in artifacts.items}
    assert [trial.state for trial in trials] == [TrialState.completed] * 2
    assert (job.failures, job.attempt) == (0, 1)
    # Loading, each phase, trials, confirmation, diagnosis and export: each place failed thrice.
    assert failing.failures.total() > 60
