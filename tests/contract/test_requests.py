"""What users ask of jobs, in every state: the same on every database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lowloss.errors import JobNotFound, StateConflict
from lowloss.results import Job, JobState, Requested
from service.store.database import Database, Session
from service.store.events import list_events
from service.store.jobs import get_job
from service.store.queue import (
    Fence,
    claim_job,
    pause_running_job,
    release_job,
    renew_lease,
    retry_job,
)
from service.store.requests import cancel_job, pause_job, resume_job
from tests.builders.store import a_claim, a_job, a_trial

FINISHED = [state for state in JobState if state.is_finished]


def read(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return get_job(session, job_id)


def event_kinds(database: Database, job_id: str) -> list[str]:
    with database.reading() as session:
        return [event.kind for event in list_events(session, job_id, after=0, limit=100)]


def test_cancelling_a_queued_job_ends_it(database: Database) -> None:
    job_id = a_job(database)

    with database.transaction() as session:
        cancel_job(session, job_id)

    assert read(database, job_id).state is JobState.cancelled


def test_cancelling_a_running_job_is_a_request_to_its_worker(database: Database) -> None:
    job_id = a_job(database, state=JobState.running)

    for _ in range(2):
        with database.transaction() as session:
            cancel_job(session, job_id)

    job = read(database, job_id)
    assert (job.state, job.requested) == (JobState.running, Requested.cancel)
    assert event_kinds(database, job_id).count("job.requested") == 1


def test_cancelling_a_paused_job_with_a_best_trial_lets_a_worker_export_it(
    database: Database,
) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)
    with database.transaction() as session:
        pause_running_job(session, fence)

    with database.transaction() as session:
        cancel_job(session, job_id)

    job = read(database, job_id)
    assert (job.state, job.requested) == (JobState.queued, Requested.cancel)
    again = a_claim(database).fence
    with database.transaction() as session:
        assert renew_lease(session, again, lease_seconds=30) is Requested.cancel


LEAVES: list[Callable[[Session, Fence], None]] = [
    lambda session, fence: retry_job(session, fence, error="boom", retry_seconds=0),
    release_job,
]


def test_cancel_survives_a_crash_and_a_clean_stop(database: Database) -> None:
    job_id = a_job(database)
    for leave in LEAVES:
        fence = a_claim(database).fence
        a_trial(database, fence, fence.attempt)
        with database.transaction() as session:
            cancel_job(session, job_id)
        with database.transaction() as session:
            leave(session, fence)

        assert read(database, job_id).requested is Requested.cancel


@pytest.mark.parametrize("max_attempts", [1, 3])
@pytest.mark.parametrize("leave", LEAVES)
def test_cancelled_job_with_nothing_to_export_is_not_tried_again(
    database: Database, leave: Callable[[Session, Fence], None], max_attempts: int
) -> None:
    job_id = a_job(database, max_attempts=max_attempts)
    fence = a_claim(database).fence
    with database.transaction() as session:
        cancel_job(session, job_id)

    with database.transaction() as session:
        leave(session, fence)

    job = read(database, job_id)
    assert (job.state, job.requested) == (JobState.cancelled, Requested.none)
    assert job.reason == "cancelled_before_a_trial_completed"
    assert job.finished_at is not None


def test_paused_job_waits_until_it_is_resumed(database: Database) -> None:
    job_id = a_job(database)
    with database.transaction() as session:
        pause_job(session, job_id)
    with database.transaction() as session:
        assert claim_job(session, "worker-1", lease_seconds=30) is None

    with database.transaction() as session:
        resume_job(session, job_id)

    assert a_claim(database).fence.job_id == job_id


def test_pausing_a_running_job_is_a_request_that_can_be_taken_back(database: Database) -> None:
    job_id = a_job(database, state=JobState.running)
    with database.transaction() as session:
        pause_job(session, job_id)
    assert read(database, job_id).requested is Requested.pause

    with database.transaction() as session:
        resume_job(session, job_id)

    assert read(database, job_id).requested is Requested.none


def test_job_that_was_asked_to_pause_is_paused_by_a_clean_stop(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    with database.transaction() as session:
        pause_job(session, job_id)

    with database.transaction() as session:
        release_job(session, fence)

    assert read(database, job_id).state is JobState.paused


def test_a_job_being_cancelled_cannot_be_paused(database: Database) -> None:
    job_id = a_job(database, state=JobState.running)
    with database.transaction() as session:
        cancel_job(session, job_id)

    with pytest.raises(StateConflict), database.transaction() as session:
        pause_job(session, job_id)


@pytest.mark.parametrize("state", FINISHED)
@pytest.mark.parametrize("act", [cancel_job, pause_job, resume_job])
def test_finished_job_refuses_requests(database: Database, state: JobState, act: object) -> None:
    job_id = a_job(database, state=state)
    before = read(database, job_id)

    if act is cancel_job and state is JobState.cancelled:
        with database.transaction() as session:
            cancel_job(session, job_id)
    else:
        with pytest.raises(StateConflict), database.transaction() as session:
            act(session, job_id)  # type: ignore[operator]

    assert read(database, job_id) == before


@pytest.mark.parametrize("act", [cancel_job, pause_job, resume_job])
def test_unknown_job_is_not_found(database: Database, act: object) -> None:
    with pytest.raises(JobNotFound), database.transaction() as session:
        act(session, "job_unknown")  # type: ignore[operator]
