"""A job outlives a database that goes away wherever it is used: the same on every database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import pytest

from lowloss.results import JobState, TrialState
from service.store.artifacts import find_artifacts
from service.store.blobs import CHUNK_BYTES, read_blob
from service.store.database import Database, Session
from service.store.jobs import get_job
from service.store.queue import finish_job
from service.store.trials import TrialEnd, list_trials
from tests.builders.outages import FailingDatabase, Outage, QuietChannel, gone_away
from tests.builders.store import a_blob, a_claim, a_job, some_hyperparameters
from tests.builders.trainings import a_plan
from worker.engine.plans import Epoch
from worker.progress import reporter as reporter_module
from worker.progress.channel import Channel
from worker.progress.reporter import Reporter

pytestmark = pytest.mark.homes

DATA = b"".join(bytes([number]) * CHUNK_BYTES for number in range(5)) + b"the end"


@pytest.fixture
def failing(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[FailingDatabase]:
    monkeypatch.setattr(reporter_module, "WRITE_SECONDS", 0.0)
    opened = FailingDatabase(
        database.url.render_as_string(hide_password=False), blob_store=database.blob_store
    )
    yield opened
    opened.close()


@pytest.fixture
def reporter(database: Database, failing: FailingDatabase) -> Reporter:
    a_job(database)
    return Reporter(failing, a_claim(database).fence, cast("Channel", QuietChannel()))


END = TrialEnd(
    number=1,
    state=TrialState.completed,
    reason=None,
    score=0.25,
    metrics={"val_loss": 0.25},
    best_epoch=1,
    seconds=0.1,
    program="cohort",
)


def test_trial_is_recorded_once_however_often_the_database_goes_away(
    database: Database, failing: FailingDatabase, reporter: Reporter
) -> None:
    reporter.phase("search")
    reporter.start_trial(a_plan(), some_hyperparameters(), {})
    for number in range(1, 6):
        reporter.on_epoch(a_plan(), Epoch(number, 0.5, 0.25, 0.5))
    reporter.finish_trial(END)
    reporter.record(winner=1)

    assert failing.failures.total() >= 4 * len(Outage)
    with database.reading() as session:
        (trial,) = list_trials(session, reporter.fence.job_id).items
        job = get_job(session, reporter.fence.job_id)
    assert (trial.state, trial.score, trial.epochs) == (TrialState.completed, 0.25, 5)
    assert (job.outcome.winner, job.failures, job.attempt) == (1, 0, 1)


def test_artifact_is_stored_whole_however_often_the_database_goes_away(
    database: Database, failing: FailingDatabase, reporter: Reporter, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(DATA)

    reporter.add_artifact(path, "application/vnd.keras")

    assert failing.failures.total() >= 3 * len(Outage)
    with database.transaction() as session:
        finish_job(session, reporter.fence, state=JobState.succeeded)
    with database.reading() as session:
        (artifact,) = find_artifacts(session, reporter.fence.job_id)
    assert b"".join(read_blob(database, artifact.sha256)) == DATA


def test_table_is_read_whole_however_often_the_database_goes_away(
    database: Database, failing: FailingDatabase, reporter: Reporter, tmp_path: Path
) -> None:
    sha256 = a_blob(database, DATA)

    reporter.copy_blob(sha256, tmp_path / "table")

    assert failing.failures.total() == len(Outage)
    assert (tmp_path / "table").read_bytes() == DATA


def test_reading_of_a_table_goes_on_where_the_database_went_away(
    database: Database,
    failing: FailingDatabase,
    reporter: Reporter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha256 = a_blob(database, DATA)
    readings = itertools.count(1)

    def read_or_fail() -> AbstractContextManager[Session]:
        if next(readings) % 2 == 0:
            raise gone_away()
        return database.reading()

    monkeypatch.setattr(failing, "reading", read_or_fail)

    reporter.copy_blob(sha256, tmp_path / "table")

    assert (tmp_path / "table").read_bytes() == DATA
    # Of six chunks each was read once, and every second reading failed; objects are not in it.
    assert next(readings) == (2 * 6 if database.blob_store is None else 2)
