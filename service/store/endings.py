"""The ends of attempts and of jobs; queue.py and requests.py say when they come."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from lowloss.results import JobKind, JobState, Requested, TrialState
from lowloss.results.trials import JOB_ENDED
from service.store.blobs import release_blobs
from service.store.database import utc_now
from service.store.events import EventKind, record_event
from service.store.schema import AttemptOutcome, AttemptRow, CheckpointRow, JobRow, TrialRow
from service.store.totals import Total, add_to_total


def end_lease(
    session: Session, job: JobRow, outcome: AttemptOutcome, *, error: str | None = None
) -> None:
    """End a worker's attempt and its right to the job; the caller sets the state."""
    end_attempt(session, job, outcome, number=job.attempt, error=error)
    count_seconds(session, job)
    count_phase(session, job, job.claimed_at)
    job.lease_owner = job.lease_expires_at = job.claimed_at = None
    job.phase = job.phase_started_at = None
    job.requested = Requested.none
    job.version += 1


def count_seconds(session: Session, job: JobRow) -> None:
    """Add the time since `claimed_at` to `seconds`: a crash then loses only one renewal's time."""
    now = session.scalars(select(utc_now())).one()
    job.seconds += seconds_since_renewal(job, now)
    job.claimed_at = now


def count_phase(session: Session, job: JobRow, end: datetime | None) -> None:
    """Add the seconds of the phase that ends to those of all jobs."""
    if job.phase is not None and job.phase_started_at is not None and end is not None:
        seconds = max(0.0, (end - job.phase_started_at).total_seconds())
        add_to_total(session, Total.phase_seconds, job.phase, seconds)


def seconds_since_renewal(job: JobRow, now: datetime) -> float:
    """Return the running time since a job's claim or last renewal: as long as its lease, at most.

    A clock that jumps ahead, and a database that was away, add no more than that.
    """
    if job.claimed_at is None or job.lease_expires_at is None:
        return 0.0
    return max(0.0, (min(now, job.lease_expires_at) - job.claimed_at).total_seconds())


def end_attempt(
    session: Session,
    job: JobRow,
    outcome: AttemptOutcome,
    *,
    number: int,
    error: str | None = None,
) -> bool:
    """Record how an attempt ended, and return True, unless that is recorded."""
    ended = session.scalar(
        update(AttemptRow)
        .where(
            AttemptRow.job_id == job.id,
            AttemptRow.number == number,
            AttemptRow.outcome.is_(None),
        )
        .values(outcome=outcome, error=error, ended_at=utc_now())
        .returning(AttemptRow.number)
    )
    if ended is not None:
        add_to_total(session, Total.attempts, outcome)
    return ended is not None


def close_job(session: Session, job: JobRow) -> None:
    """End what belongs to an ended job: delete checkpoints, end trials, record the event."""
    delete_checkpoints(session, job.id)
    session.execute(
        update(TrialRow)
        .where(TrialRow.job_id == job.id, TrialRow.state == TrialState.running)
        .values(state=TrialState.failed, reason=JOB_ENDED, finished_at=utc_now())
    )
    job.version += 1
    record_event(session, job, EventKind.job_finished, state=job.state, reason=job.reason)


def delete_checkpoints(session: Session, job_id: str, trial: int | None = None) -> None:
    """Delete the checkpoints of a trial, or of all trials of a job, and release their bytes."""
    deletion = delete(CheckpointRow).where(CheckpointRow.job_id == job_id)
    if trial is not None:
        deletion = deletion.where(CheckpointRow.trial == trial)
    release_blobs(session, session.scalars(deletion.returning(CheckpointRow.sha256)).all())


def cancel_waiting(session: Session, job: JobRow) -> None:
    """End a job that no worker has and that has nothing to export."""
    job.state, job.reason = JobState.cancelled, find_cancel_reason(JobKind(job.kind))
    job.requested = Requested.none
    job.finished_at = utc_now()
    close_job(session, job)


def find_cancel_reason(kind: JobKind) -> str:
    """Return the reason of a job that was cancelled before it had anything to export."""
    match kind:
        case JobKind.search:
            return "cancelled_before_a_trial_completed"
        case JobKind.diagnosis:
            return "cancelled_before_it_was_diagnosed"
        case never:
            assert_never(never)
