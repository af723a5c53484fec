"""Jobs whose worker has no room for their files: the same on every database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from lowloss.results import Job, JobState
from service.store.crashes import MAX_IN_A_ROW
from service.store.database import Database, Session, utc_now
from service.store.jobs import get_job
from service.store.queue import Fence, release_job, retry_without_failure
from service.store.requests import cancel_job, pause_job
from service.store.schema import AttemptOutcome, JobRow
from tests.builders.store import a_claim, a_job, a_trial

FIRST_WAIT = 1000.0


def read(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return get_job(session, job_id)


def end_without_failure(
    database: Database, fence: Fence, outcome: AttemptOutcome = AttemptOutcome.disk_full
) -> float:
    """End an attempt; answers how long the job waits then, and makes it wait no longer."""
    with database.transaction() as session:
        retry_without_failure(
            session,
            fence,
            outcome,
            error="no room",
            advice="find some",
            wait_seconds=FIRST_WAIT,
        )
        now, available_at = session.execute(
            select(utc_now(), JobRow.available_at).where(JobRow.id == fence.job_id)
        ).one()
        session.execute(update(JobRow).values(available_at=utc_now(-1)))
    wait: timedelta = available_at - now
    return wait.total_seconds()


def waits_of(
    database: Database, count: int, outcome: AttemptOutcome = AttemptOutcome.disk_full
) -> list[int]:
    """How long a job waits after so many attempts with an outcome, in first waits."""
    fences = (a_claim(database).fence for _ in range(count))
    waits = [end_without_failure(database, fence, outcome) for fence in fences]
    return [round(wait / FIRST_WAIT) for wait in waits]


def test_each_wait_is_twice_the_last_one_and_no_failure(database: Database) -> None:
    job_id = a_job(database, max_attempts=1)

    assert waits_of(database, 4) == [1, 2, 4, 8]

    job = read(database, job_id)
    assert (job.state, job.failures) == (JobState.queued, 0)
    assert [(e.outcome, e.error) for e in job.errors] == [("disk_full", "no room")] * 4


def test_attempt_that_ended_otherwise_begins_the_count_anew(database: Database) -> None:
    a_job(database)
    waits_of(database, 3)

    with database.transaction() as session:
        release_job(session, a_claim(database).fence)

    assert waits_of(database, 2) == [1, 2]


def test_attempt_that_ended_a_trial_begins_the_count_anew(database: Database) -> None:
    a_job(database)
    waits_of(database, 3)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)

    assert round(end_without_failure(database, fence) / FIRST_WAIT) == 1
    assert waits_of(database, 2) == [2, 4]


def test_job_fails_after_the_last_and_says_what_to_do(database: Database) -> None:
    job_id = a_job(database)

    waits_of(database, MAX_IN_A_ROW)

    job = read(database, job_id)
    assert (job.state, job.reason, job.failures) == (JobState.failed, "disk_full", 0)
    assert job.errors[-1].error == "no room; this happened 8 times in a row: find some"
    assert job.attempt == MAX_IN_A_ROW


@pytest.mark.parametrize(
    ("request_it", "state"),
    [(cancel_job, JobState.cancelled), (pause_job, JobState.paused)],
    ids=["cancel", "pause"],
)
def test_what_users_ask_comes_before_the_last_failure(
    database: Database, request_it: Callable[[Session, str], None], state: JobState
) -> None:
    job_id = a_job(database)
    waits_of(database, MAX_IN_A_ROW - 1)
    fence = a_claim(database).fence
    with database.transaction() as session:
        request_it(session, job_id)

    end_without_failure(database, fence)

    assert read(database, job_id).state is state
