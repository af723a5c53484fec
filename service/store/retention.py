"""Retention: what is older than its project keeps goes, a job or a dataset a transaction."""

from __future__ import annotations

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from lowloss.results import JobState
from service.store.audit import DAY_SECONDS, NewEntry, record_entry
from service.store.database import utc_now
from service.store.deletions import delete_free_job, find_learners
from service.store.schema import DatasetRow, JobRow, ProjectRow

RETENTION = "retention"
"""The name in the audit log of what nobody deleted but age."""
CANDIDATES = 20
"""Jobs that may be deleted, of which one is: other workers may be deleting the first ones."""
FINISHED_STATES = [state for state in JobState if state.is_finished]


def delete_expired_job(session: Session) -> str | None:
    """Delete one job that ended longer ago than its project keeps jobs, and return its id.

    One that a job learns from which has not ended stays for as long.
    """
    for project, days in _list_projects(session):
        job_id = _find_expired_job(session, project, days)
        if job_id is not None:
            delete_free_job(session, job_id)
            _record(session, project, f"/v1/jobs/{job_id}")
            return job_id
    return None


def delete_expired_dataset(session: Session) -> str | None:
    """Delete one dataset that no job has and that is older than its project keeps, by id.

    Its age is that of its last upload, or of the last time that it was read anew.
    """
    is_unused = ~exists().where(JobRow.dataset_id == DatasetRow.id)
    for project, days in _list_projects(session):
        begin = utc_now(-days * DAY_SECONDS)
        uploaded_at = func.coalesce(DatasetRow.uploaded_at, DatasetRow.created_at)
        is_expired = (
            DatasetRow.project == project,
            DatasetRow.created_at < begin,
            uploaded_at < begin,
        )
        dataset_id = session.scalar(
            select(DatasetRow.id)
            .where(*is_expired, is_unused)
            .order_by(DatasetRow.created_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        # Again, now that its row is locked and no job can be added: one may have been meanwhile.
        deletion = delete(DatasetRow).where(DatasetRow.id == dataset_id, *is_expired, is_unused)
        if dataset_id and session.scalar(deletion.returning(DatasetRow.id)):
            _record(session, project, f"/v1/datasets/{dataset_id}")
            return dataset_id
    return None


def _list_projects(session: Session) -> list[tuple[str, int]]:
    """List the projects that keep what has ended for some days, and for how many."""
    rows = session.execute(
        select(ProjectRow.name, ProjectRow.max_age_days).where(ProjectRow.max_age_days.is_not(None))
    )
    return [(name, days) for name, days in rows if days is not None]


def _find_expired_job(session: Session, project: str, days: int) -> str | None:
    begin = utc_now(-days * DAY_SECONDS)
    expired = (
        select(JobRow.id)
        .where(
            JobRow.project == project,
            JobRow.state.in_(FINISHED_STATES),
            # The index has this, and no job ends before it was made.
            JobRow.created_at < begin,
            JobRow.finished_at < begin,
        )
        .order_by(JobRow.created_at)
    )
    if session.scalar(expired.limit(1)) is None:
        return None
    learners = find_learners(session)
    job_ids = session.scalars(expired.limit(len(learners) + CANDIDATES)).all()
    free = [job_id for job_id in job_ids if job_id not in learners][:CANDIDATES]
    return session.scalar(
        expired.where(JobRow.id.in_(free)).limit(1).with_for_update(skip_locked=True)
    )


def _record(session: Session, project: str, path: str) -> None:
    entry = NewEntry(
        token="", name=RETENTION, project=project, peer="", method="DELETE", path=path, status=204
    )
    record_entry(session, entry)
