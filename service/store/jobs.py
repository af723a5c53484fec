"""Jobs as users see them, with one query per call."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    and_,
    case,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from lowloss.errors import JobNotFound
from lowloss.results import (
    AttemptError,
    Best,
    Hyperparameters,
    Job,
    JobKind,
    JobSort,
    JobState,
    Links,
    Outcome,
    Page,
    Progress,
    Requested,
    TrialState,
)
from lowloss.results.states import UNFINISHED_STATES
from lowloss.results.trials import JOB_ENDED
from lowloss.spec import Budget, DiagnosisSpec, JobSpec, Task, remaining
from service.store.database import utc_now
from service.store.endings import count_phase, seconds_since_renewal
from service.store.events import EventKind, record_event
from service.store.job_orders import ORDERS
from service.store.queue import Fence, hold_fence
from service.store.schema import AttemptRow, DatasetRow, JobRow, TrialRow
from service.store.specs import read_spec
from service.store.workers import has_fitting_worker

ENDED_EARLY = {JobState.queued, JobState.paused, JobState.failed}
"""The states of a job whose last attempt did."""
DIAGNOSIS_PHASE, EXPORT_PHASE, REPORT_PHASE = "diagnosis", "export", "report"
"""The phases in which a search has ended: its trials say nothing of the time left then."""


@dataclass(frozen=True)
class Change:
    """Two numbers of a job that rise: with its state or best trial, and with its events.

    The position of a queued job depends on others: it changes without them.
    """

    version: int
    events: int
    is_finished: bool
    is_queued: bool = False


def get_job(session: Session, job_id: str) -> Job:
    """Return a job with its progress and best trial; raise JobNotFound."""
    return get_job_and_change(session, job_id)[0]


def get_job_and_change(session: Session, job_id: str) -> tuple[Job, Change]:
    """Return a job, and which of its changes was the last; raise JobNotFound."""
    job, change, _ = get_job_and_dataset_name(session, job_id)
    return job, change


def get_job_and_dataset_name(session: Session, job_id: str) -> tuple[Job, Change, str | None]:
    """Return a job, its last change, and its dataset's name, null once it was deleted.

    Raise JobNotFound.
    """
    name = select(DatasetRow.name).where(DatasetRow.id == JobRow.dataset_id).scalar_subquery()
    query = _build_query().add_columns(name.label("dataset_name")).where(JobRow.id == job_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise JobNotFound.of(job_id)
    return _make_jobs(session, [row])[job_id], _make_change(row.JobRow), row.dataset_name


def list_jobs(
    session: Session,
    project: str,
    *,
    state: JobState | None,
    kind: JobKind | None = None,
    name: str = "",
    sort: JobSort = JobSort.newest,
    cursor: str | None,
    limit: int,
) -> Page[Job]:
    """List the jobs of a project; those whose name or id contains `name`, in any case.

    They lack what only one job's page shows: the summary of its predictions.
    """
    order = ORDERS[sort]
    query = _build_query().where(JobRow.project == project, order.after(cursor))
    if state is not None:
        query = query.where(JobRow.state == state)
    if kind is not None:
        query = query.where(JobRow.kind == kind)
    if name:
        has_name = JobRow.name.icontains(name, autoescape=True)
        query = query.where(or_(has_name, JobRow.id.icontains(name, autoescape=True)))
    rows = session.execute(query.order_by(*order.clauses).limit(limit + 1)).all()
    jobs = {id_: _without_predictions(job) for id_, job in _make_jobs(session, rows).items()}
    return order.make_page([row.JobRow for row in rows], limit, lambda row: jobs[row.id])


def list_unfinished_jobs(session: Session, project: str, *, limit: int) -> tuple[Job, ...]:
    """List the jobs of a project that have not ended.

    Those that run come first, then those that are queued, in order, then others.
    """
    standing = case({JobState.running: 0, JobState.queued: 1}, value=JobRow.state, else_=2)
    is_unfinished = JobRow.state.in_(UNFINISHED_STATES)
    query = _build_query().where(JobRow.project == project, is_unfinished)
    order = (standing, JobRow.priority.desc(), JobRow.created_at, JobRow.id)
    rows = session.execute(query.order_by(*order).limit(limit)).all()
    return tuple(_make_jobs(session, rows).values())


def list_jobs_of_dataset(session: Session, dataset_id: str, *, limit: int) -> tuple[Job, ...]:
    """List the last jobs on a dataset, newest first."""
    query = _build_query().where(JobRow.dataset_id == dataset_id)
    order = (JobRow.created_at.desc(), JobRow.id.desc())
    rows = session.execute(query.order_by(*order).limit(limit)).all()
    jobs = _make_jobs(session, rows)
    return tuple(jobs[row.JobRow.id] for row in rows)


def get_jobs(session: Session, project: str, job_ids: Sequence[str]) -> tuple[Job, ...]:
    """Return jobs of a project in the order of their ids; raise JobNotFound for one not there."""
    query = _build_query().where(JobRow.project == project, JobRow.id.in_(job_ids))
    rows = session.execute(query).all()
    jobs = _make_jobs(session, rows)
    for job_id in job_ids:
        if job_id not in jobs:
            raise JobNotFound.of(job_id)
    return tuple(jobs[job_id] for job_id in job_ids)


def read_changes(session: Session, job_ids: Collection[str]) -> dict[str, Change]:
    """Read the change numbers of jobs."""
    rows = session.execute(
        select(JobRow.id, JobRow.version, JobRow.events, JobRow.state).where(JobRow.id.in_(job_ids))
    )
    return {row.id: _make_change(row) for row in rows}


def _make_change(row: Any) -> Change:
    is_finished, is_queued = JobState(row.state).is_finished, row.state == JobState.queued
    return Change(row.version, row.events, is_finished, is_queued)


def record_outcome(
    session: Session, fence: Fence, *, phase: str | None, within: str | None = None, **fields: Any
) -> Requested:
    """Add fields to a job's outcome, and record which phase it has come to.

    A phase `within` another is an event alone; fields without a phase are an event, too. Return
    what users ask of the job.
    """
    job = hold_fence(session, fence)
    job.outcome = job.outcome | fields
    if (winner := fields.get("winner")) is not None and winner != job.best_trial:
        job.outcome = job.outcome | {"best_of_search": job.best_trial}
        change = {"trial": winner, "previous": job.best_trial, "reason": "confirmation"}
        record_event(session, job, EventKind.best_changed, **change)
        job.best_trial = winner
        job.version += 1
    if within is not None:
        record_event(session, job, EventKind.job_phase, phase=phase, within=within)
    elif phase is not None:
        now = session.scalars(select(utc_now())).one()
        count_phase(session, job, now)
        job.phase, job.phase_started_at = phase, now
        session.execute(
            update(AttemptRow)
            .where(AttemptRow.job_id == job.id, AttemptRow.number == job.attempt)
            .values(phase=phase)
        )
        record_event(session, job, EventKind.job_phase, phase=phase)
    elif fields:
        record_event(session, job, EventKind.job_outcome, fields=sorted(fields))
    return Requested(job.requested)


def _build_query() -> Select[Any]:
    """Build the query of jobs with best trials, counts of trials and the database's time."""
    best = aliased(TrialRow, name="best")
    of_job = TrialRow.job_id == JobRow.id

    def count(condition: ColumnElement[bool]) -> ScalarSelect[int]:
        return select(func.count()).where(of_job, condition).scalar_subquery()

    is_whole = func.coalesce(TrialRow.reason, "") != JOB_ENDED
    failed = and_(TrialRow.state.in_([TrialState.failed, TrialState.diverged]), is_whole)
    epochs = select(func.coalesce(func.sum(TrialRow.epochs), 0)).where(of_job).scalar_subquery()
    return select(
        JobRow,
        best,
        count(TrialRow.state != TrialState.running).label("done"),
        count(TrialRow.state == TrialState.running).label("running"),
        count(failed).label("failed"),
        epochs.label("epochs"),
        _count_ahead().label("ahead"),
        _last_outcome().label("last_outcome"),
        and_(JobRow.state == JobState.queued, ~has_fitting_worker()).label("lacks_worker"),
        utc_now().label("now"),
    ).outerjoin(best, and_(best.job_id == JobRow.id, best.number == JobRow.best_trial))


def _count_ahead() -> ColumnElement[int | None]:
    """Count the queued jobs of its project that are claimed before a queued job; null for others.

    How many others have is not for its project to know.
    """
    ahead = aliased(JobRow, name="ahead")
    is_older = or_(
        ahead.created_at < JobRow.created_at,
        and_(ahead.created_at == JobRow.created_at, ahead.id < JobRow.id),
    )
    comes_first = or_(
        ahead.priority > JobRow.priority, and_(ahead.priority == JobRow.priority, is_older)
    )
    is_queued = and_(ahead.project == JobRow.project, ahead.state == JobState.queued)
    count = select(func.count()).where(is_queued, comes_first)
    return case((JobRow.state == JobState.queued, count.scalar_subquery()), else_=None)


def _last_outcome() -> ColumnElement[str | None]:
    """Return how the last attempt that ended did so; null once the job itself has, or is paused."""
    last = (
        select(AttemptRow.outcome)
        .where(AttemptRow.job_id == JobRow.id, AttemptRow.outcome.is_not(None))
        .order_by(AttemptRow.number.desc())
        .limit(1)
    )
    is_active = JobRow.state.in_([JobState.queued, JobState.running])
    return case((is_active, last.scalar_subquery()), else_=None)


def _make_jobs(session: Session, rows: Sequence[Row[Any]]) -> dict[str, Job]:
    failed = [row.JobRow.id for row in rows if _has_errors(row.JobRow)]
    errors: dict[str, list[AttemptRow]] = {}
    if failed:
        query = select(AttemptRow).where(AttemptRow.job_id.in_(failed))
        for attempt in session.scalars(query.order_by(AttemptRow.number)):
            errors.setdefault(attempt.job_id, []).append(attempt)
    return {row.JobRow.id: _make_job(row, errors.get(row.JobRow.id, [])) for row in rows}


def _has_errors(job: JobRow) -> bool:
    """Return whether an attempt at a job ended early."""
    return job.attempt > 1 or (job.attempt == 1 and job.state in ENDED_EARLY)


def _without_predictions(job: Job) -> Job:
    outcome = job.outcome.model_copy(update={"test_predictions": None})
    return job.model_copy(update={"outcome": outcome})


def _make_job(joined: Row[Any], attempts: Sequence[AttemptRow]) -> Job:
    job_row, best = joined.JobRow, joined.best
    spec = read_spec(job_row)
    outcome = Outcome.model_validate(job_row.outcome)
    path = f"/v1/jobs/{job_row.id}"
    return Job(
        id=job_row.id,
        kind=JobKind(job_row.kind),
        name=job_row.name,
        state=JobState(job_row.state),
        reason=job_row.reason,
        requested=Requested(job_row.requested),
        dataset=spec.dataset,
        task=Task(job_row.task),
        spec=spec,
        worker=job_row.lease_owner,
        phase=job_row.phase,
        queue_position=None if joined.ahead is None else joined.ahead + 1,
        lacks_worker=joined.lacks_worker,
        attempt=job_row.attempt,
        retry_reason=joined.last_outcome,
        failures=job_row.failures,
        errors=tuple(_make_attempt_error(attempt) for attempt in attempts),
        created_at=job_row.created_at,
        started_at=job_row.started_at,
        finished_at=job_row.finished_at,
        progress=_make_progress(joined, spec),
        best=None if best is None else _make_best(best, outcome),
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


def _make_progress(joined: Row[Any], spec: JobSpec | DiagnosisSpec) -> Progress:
    job_row = joined.JobRow
    seconds = job_row.seconds + seconds_since_renewal(job_row, joined.now)
    seconds_left = _estimate_seconds_left(joined, spec, seconds)
    return Progress(
        trials=spec.budget.max_trials if isinstance(spec, JobSpec) else 0,
        trials_done=joined.done,
        trials_running=joined.running,
        trials_failed=joined.failed,
        epochs=joined.epochs,
        seconds=round(seconds, 3),
        seconds_left=None if seconds_left is None else round(seconds_left, 1),
    )


def _estimate_seconds_left(
    joined: Row[Any], spec: JobSpec | DiagnosisSpec, seconds: float
) -> float | None:
    """Estimate the seconds until the job ends; None without a basis, as for an export."""
    job_row = joined.JobRow
    if JobState(job_row.state).is_finished:
        return 0.0
    if job_row.state != JobState.running or job_row.requested != Requested.none:
        return None
    if isinstance(spec, DiagnosisSpec):
        seconds_left = remaining(spec.budget.max_seconds, seconds)
    elif job_row.phase == DIAGNOSIS_PHASE:
        seconds_left = spec.budget.diagnosis_seconds
        seconds_left -= (joined.now - job_row.phase_started_at).total_seconds()
    elif job_row.phase in {EXPORT_PHASE, REPORT_PHASE} or not joined.done:
        return None
    else:
        seconds_left = _estimate_search_seconds(joined, spec.budget, seconds)
        seconds_left += spec.budget.diagnosis_seconds
    return seconds_left if seconds_left > 0 else None


def _estimate_search_seconds(joined: Row[Any], budget: Budget, seconds: float) -> float:
    """Estimate the seconds until the winner is known, by the budget's nearest limit."""
    estimates: list[float] = [seconds / joined.done * (budget.max_trials - joined.done)]
    if joined.epochs:
        epochs_remaining = remaining(budget.max_total_epochs, joined.epochs)
        estimates.append(seconds / joined.epochs * epochs_remaining)
    estimates.append(remaining(budget.max_seconds, seconds))
    return max(0.0, min(estimates))


def _make_best(row: TrialRow, outcome: Outcome) -> Best | None:
    if row.score is None:
        return None
    return Best(
        trial=row.number,
        hyperparameters=Hyperparameters.model_validate(row.hyperparameters),
        score=row.score,
        metrics=row.metrics,
        test_metrics=outcome.test_metrics if outcome.winner == row.number else None,
    )


def _make_attempt_error(row: AttemptRow) -> AttemptError:
    return AttemptError(
        attempt=row.number,
        worker=row.worker,
        started_at=row.started_at,
        ended_at=row.ended_at,
        phase=row.phase,
        outcome=row.outcome,
        error=row.error,
    )
