"""Trials and their curves. Writers need the job's fence; readers do not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from lowloss.errors import JobNotFound, StateConflict, TrialNotFound
from lowloss.results import Curve, Hyperparameters, JobKind, Page, Requested, Trial, TrialState
from lowloss.spec import JobSpec
from service.store.database import utc_now
from service.store.endings import delete_checkpoints
from service.store.events import EventKind, record_event
from service.store.queue import Fence, hold_fence
from service.store.schema import CurveRow, JobRow, TrialRow


@dataclass(frozen=True)
class TrialEnd:
    """The end of a trial. `metrics` are in the target's units, `score` is the objective's value.

    `score_error` is the standard error of the score.
    """

    number: int
    state: TrialState
    reason: str | None
    score: float | None
    metrics: dict[str, float]
    best_epoch: int | None
    seconds: float
    program: str | None
    score_error: float | None = None


def start_trial(
    session: Session,
    fence: Fence,
    number: int,
    *,
    seed: int,
    hyperparameters: Hyperparameters,
    epochs: int = 0,
) -> None:
    """Record that a trial trains; `epochs` counts those before an interruption."""
    job = hold_fence(session, fence)
    row = session.get(TrialRow, (job.id, number))
    if row is None:
        row = TrialRow(job_id=job.id, number=number, state=TrialState.running)
        session.add(row)
    elif row.state != TrialState.running:
        raise ValueError(f"trial {number} of {job.id} has ended and cannot start again")
    else:
        _truncate_curve(session, job.id, number, epochs=epochs)
    row.seed, row.attempt, row.epochs = seed, fence.attempt, epochs
    row.hyperparameters = hyperparameters.model_dump(mode="json")
    row.started_at = utc_now()
    session.flush()
    record_event(
        session,
        job,
        EventKind.trial_started,
        trial=number,
        hyperparameters=row.hyperparameters,
    )


def record_epochs(session: Session, fence: Fence, curves: Mapping[int, Curve]) -> Requested:
    """Save the curves so far of running trials, by number; return what users ask of the job."""
    job = hold_fence(session, fence)
    for number, curve in curves.items():
        row = session.get_one(TrialRow, (job.id, number))
        row.epochs = len(curve.val_loss)
        _save_curve(session, job.id, number, curve)
        record_event(
            session,
            job,
            EventKind.trial_epoch,
            trial=number,
            epoch=row.epochs,
            val_loss=curve.val_loss[-1] if curve.val_loss else None,
        )
    return Requested(job.requested)


def finish_trial(session: Session, fence: Fence, end: TrialEnd, curve: Curve) -> Requested:
    """Save a trial's end, and the job's best trial where this one is.

    Return what users ask of the job.
    """
    job = hold_fence(session, fence)
    row = session.get_one(TrialRow, (job.id, end.number))
    if row.state != TrialState.running:
        if (row.attempt, row.state, row.score) == (fence.attempt, end.state, end.score):
            # The database went away as it committed this, before its worker heard of that.
            return Requested(job.requested)
        raise ValueError(f"trial {end.number} of {job.id} has ended already")
    row.state, row.reason, row.score = end.state, end.reason, end.score
    row.metrics, row.best_epoch, row.seconds = end.metrics, end.best_epoch, end.seconds
    row.program, row.score_error = end.program, end.score_error
    row.epochs = len(curve.val_loss)
    row.finished_at = utc_now()
    _save_curve(session, job.id, end.number, curve)
    delete_checkpoints(session, job.id, end.number)
    record_event(
        session,
        job,
        EventKind.trial_finished,
        trial=end.number,
        state=end.state,
        reason=end.reason,
        score=end.score,
    )
    if end.state is TrialState.completed and _is_best(session, job, end.score):
        job.best_trial = end.number
        job.version += 1
        record_event(session, job, EventKind.best_changed, trial=end.number, score=end.score)
    return Requested(job.requested)


def list_trials(
    session: Session, job_id: str, *, after: int = 0, limit: int | None = None
) -> Page[Trial]:
    """List a search's trials by number, without their curves.

    Raise JobNotFound, or StateConflict for a diagnosis.
    """
    query = (
        select(TrialRow)
        .where(TrialRow.job_id == job_id, TrialRow.number > after)
        .order_by(TrialRow.number)
    )
    rows = session.scalars(query if limit is None else query.limit(limit + 1)).all()
    if not rows:
        _require_search(session, job_id)
    shown = rows[:limit]
    more = str(shown[-1].number) if len(rows) > len(shown) else None
    return Page(items=tuple(_make_trial(row, None) for row in shown), next=more)


def find_trials(
    session: Session, job_id: str, *, curves_of: Collection[int] = ()
) -> tuple[Trial, ...]:
    """Return all trials of a job by number, some with their curves; none for a job without any."""
    query = _query_with_curves(job_id, curves_of).order_by(TrialRow.number)
    return tuple(_make_trial(row, curve) for row, curve in session.execute(query))


def list_curves(
    session: Session, job_id: str, numbers: Collection[int] | None = None
) -> dict[int, Curve]:
    """Return the curves of a job's trials, or of some of them, by number."""
    if numbers is not None and not numbers:
        return {}
    query = select(CurveRow).where(CurveRow.job_id == job_id).order_by(CurveRow.trial)
    if numbers is not None:
        query = query.where(CurveRow.trial.in_(numbers))
    return {row.trial: Curve.model_validate(row.values) for row in session.scalars(query)}


def get_trial(session: Session, job_id: str, number: int) -> Trial:
    """Return one trial with its curve.

    Raise JobNotFound, TrialNotFound, or StateConflict for a diagnosis.
    """
    query = _query_with_curves(job_id, [number]).where(TrialRow.number == number)
    pair = session.execute(query).one_or_none()
    if pair is None:
        raise _no_trial(session, job_id, number)
    row, curve = pair
    return _make_trial(row, curve)


def get_trial_among_all(
    session: Session, job_id: str, number: int
) -> tuple[Trial, tuple[Trial, ...]]:
    """Return one trial with its curve, and all trials of its job by number; raise as `get_trial`.

    Those others are without their curves.
    """
    trials = find_trials(session, job_id, curves_of=[number])
    trial = next((trial for trial in trials if trial.number == number), None)
    if trial is None:
        raise _no_trial(session, job_id, number)
    return trial, trials


def _query_with_curves(job_id: str, numbers: Collection[int]) -> Select[TrialRow, CurveRow]:
    """Select the trials of a job, beside some of them their curves."""
    is_its_curve = (
        (CurveRow.job_id == TrialRow.job_id)
        & (CurveRow.trial == TrialRow.number)
        & CurveRow.trial.in_(numbers)
    )
    joined = select(TrialRow, CurveRow).outerjoin(CurveRow, is_its_curve)
    return joined.where(TrialRow.job_id == job_id)


def _no_trial(session: Session, job_id: str, number: int) -> TrialNotFound:
    """Return the error of a trial that a search does not have; raise that of no search."""
    _require_search(session, job_id)
    return TrialNotFound(
        f"job {job_id!r} has no trial {number}", fix=f"GET /v1/jobs/{job_id}/trials lists them"
    )


def _require_search(session: Session, job_id: str) -> None:
    kind = session.scalar(select(JobRow.kind).where(JobRow.id == job_id))
    if kind is None:
        raise JobNotFound.of(job_id)
    if kind == JobKind.diagnosis:
        raise StateConflict(
            f"job {job_id!r} is a diagnosis, which has no trials",
            fix=f"GET /v1/jobs/{job_id}/diagnosis has its experiments",
        )


def _save_curve(session: Session, job_id: str, number: int, curve: Curve) -> None:
    values: dict[str, Any] = curve.model_dump(mode="json")
    row = session.get(CurveRow, (job_id, number))
    if row is None:
        session.add(CurveRow(job_id=job_id, trial=number, values=values))
    else:
        row.values = values


def _truncate_curve(session: Session, job_id: str, number: int, *, epochs: int) -> None:
    """Delete a curve's values after some epochs, which are trained again."""
    row = session.get(CurveRow, (job_id, number))
    if row is not None:
        row.values = {name: values[:epochs] for name, values in row.values.items()}


def _is_best(session: Session, job: JobRow, score: float | None) -> bool:
    if score is None:
        return False
    if job.best_trial is None:
        return True
    best = session.get_one(TrialRow, (job.id, job.best_trial)).score
    direction = JobSpec.model_validate(job.spec).objective.direction
    return best is None or direction.is_better(score, best)


def _make_trial(row: TrialRow, curve: CurveRow | None) -> Trial:
    return Trial(
        number=row.number,
        state=TrialState(row.state),
        reason=row.reason,
        seed=row.seed,
        hyperparameters=Hyperparameters.model_validate(row.hyperparameters),
        score=row.score,
        score_error=row.score_error,
        metrics=row.metrics,
        epochs=row.epochs,
        best_epoch=row.best_epoch,
        seconds=row.seconds,
        program=row.program,
        attempt=row.attempt,
        started_at=row.started_at,
        finished_at=row.finished_at,
        curve=None if curve is None else Curve.model_validate(curve.values),
    )
