"""Failures of attempts: what they count for the job, and for the trials that its process trained.

A trial whose training ended the process of two attempts is not trained again (quarantine). A job
that twice ended its process after its search finishes with what it has.
"""

from __future__ import annotations

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from lowloss.results import TrialState
from service.store.database import utc_now
from service.store.endings import delete_checkpoints
from service.store.events import EventKind, record_event
from service.store.schema import AttemptOutcome, AttemptRow, JobRow, TrialRow

MAX_CRASHES = 2
"""So many processes a trial may end: the first may have been ended by one that trained beside it,
and the blamed trials train alone afterwards."""
PHASES_AFTER_SEARCH = ("confirm", "export", "diagnosis", "report")
"""Phases in which only what a model can do without, and its export, is computed."""
MAX_IN_A_ROW = 8
"""So many attempts in a row may lack room on a disk, or lose their cluster."""
MAX_SHOWN_ERROR = 200
"""Characters of an error that an event or a trial's reason holds; the attempt has all of it."""


def count_failure(session: Session, job: JobRow, *, attempt: int) -> None:
    """Count a failure of an attempt. One that ended a trial was progress: counting begins anew."""
    has_progressed = session.scalar(
        select(
            exists().where(
                TrialRow.job_id == job.id,
                TrialRow.attempt == attempt,
                TrialRow.state != TrialState.running,
            )
        )
    )
    job.failures = 1 if has_progressed else job.failures + 1


def blame_trials(session: Session, job: JobRow, *, error: str) -> None:
    """Count the end of an attempt's process for the trials that it trained.

    One to which that happens for the second time has failed.
    """
    trained = (
        TrialRow.job_id == job.id,
        TrialRow.attempt == job.attempt,
        TrialRow.state == TrialState.running,
    )
    session.execute(update(TrialRow).where(*trained).values(crashes=TrialRow.crashes + 1))
    guilty = select(TrialRow).where(*trained, TrialRow.crashes >= MAX_CRASHES)
    for row in session.scalars(guilty.execution_options(populate_existing=True)):
        row.state = TrialState.failed
        row.reason = f"its worker's process ended twice while it trained: {shorten_error(error)}"
        row.finished_at = utc_now()
        delete_checkpoints(session, job.id, row.number)
        record_event(
            session,
            job,
            EventKind.trial_finished,
            trial=row.number,
            state=row.state,
            reason=row.reason,
            score=None,
        )


def list_blamed(session: Session, job_id: str) -> frozenset[int]:
    """Return the running trials of a job one of which may have ended an attempt's process."""
    query = select(TrialRow.number).where(
        TrialRow.job_id == job_id, TrialRow.state == TrialState.running, TrialRow.crashes > 0
    )
    return frozenset(session.scalars(query))


def must_finish(session: Session, job: JobRow) -> bool:
    """Return whether an attempt is to leave out what its model can do without.

    What follows the search ended two attempts by their process's death or an error; or one attempt
    in any way, and the job fails with the next one that ends so.
    """
    outcomes = session.scalars(
        select(AttemptRow.outcome).where(
            AttemptRow.job_id == job.id,
            AttemptRow.phase.in_(PHASES_AFTER_SEARCH),
            AttemptRow.outcome.in_(
                (AttemptOutcome.crashed, AttemptOutcome.lease_expired, AttemptOutcome.worker_died)
            ),
        )
    ).all()
    is_last = bool(outcomes) and job.failures >= job.max_attempts - 1
    is_blamed = outcomes.count(AttemptOutcome.crashed) >= MAX_CRASHES
    return job.best_trial is not None and (is_last or is_blamed)


def count_in_a_row(session: Session, job: JobRow, outcome: AttemptOutcome) -> int:
    """Return how many of a job's last attempts, one after the other, ended with an outcome.

    One that ended a trial was progress: counting begins anew with it.
    """
    ended = (AttemptRow.job_id == job.id, AttemptRow.outcome.is_not(None))
    is_other = AttemptRow.outcome != outcome
    last_other = session.scalar(select(func.max(AttemptRow.number)).where(*ended, is_other))
    is_over = (TrialRow.job_id == job.id, TrialRow.state != TrialState.running)
    last_progress = session.scalar(select(func.max(TrialRow.attempt)).where(*is_over))
    first = max((last_other or 0) + 1, last_progress or 0)
    return session.scalars(select(func.count()).where(*ended, AttemptRow.number >= first)).one()


def shorten_error(error: str) -> str:
    """Return the last line of an error, or its beginning."""
    return error.strip().rpartition("\n")[2][:MAX_SHOWN_ERROR]
