"""What a job that has not ended says of itself: its place, its phase, its attempt, its time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from lowloss.results import Job, JobState
from lowloss.spec import DEFAULT_PROJECT
from service.store.database import Database, Session, utc_now
from service.store.events import list_events
from service.store.jobs import get_job, list_jobs, record_outcome
from service.store.queue import Fence, finish_job, pause_running_job, release_job, retry_job
from service.store.requests import cancel_job, resume_job, set_priority
from service.store.schema import JobRow
from tests.builders.store import a_claim, a_job, a_trial, expire_lease


def read(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return get_job(session, job_id)


def positions(database: Database) -> dict[str, int | None]:
    with database.reading() as session:
        jobs = list_jobs(session, DEFAULT_PROJECT, state=None, cursor=None, limit=9).items
    return {job.id: job.queue_position for job in jobs}


def test_queued_jobs_have_the_places_in_which_they_are_claimed(database: Database) -> None:
    running, first, second, urgent = (a_job(database) for _ in range(4))
    a_claim(database)
    with database.transaction() as session:
        set_priority(session, urgent, 5)

    assert positions(database) == {running: None, urgent: 1, first: 2, second: 3}
    assert a_claim(database).fence.job_id == urgent
    assert positions(database) == {running: None, urgent: None, first: 1, second: 2}


def pause_and_resume(session: Session, fence: Fence) -> None:
    pause_running_job(session, fence)
    resume_job(session, fence.job_id)


@pytest.mark.parametrize(
    ("leave", "reason"),
    [
        (lambda s, f: retry_job(s, f, error="boom", retry_seconds=0), "crashed"),
        (release_job, "stopped"),
        (pause_and_resume, "paused"),
    ],
)
def test_attempt_after_the_first_says_why_there_is_one(
    database: Database, leave: Callable[[Session, Fence], None], reason: str
) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    first = read(database, job_id)
    with database.transaction() as session:
        leave(session, fence)

    waiting = read(database, job_id)
    again = a_claim(database).fence
    running = read(database, job_id)

    assert (first.attempt, first.retry_reason) == (1, None)
    assert (waiting.attempt, waiting.retry_reason) == (1, reason)
    assert (running.attempt, running.retry_reason) == (2, reason)
    with database.transaction() as session:
        finish_job(session, again, state=JobState.succeeded)
    assert read(database, job_id).retry_reason is None


def test_attempt_after_an_expired_lease_says_so(database: Database) -> None:
    job_id = a_job(database)
    a_claim(database)
    expire_lease(database, job_id)

    a_claim(database, "worker-2")

    assert read(database, job_id).retry_reason == "lease_expired"


def test_phase_is_that_of_the_attempt_that_runs(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    before = read(database, job_id).phase

    with database.transaction() as session:
        record_outcome(session, fence, phase="diagnosis")
        record_outcome(session, fence, phase="check", within="diagnosis")
    during = read(database, job_id).phase
    with database.transaction() as session:
        release_job(session, fence)

    assert (before, during, read(database, job_id).phase) == (None, "diagnosis", None)
    with database.reading() as session:
        events = list_events(session, job_id, after=0, limit=99)
    phases = [event.data for event in events if event.kind == "job.phase"]
    assert phases == [{"phase": "diagnosis"}, {"phase": "check", "within": "diagnosis"}]


def seconds_left(database: Database, phase: str | None, *, ago: float = 0.0) -> float | None:
    """The time left of a search with a trial, whose phase began some seconds ago."""
    job_id = a_job(database, budget={"max_seconds": 600, "diagnosis_seconds": 30})
    fence = a_claim(database).fence
    a_trial(database, fence, 1)
    with database.transaction() as session:
        session.execute(
            update(JobRow)
            .where(JobRow.id == job_id)
            .values(seconds=590.0, phase=phase, phase_started_at=utc_now(-ago))
        )
    return read(database, job_id).progress.seconds_left


@pytest.mark.parametrize(
    ("phase", "ago", "left"),
    [
        (None, 0.0, 40.0),
        ("search", 500.0, 40.0),
        ("confirm", 5.0, 40.0),
        ("diagnosis", 10.0, 20.0),
        ("diagnosis", 31.0, None),
        ("export", 1.0, None),
        ("report", 1.0, None),
    ],
)
def test_time_left_is_that_of_the_phase(
    database: Database, phase: str | None, ago: float, left: float | None
) -> None:
    estimate = seconds_left(database, phase, ago=ago)

    assert estimate == (None if left is None else pytest.approx(left, abs=2.0))


def test_job_that_is_to_end_has_no_time_left_to_tell(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)
    assert read(database, job_id).progress.seconds_left is not None

    with database.transaction() as session:
        cancel_job(session, job_id)

    assert read(database, job_id).progress.seconds_left is None


def test_best_that_the_confirmation_chose_is_told_beside_that_of_the_search(
    database: Database,
) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, score=0.5)
    a_trial(database, fence, 2, score=0.6)

    with database.transaction() as session:
        record_outcome(session, fence, phase=None, winner=2)

    job = read(database, job_id)
    assert job.best is not None
    assert (job.best.trial, job.outcome.best_of_search) == (2, 1)
    with database.reading() as session:
        *_, change, record = list_events(session, job_id, after=0, limit=99)
    assert (change.kind, change.data) == (
        "best.changed",
        {"trial": 2, "previous": 1, "reason": "confirmation"},
    )
    assert (record.kind, record.data) == ("job.outcome", {"fields": ["winner"]})


def test_best_that_the_confirmation_kept_is_no_news(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, score=0.5)

    with database.transaction() as session:
        record_outcome(session, fence, phase=None, winner=1)

    assert read(database, job_id).outcome.best_of_search is None
