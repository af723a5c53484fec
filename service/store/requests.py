"""What users ask of a job: to end, to pause, to go on, to be more or less urgent.

A worker carries it out where one has the job: see queue.py.
"""

from __future__ import annotations

from typing import assert_never

from sqlalchemy.orm import Session

from lowloss.errors import JobNotFound, StateConflict
from lowloss.results import JobState, Requested
from service.store.database import utc_now
from service.store.endings import cancel_waiting
from service.store.events import EventKind, record_event
from service.store.schema import JobRow


def cancel_job(session: Session, job_id: str) -> None:
    """Request that a job ends; its results so far are still exported."""
    job = _lock(session, job_id)
    match JobState(job.state):
        case JobState.running:
            _request(session, job, Requested.cancel)
        case JobState.queued | JobState.paused if job.best_trial is not None:
            # There is a model to export, which only a worker can do.
            job.state = JobState.queued
            job.available_at = utc_now()
            _request(session, job, Requested.cancel)
        case JobState.queued | JobState.paused:
            cancel_waiting(session, job)
        case JobState.cancelled:
            return
        case JobState.succeeded | JobState.failed:
            raise _make_conflict(job, "cancelled")
        case never:
            assert_never(never)


def pause_job(session: Session, job_id: str) -> None:
    """Request that a job pauses; its finished trials stay."""
    job = _lock(session, job_id)
    match JobState(job.state):
        case JobState.running if job.requested == Requested.cancel:
            raise _make_conflict(job, "paused", because="it is being cancelled")
        case JobState.running:
            _request(session, job, Requested.pause)
        case JobState.queued if job.requested == Requested.cancel:
            raise _make_conflict(job, "paused", because="it is being cancelled")
        case JobState.queued:
            job.state = JobState.paused
            job.version += 1
            record_event(session, job, EventKind.job_paused)
        case JobState.paused:
            return
        case JobState.succeeded | JobState.failed | JobState.cancelled:
            raise _make_conflict(job, "paused")
        case never:
            assert_never(never)


def set_priority(session: Session, job_id: str, priority: int) -> None:
    """Change the priority of a job that no worker has."""
    job = _lock(session, job_id)
    match JobState(job.state):
        case JobState.queued | JobState.paused if job.priority == priority:
            return
        case JobState.queued | JobState.paused:
            job.priority = priority
            job.spec = job.spec | {"priority": priority}
            job.version += 1
            record_event(session, job, EventKind.job_priority, priority=priority)
        case JobState.running:
            raise _make_conflict(job, "made more or less urgent", fix="pause it first")
        case JobState.succeeded | JobState.failed | JobState.cancelled:
            raise _make_conflict(job, "made more or less urgent")
        case never:
            assert_never(never)


def resume_job(session: Session, job_id: str) -> None:
    """Queue a paused job again, or withdraw a pause that no worker has carried out yet."""
    job = _lock(session, job_id)
    match JobState(job.state):
        case JobState.paused:
            job.state = JobState.queued
            job.available_at = utc_now()
            job.version += 1
            record_event(session, job, EventKind.job_resumed)
        case JobState.running if job.requested == Requested.pause:
            _request(session, job, Requested.none)
        case JobState.running | JobState.queued:
            return
        case JobState.succeeded | JobState.failed | JobState.cancelled:
            raise _make_conflict(job, "resumed")
        case never:
            assert_never(never)


def _lock(session: Session, job_id: str) -> JobRow:
    job = session.get(JobRow, job_id, with_for_update=True)
    if job is None:
        raise JobNotFound.of(job_id)
    return job


def _request(session: Session, job: JobRow, requested: Requested) -> None:
    if job.requested == requested:
        return
    job.requested = requested
    job.version += 1
    record_event(session, job, EventKind.job_requested, requested=requested)


def _make_conflict(
    job: JobRow, action: str, *, because: str | None = None, fix: str | None = None
) -> StateConflict:
    default_fix = "submit a new job" if because is None else "wait until it has ended"
    return StateConflict(
        f"the job cannot be {action}: {because or f'it is {job.state}'}", fix=fix or default_fix
    )
