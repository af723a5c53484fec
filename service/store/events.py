"""The events of jobs, numbered under the lock of the job's row."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from lowloss.results import Event
from service.store.database import utc_now
from service.store.schema import EventRow, JobRow


class EventKind(StrEnum):
    """The kinds of events of a job."""

    job_queued = "job.queued"
    job_started = "job.started"
    job_phase = "job.phase"
    job_outcome = "job.outcome"
    job_requested = "job.requested"
    job_paused = "job.paused"
    job_resumed = "job.resumed"
    job_priority = "job.priority"
    job_retried = "job.retried"
    job_finished = "job.finished"
    trial_started = "trial.started"
    trial_epoch = "epoch"
    trial_finished = "trial.finished"
    best_changed = "best.changed"
    model_ready = "model.ready"


HIDDEN_KINDS = (
    EventKind.trial_epoch,
    EventKind.trial_started,
    EventKind.trial_finished,
    EventKind.job_outcome,
)
"""The kinds that a job's history does not show: those of trials, of which a search has thousands,
and which fields of its outcome were written."""


THIN_AFTER_SECONDS = 3600.0
"""How long after a job's end its epochs can be followed: a client may have been away meanwhile."""
THIN_EVENTS = 2000
"""Events that one transaction deletes."""


def record_event(session: Session, job: JobRow, kind: EventKind, /, **data: Any) -> None:
    """Add an event to a job; the caller must hold the lock of the job's row."""
    job.events += 1
    session.add(EventRow(job_id=job.id, number=job.events, kind=kind, data=data))


def list_job_events(session: Session, job_id: str, *, limit: int) -> list[Event]:
    """List the last events of a job but those of its trials and results, newest first."""
    rows = session.scalars(
        select(EventRow)
        .where(EventRow.job_id == job_id, EventRow.kind.not_in(HIDDEN_KINDS))
        .order_by(EventRow.number.desc())
        .limit(limit)
    )
    return list(map(_make_event, rows))


def list_events(session: Session, job_id: str, *, after: int, limit: int) -> list[Event]:
    """List the events of a job that come after a number, oldest first."""
    rows = session.scalars(
        select(EventRow)
        .where(EventRow.job_id == job_id, EventRow.number > after)
        .order_by(EventRow.number)
        .limit(limit)
    )
    return list(map(_make_event, rows))


def thin_events(session: Session) -> bool:
    """Delete some epochs' events of a job that ended an hour ago; return whether there is one.

    Its curves have the epochs, and whoever followed the job has seen its end. All other events
    stay, and keep their numbers.
    """
    has_ended = JobRow.has_epoch_events, JobRow.finished_at < utc_now(-THIN_AFTER_SECONDS)
    query = select(JobRow).where(*has_ended).order_by(JobRow.finished_at).limit(1)
    job = session.scalar(query.with_for_update(skip_locked=True))
    if job is None:
        return False
    of_epochs = EventRow.job_id == job.id, EventRow.kind == EventKind.trial_epoch
    numbers = session.scalars(select(EventRow.number).where(*of_epochs).limit(THIN_EVENTS)).all()
    if numbers:
        session.execute(delete(EventRow).where(*of_epochs, EventRow.number.in_(numbers)))
    job.has_epoch_events = len(numbers) == THIN_EVENTS
    return True


def _make_event(row: EventRow) -> Event:
    return Event(number=row.number, kind=row.kind, data=row.data, created_at=row.created_at)
