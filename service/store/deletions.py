"""The deletion of a job with all that it has; its dataset stays."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from lowloss.errors import JobNotFound, StateConflict
from lowloss.results import UNFINISHED_STATES, JobKind, JobState
from service.store.blobs import release_blobs
from service.store.schema import ArtifactRow, CheckpointRow, JobRow


def delete_job(session: Session, job_id: str) -> None:
    """Delete a job that has ended, with its trials, events and artifacts; its bytes go later.

    Raise JobNotFound, or StateConflict for a job that has not ended, or that another one which has
    not ended learns from.
    """
    state = session.scalar(select(JobRow.state).where(JobRow.id == job_id).with_for_update())
    if state is None:
        raise JobNotFound.of(job_id)
    if not JobState(state).is_finished:
        raise StateConflict(
            f"the job cannot be deleted: it is {state}",
            fix=f"POST /v1/jobs/{job_id}/cancel, and delete it once it has ended",
        )
    learner = find_learners(session).get(job_id)
    if learner is not None:
        raise StateConflict(
            f"the job cannot be deleted: {learner} learns from it, and has not ended",
            fix="delete it once that job has ended",
        )
    delete_free_job(session, job_id)


def delete_free_job(session: Session, job_id: str) -> None:
    """Delete a job that has ended and that no unfinished job learns from; its bytes go later."""
    blobs = [
        sha256
        for table in (ArtifactRow, CheckpointRow)
        for sha256 in session.scalars(select(table.sha256).where(table.job_id == job_id))
    ]
    # The database deletes what belongs to the job with its row.
    session.execute(delete(JobRow).where(JobRow.id == job_id))
    release_blobs(session, blobs)


def find_learners(session: Session) -> dict[str, str]:
    """Return the jobs from which others learn that have not ended, and one such other of each."""
    # Two columns: whole specifications of a long queue take seconds, while SQLite is locked.
    teachers = JobRow.spec["warm_start_from"]
    is_search = JobRow.kind == JobKind.search
    rows = session.execute(
        select(JobRow.id, teachers).where(JobRow.state.in_(UNFINISHED_STATES), is_search)
    )
    return {teacher: learner for learner, learned_from in rows for teacher in learned_from or ()}
