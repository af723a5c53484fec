"""The deletion of jobs: the same on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from lowloss.errors import JobNotFound, StateConflict
from lowloss.results import JobState, TrialState
from lowloss.spec import DEFAULT_PROJECT, JobSpec, Quotas
from service.store.artifacts import find_artifacts
from service.store.blobs import reap_blobs
from service.store.database import Database
from service.store.datasets import find_dataset
from service.store.deletions import delete_job
from service.store.jobs import get_job
from service.store.queue import Fence, finish_job
from service.store.quotas import set_quotas
from service.store.retention import CANDIDATES, delete_expired_job
from service.store.schema import (
    ArtifactRow,
    AttemptRow,
    BlobRow,
    CurveRow,
    EventRow,
    JobRow,
    TrialRow,
)
from tests.builders.live_server import counted_statements
from tests.builders.store import a_claim, a_job, a_trial, an_artifact

pytestmark = pytest.mark.homes


def a_finished_job(database: Database) -> Fence:
    """A job with a trial, events and a model."""
    a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, state=TrialState.completed)
    an_artifact(database, fence)
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    return fence


def delete(database: Database, job_id: str) -> None:
    with database.transaction() as session:
        delete_job(session, job_id)


def reap_later(database: Database) -> int:
    """Delete what nothing refers to, as if a minute had passed."""
    with database.transaction() as session:
        for row in session.scalars(select(BlobRow)):
            row.touched_at -= timedelta(seconds=61)
    return reap_blobs(database)


def test_job_goes_with_all_that_it_has(database: Database) -> None:
    job_id = a_finished_job(database).job_id
    with database.reading() as session:
        dataset = get_job(session, job_id).dataset

    delete(database, job_id)

    with database.reading() as session:
        for row in (JobRow, AttemptRow, TrialRow, CurveRow, EventRow, ArtifactRow):
            assert session.scalar(select(func.count()).select_from(row)) == 0, row.__tablename__
        assert find_dataset(session, DEFAULT_PROJECT, dataset) is not None
        with pytest.raises(JobNotFound):
            get_job(session, job_id)
    assert reap_later(database) == 1


def test_bytes_that_another_job_has_stay(database: Database) -> None:
    first, second = a_finished_job(database), a_finished_job(database)

    delete(database, first.job_id)

    assert reap_later(database) == 0
    with database.reading() as session:
        assert len(find_artifacts(session, second.job_id)) == 1
        assert get_job(session, second.job_id).progress.trials_done == 1


@pytest.mark.parametrize("state", [JobState.queued, JobState.running, JobState.paused])
def test_job_that_has_not_ended_stays(database: Database, state: JobState) -> None:
    job_id = a_job(database, state=state)

    with pytest.raises(StateConflict, match=f"it is {state}") as refused:
        delete(database, job_id)

    assert "cancel" in str(refused.value.fix)
    with database.reading() as session:
        assert get_job(session, job_id).state is state


def test_job_that_is_not_there_is_not_deleted(database: Database) -> None:
    with pytest.raises(JobNotFound):
        delete(database, "job_0")


def test_job_that_another_one_learns_from_stays(database: Database) -> None:
    teacher = a_finished_job(database).job_id
    learner = a_job(database, warm_start_from=[teacher])

    with pytest.raises(StateConflict, match=f"{learner} learns from it"):
        delete(database, teacher)

    fence = a_claim(database).fence
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)
    delete(database, teacher)


def test_deletion_reads_no_whole_specification_of_the_jobs_that_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    *teachers, free = (a_finished_job(database).job_id for _ in range(CANDIDATES + 3))
    with database.transaction() as session:
        set_quotas(session, DEFAULT_PROJECT, Quotas(max_age_days=30))
        for job in session.scalars(select(JobRow)):
            job.created_at -= timedelta(days=31)
            job.finished_at = job.created_at
    for teacher_ids in (teachers[:CANDIDATES], teachers[CANDIDATES:]):
        a_job(database, warm_start_from=teacher_ids)

    def refuse(document: object) -> None:
        raise AssertionError(document)

    monkeypatch.setattr(JobSpec, "model_validate", refuse)
    with counted_statements(database) as statements, database.transaction() as session:
        assert delete_expired_job(session) == free

    queue = [one for one in statements if "warm_start_from" in one or "jobs.spec" in one]
    assert len(queue) == 1
    assert "jobs.outcome" not in queue[0]
    with database.transaction() as session:
        assert delete_expired_job(session) is None
