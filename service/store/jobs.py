"""Jobs as users see them: one query each."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, and_, delete, exists, func, select
from sqlalchemy.orm import Session, aliased

from lowloss.errors import IdempotencyKeyReused, InvalidRequest, JobNotFound
from lowloss.results import (
    AttemptError,
    Best,
    Hyperparameters,
    Job,
    JobKind,
    JobState,
    Links,
    Outcome,
    Page,
    Progress,
    Requested,
    Trial,
    TrialState,
)
from lowloss.spec import Budget, DiagnosisSpec, JobSpec, Task
from service.store.cursors import after, page_of
from service.store.database import utc_now
from service.store.events import EventKind, record_event
from service.store.queue import Fence, hold_fence
from service.store.schema import AttemptRow, IdempotencyKeyRow, JobRow, TrialRow
from service.store.specs import read_spec
from service.store.trials import list_trials

KEY_SECONDS = 7 * 24 * 3600.0
"""How long the answer to an Idempotency-Key is kept."""


MAX_EARLIER_JOBS = 100
"""So many jobs a search may learn from at most, directly or by way of others."""


@dataclass(frozen=True)
class EarlierJob:
    """A job to learn from, and its finished trials."""

    spec: JobSpec
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Change:
    """Two numbers that rise: with a job's state or best trial, and with its events."""

    version: int
    events: int
    is_finished: bool


def get_job(session: Session, job_id: str) -> Job:
    """A job with its progress and best trial; JobNotFound."""
    found = session.execute(_query().where(JobRow.id == job_id)).one_or_none()
    if found is None:
        raise JobNotFound(f"there is no job {job_id!r}", fix="GET /v1/jobs lists them")
    return _jobs(session, [found])[job_id]


def list_jobs(
    session: Session,
    *,
    state: JobState | None,
    kind: JobKind | None = None,
    cursor: str | None,
    limit: int,
) -> Page[Job]:
    """Jobs, newest first."""
    query = _query().where(after(cursor, JobRow.created_at, JobRow.id))
    if state is not None:
        query = query.where(JobRow.state == state)
    if kind is not None:
        query = query.where(JobRow.kind == kind)
    found = session.execute(
        query.order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit + 1)
    ).all()
    jobs = _jobs(session, found)
    return page_of([row.JobRow for row in found], limit, lambda row: jobs[row.id])


def count_jobs(session: Session) -> dict[JobState, int]:
    """How many jobs are in each state."""
    counted = session.execute(select(JobRow.state, func.count()).group_by(JobRow.state))
    return dict.fromkeys(JobState, 0) | {JobState(state): count for state, count in counted}


def read_changes(session: Session, job_ids: Collection[str]) -> dict[str, Change]:
    """The change numbers of some jobs."""
    rows = session.execute(
        select(JobRow.id, JobRow.version, JobRow.events, JobRow.state).where(JobRow.id.in_(job_ids))
    )
    return {
        row.id: Change(row.version, row.events, JobState(row.state).is_finished) for row in rows
    }


def list_earlier_jobs(session: Session, job_ids: Sequence[str]) -> tuple[EarlierJob, ...]:
    """Some searches with their finished trials, then those that they learned from, and so on.

    A search is there once, and one that does not exist is left out.
    """
    waiting, found = deque(job_ids), dict[str, EarlierJob]()
    while waiting and len(found) < MAX_EARLIER_JOBS:
        job_id = waiting.popleft()
        row = None if job_id in found else session.get(JobRow, job_id)
        spec = None if row is None else read_spec(row)
        if not isinstance(spec, JobSpec):
            continue
        trials = [t for t in list_trials(session, job_id).items if t.state.is_finished]
        found[job_id] = EarlierJob(spec, tuple(trials))
        waiting += spec.warm_start_from
    return tuple(found.values())


def check_teachers(session: Session, job_ids: Sequence[str]) -> None:
    """Refuse jobs that there is nothing, and never will be, to learn from; InvalidRequest."""
    if not job_ids:
        return
    has_score = exists().where(TrialRow.job_id == JobRow.id, TrialRow.score.is_not(None))
    query = select(JobRow.id, JobRow.kind, JobRow.state, has_score.label("has_score"))
    found = {row.id: row for row in session.execute(query.where(JobRow.id.in_(job_ids)))}
    for job_id in job_ids:
        row = found.get(job_id)
        if row is None:
            detail, fix = f"there is no job {job_id!r}", "GET /v1/jobs lists them"
        elif row.kind == JobKind.diagnosis:
            detail, fix = f"job {job_id!r} is a diagnosis, which has no trials", "leave it out"
        elif JobState(row.state).is_finished and not row.has_score:
            detail, fix = f"job {job_id!r} {row.state} without a scored trial", "leave it out"
        else:
            continue
        raise InvalidRequest(detail, field="warm_start_from", fix=fix)


def record_outcome(session: Session, fence: Fence, *, phase: str | None, **found: Any) -> None:
    """Add to what a job found beside its trials, and say which phase it has come to."""
    job = hold_fence(session, fence)
    job.outcome = job.outcome | found
    if (winner := found.get("winner")) is not None and winner != job.best_trial:
        job.best_trial = winner
        job.version += 1
    if phase is not None:
        record_event(session, job, EventKind.job_phase, phase=phase)


def find_response(session: Session, key: str, *, request: bytes) -> dict[str, Any] | None:
    """The first answer to an Idempotency-Key; IdempotencyKeyReused for another request."""
    row = session.get(IdempotencyKeyRow, key)
    if row is None:
        return None
    if row.request_sha256 != hashlib.sha256(request).hexdigest():
        raise IdempotencyKeyReused(
            f"Idempotency-Key {key!r} came before with another request",
            field="Idempotency-Key",
            fix="use a new key for a new request",
        )
    return row.answer


def save_response(session: Session, key: str, *, request: bytes, answer: dict[str, Any]) -> None:
    """Keep the first answer to an Idempotency-Key, and forget those of last week."""
    session.execute(
        delete(IdempotencyKeyRow).where(IdempotencyKeyRow.created_at < utc_now(-KEY_SECONDS))
    )
    sha256 = hashlib.sha256(request).hexdigest()
    session.add(IdempotencyKeyRow(key=key, request_sha256=sha256, answer=answer))


def _query() -> Select[Any]:
    """Each job with its best trial, how its trials stand, and the database's time."""
    best = aliased(TrialRow, name="best")
    of_job = TrialRow.job_id == JobRow.id

    def count(condition: ColumnElement[bool]) -> ScalarSelect[int]:
        return select(func.count()).where(of_job, condition).scalar_subquery()

    failed = TrialRow.state.in_([TrialState.failed, TrialState.diverged])
    epochs = select(func.coalesce(func.sum(TrialRow.epochs), 0)).where(of_job).scalar_subquery()
    return select(
        JobRow,
        best,
        count(TrialRow.state != TrialState.running).label("done"),
        count(TrialRow.state == TrialState.running).label("running"),
        count(failed).label("failed"),
        epochs.label("epochs"),
        utc_now().label("now"),
    ).outerjoin(best, and_(best.job_id == JobRow.id, best.number == JobRow.best_trial))


def _jobs(session: Session, found: Sequence[Row[Any]]) -> dict[str, Job]:
    jobs = [row.JobRow for row in found]
    failed = [job.id for job in jobs if job.failures or job.state == JobState.failed]
    errors: dict[str, list[AttemptRow]] = {}
    if failed:
        query = select(AttemptRow).where(AttemptRow.job_id.in_(failed))
        for attempt in session.scalars(query.order_by(AttemptRow.number)):
            errors.setdefault(attempt.job_id, []).append(attempt)
    return {row.JobRow.id: _job(row, errors.get(row.JobRow.id, [])) for row in found}


def _job(found: Row[Any], attempts: Sequence[AttemptRow]) -> Job:
    row, best = found.JobRow, found.best
    spec = read_spec(row)
    outcome = Outcome.model_validate(row.outcome)
    path = f"/v1/jobs/{row.id}"
    return Job(
        id=row.id,
        kind=JobKind(row.kind),
        name=row.name,
        state=JobState(row.state),
        reason=row.reason,
        requested=Requested(row.requested),
        dataset=spec.dataset,
        task=Task(row.task),
        spec=spec,
        attempt=row.attempt,
        failures=row.failures,
        errors=tuple(_attempt_error(attempt) for attempt in attempts),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        progress=_progress(found, spec),
        best=None if best is None else _best(best, outcome),
        outcome=outcome,
        links=Links(
            self=path,
            trials=f"{path}/trials",
            events=f"{path}/events",
            artifacts=f"{path}/artifacts",
            best_model=f"{path}/best-model",
            diagnosis=f"{path}/diagnosis",
        ),
    )


def _progress(found: Row[Any], spec: JobSpec | DiagnosisSpec) -> Progress:
    row = found.JobRow
    since = (found.now - row.claimed_at).total_seconds() if row.claimed_at else 0.0
    seconds = row.seconds + max(0.0, since)
    left = _seconds_left(found, spec, seconds)
    return Progress(
        trials=spec.budget.max_trials if isinstance(spec, JobSpec) else 0,
        trials_done=found.done,
        trials_running=found.running,
        trials_failed=found.failed,
        epochs=found.epochs,
        seconds=round(seconds, 3),
        seconds_left=None if left is None else round(left, 1),
    )


def _seconds_left(found: Row[Any], spec: JobSpec | DiagnosisSpec, seconds: float) -> float | None:
    """What the nearest limit of the budget leaves, at the pace so far; None without a basis."""
    if JobState(found.JobRow.state).is_finished:
        return 0.0
    if found.JobRow.state != JobState.running:
        return None
    if isinstance(spec, DiagnosisSpec):
        return max(0.0, spec.budget.max_seconds - seconds)
    return _search_seconds_left(found, spec.budget, seconds) if found.done else None


def _search_seconds_left(found: Row[Any], budget: Budget, seconds: float) -> float:
    left: list[float] = [seconds / found.done * (budget.max_trials - found.done)]
    if budget.max_total_epochs is not None and found.epochs:
        left.append(seconds / found.epochs * (budget.max_total_epochs - found.epochs))
    if budget.max_seconds is not None:
        left.append(budget.max_seconds - seconds)
    return max(0.0, min(left))


def _best(row: TrialRow, outcome: Outcome) -> Best | None:
    if row.score is None:
        return None
    return Best(
        trial=row.number,
        hyperparameters=Hyperparameters.model_validate(row.hyperparameters),
        score=row.score,
        metrics=row.metrics,
        test_metrics=outcome.test_metrics if outcome.winner == row.number else None,
    )


def _attempt_error(row: AttemptRow) -> AttemptError:
    return AttemptError(
        attempt=row.number,
        worker=row.worker,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        error=row.error,
    )
