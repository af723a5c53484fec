"""The queue: what workers do to a job's state; what users ask of it is in requests.py.

Each transition is conditional on the state that it leaves:

    queued  → running | paused | cancelled
    running → succeeded | failed | cancelled | paused | queued
    paused  → queued | cancelled

A claim is a `Fence`: who claimed the job, and in which attempt. What a worker does with its job
takes the fence; `attempt` only rises, so a worker whose lease was taken over gets LeaseLost and
changes nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, not_, or_, select, true, update
from sqlalchemy.orm import Session

from lowloss.errors import LeaseLost
from lowloss.results import JobState, Requested
from lowloss.spec import DiagnosisSpec, JobSpec, Task
from service.store.crashes import (
    MAX_IN_A_ROW,
    blame_trials,
    count_failure,
    count_in_a_row,
    must_finish,
    shorten_error,
)
from service.store.database import utc_now
from service.store.endings import (
    cancel_waiting,
    close_job,
    count_phase,
    count_seconds,
    end_attempt,
    end_lease,
)
from service.store.events import EventKind, record_event
from service.store.quotas import check_cpu_seconds, check_waiting_jobs, may_run, take_turn
from service.store.schema import ArtifactRow, AttemptOutcome, AttemptRow, JobRow, ProjectRow
from service.store.specs import find_kind, read_spec
from service.store.totals import Total, add_to_total
from service.store.workers import Offer, needs_no_more_than


@dataclass(frozen=True)
class Fence:
    """A worker's right to write, valid until another worker claims the job."""

    job_id: str
    owner: str
    attempt: int


@dataclass(frozen=True)
class Claim:
    """A job handed to a worker. `seconds` is how long earlier attempts ran.

    It `must_finish` at once where what follows the search ended their processes.
    """

    fence: Fence
    spec: JobSpec | DiagnosisSpec
    task: Task
    seconds: float
    must_finish: bool = False


def enqueue_job(
    session: Session,
    spec: JobSpec | DiagnosisSpec,
    *,
    project: str,
    task: Task,
    max_attempts: int,
    outcome: dict[str, Any] | None = None,
) -> str:
    """Add a queued job, and return its id; `outcome` is what is known of it before it runs.

    Raise QuotaExceeded where too many jobs of its project wait, or its processor time is used up.
    """
    check_waiting_jobs(session, project)
    check_cpu_seconds(session, project)
    job = JobRow(
        id=f"job_{secrets.token_hex(10)}",
        project=project,
        kind=find_kind(spec),
        name=spec.name,
        dataset_id=spec.dataset,
        task=task,
        spec=spec.model_dump(mode="json"),
        priority=spec.priority,
        needs_cores=spec.needs.cores or 0,
        needs_memory_bytes=spec.needs.memory_bytes or 0,
        needs_executor=spec.needs.executor,
        outcome=outcome or {},
        max_attempts=max_attempts,
        events=0,
    )
    session.add(job)
    session.flush()
    record_event(session, job, EventKind.job_queued)
    return job.id


def claim_job(
    session: Session, owner: str, *, lease_seconds: float, offer: Offer | None = None
) -> Claim | None:
    """Claim a job that is queued or whose lease has expired; else None.

    Projects take turns; of one project, it is the most urgent and oldest job that needs no more
    than is on `offer`; without one, whatever it needs.

    An expired lease is a failure of its attempt. A job with `max_attempts` failures fails, and the
    next job is tried; so it is after one that is to be cancelled and has nothing to export, which
    is cancelled. It is no trial's fault: machines and networks go away, too.
    """
    if offer is not None:
        _end_expired_leases(session, offer)
    while (job := _find_claimable(session, offer)) is not None:
        previous, outcome = job.attempt, AttemptOutcome.lease_expired
        # An attempt is open if, and only if, its lease has expired. Its totals come before those of
        # its phase, as where a worker ends its attempt: else transactions may wait for each other.
        is_expired = end_attempt(session, job, outcome, number=previous)
        _claim_row(session, job, owner, lease_seconds=lease_seconds)
        if is_expired:
            record_event(session, job, EventKind.job_retried, attempt=previous, outcome=outcome)
            count_failure(session, job, attempt=previous)
            if _ends_by_cancel(job):
                _take_back_claim(job)
                cancel_waiting(session, job)
                continue
            if job.failures >= job.max_attempts:
                _take_back_claim(job)
                _fail_job(session, job, outcome)
                continue
            add_to_total(session, Total.retries, outcome)
        session.add(AttemptRow(job_id=job.id, number=job.attempt, worker=owner))
        record_event(session, job, EventKind.job_started, attempt=job.attempt)
        return Claim(
            Fence(job.id, owner, job.attempt),
            read_spec(job),
            Task(job.task),
            job.seconds,
            must_finish(session, job),
        )
    return None


def _end_expired_leases(session: Session, offer: Offer) -> None:
    """End the expired leases of jobs that need more than an offer, as a claim would."""
    rows = session.scalars(
        select(JobRow)
        .where(_has_expired(), not_(needs_no_more_than(offer)))
        .with_for_update(skip_locked=True)
    )
    for job in rows:
        outcome = AttemptOutcome.lease_expired
        _retry(session, job, outcome, error="the lease expired", retry_seconds=0.0)


def _has_expired() -> ColumnElement[bool]:
    return and_(JobRow.state == JobState.running, JobRow.lease_expires_at < utc_now())


def end_dead_worker(session: Session, owner: str) -> None:
    """Queue the jobs of a worker that is known to be dead: they can be claimed at once.

    Like an expired lease, it is a failure of the attempt, and no trial's fault.
    """
    outcome, error = AttemptOutcome.worker_died, "the worker's process ended"
    jobs_of_owner = JobRow.lease_owner == owner, JobRow.state == JobState.running
    for job in session.scalars(select(JobRow).where(*jobs_of_owner).with_for_update()):
        _retry(session, job, outcome, error=error, retry_seconds=0.0)


def _find_claimable(session: Session, offer: Offer | None) -> JobRow | None:
    """Lock and return the next job, whose project has its turn now."""
    while (job := _find_next(session, offer)) is not None:
        # One that has a turn already takes no other: its project runs it.
        if job.state == JobState.running or take_turn(session, job.project):
            break
    return job


def _claim_row(session: Session, job: JobRow, owner: str, *, lease_seconds: float) -> None:
    if job.state == JobState.running:
        # What it ran since its last renewal was shown: `seconds` must not fall.
        last_seen_at = job.claimed_at
        count_seconds(session, job)
        count_phase(session, job, last_seen_at)
    job.state, job.phase, job.phase_started_at = JobState.running, None, None
    job.lease_owner, job.lease_expires_at = owner, utc_now(lease_seconds)
    job.claimed_at = utc_now()
    job.started_at = job.started_at or utc_now()
    job.attempt += 1
    job.version += 1
    session.flush()


def _find_next(session: Session, offer: Offer | None) -> JobRow | None:
    """Lock and return the next job of the project that has waited longest for its turn."""
    waiting = and_(
        JobRow.state == JobState.queued, JobRow.available_at <= utc_now(), may_run(JobRow.project)
    )
    return session.scalars(
        select(JobRow)
        .join(ProjectRow, ProjectRow.name == JobRow.project)
        .where(or_(waiting, _has_expired()), true() if offer is None else needs_no_more_than(offer))
        .order_by(ProjectRow.turn, JobRow.priority.desc(), JobRow.created_at, JobRow.id)
        .limit(1)
        .with_for_update(of=JobRow, skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def hold_fence(session: Session, fence: Fence) -> JobRow:
    """Return the job's row, locked, if the worker still holds the job; else raise LeaseLost."""
    job = session.scalars(
        select(JobRow)
        .where(
            JobRow.id == fence.job_id,
            JobRow.lease_owner == fence.owner,
            JobRow.attempt == fence.attempt,
            JobRow.state == JobState.running,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if job is None:
        raise LeaseLost(f"{fence.job_id}: attempt {fence.attempt} of {fence.owner} was taken over")
    return job


def renew_lease(session: Session, fence: Fence, *, lease_seconds: float) -> Requested:
    """Lengthen a lease, counted from now, and return what users ask of the job."""
    job = hold_fence(session, fence)
    count_seconds(session, job)
    job.lease_expires_at = utc_now(lease_seconds)
    return Requested(job.requested)


def finish_job(
    session: Session,
    fence: Fence,
    *,
    state: JobState,
    reason: str | None = None,
    error: str | None = None,
) -> None:
    """End a job and publish the artifacts of its last attempt, in one transaction."""
    job = hold_fence(session, fence)
    session.execute(
        update(ArtifactRow)
        .where(ArtifactRow.job_id == job.id, ArtifactRow.attempt == job.attempt)
        .values(is_published=True)
    )
    end_lease(session, job, AttemptOutcome(state.value), error=error)
    job.state, job.reason = state, reason
    job.finished_at = utc_now()
    close_job(session, job)


def pause_running_job(session: Session, fence: Fence) -> None:
    """Pause a running job until a user resumes it."""
    job = hold_fence(session, fence)
    end_lease(session, job, AttemptOutcome.paused)
    job.state = JobState.paused
    record_event(session, job, EventKind.job_paused)


def release_job(
    session: Session,
    fence: Fence,
    outcome: AttemptOutcome = AttemptOutcome.stopped,
    *,
    error: str | None = None,
    wait_seconds: float = 0.0,
) -> None:
    """Return a job to the queue, without counting a failure: no fault of the job ended the attempt.

    It may be claimed after a wait. One that is to be cancelled, and has nothing to export, ends
    with that.
    """
    job = hold_fence(session, fence)
    _queue_again(session, job, outcome, error=error, wait_seconds=wait_seconds)


def retry_job(
    session: Session,
    fence: Fence,
    *,
    error: str,
    retry_seconds: float,
    outcome: AttemptOutcome = AttemptOutcome.crashed,
    is_process_dead: bool = False,
) -> None:
    """Queue a job again after a failure, with a longer wait each time.

    After the last attempt it fails, with the outcome as its reason. One that is to be cancelled,
    and has nothing to export, ends with that. Where the attempt's process died, a trial may be the
    cause.
    """
    job = hold_fence(session, fence)
    if is_process_dead:
        blame_trials(session, job, error=error)
    _retry(session, job, outcome, error=error, retry_seconds=retry_seconds)


def retry_without_failure(
    session: Session,
    fence: Fence,
    outcome: AttemptOutcome,
    *,
    error: str,
    advice: str,
    wait_seconds: float,
) -> None:
    """Queue a job again whose worker had no room for its files, or lost its cluster.

    That is no failure, and each wait is twice the last one. After MAX_IN_A_ROW attempts in a row
    with this outcome, none of which ended a trial, the job fails, and its error ends with `advice`.
    A pause comes first, and so does a cancel of a job that has nothing to export.
    """
    job = hold_fence(session, fence)
    count = 1 + count_in_a_row(session, job, outcome)
    is_paused = job.requested == Requested.pause
    if count >= MAX_IN_A_ROW and not is_paused and not _ends_by_cancel(job):
        error = f"{error}; this happened {count} times in a row: {advice}"
        end_lease(session, job, outcome, error=error)
        _fail_job(session, job, outcome)
        return
    wait_seconds *= 2 ** (count - 1)
    _queue_again(session, job, outcome, error=error, wait_seconds=wait_seconds)


def _retry(
    session: Session, job: JobRow, outcome: AttemptOutcome, *, error: str, retry_seconds: float
) -> None:
    """Count a failure, and queue the job again; one with too many fails."""
    count_failure(session, job, attempt=job.attempt)
    if job.failures >= job.max_attempts and not _ends_by_cancel(job):
        end_lease(session, job, outcome, error=error)
        _fail_job(session, job, outcome)
        return
    wait_seconds = retry_seconds * 2 ** (job.failures - 1)
    _queue_again(session, job, outcome, error=error, wait_seconds=wait_seconds)


def _queue_again(
    session: Session,
    job: JobRow,
    outcome: AttemptOutcome,
    *,
    error: str | None = None,
    wait_seconds: float = 0.0,
) -> None:
    """End an attempt, and do what was requested of its job."""
    requested, is_over = job.requested, _ends_by_cancel(job)
    end_lease(session, job, outcome, error=error)
    if is_over:
        cancel_waiting(session, job)
        return
    job.state = JobState.paused if requested == Requested.pause else JobState.queued
    if requested == Requested.cancel:
        job.requested = requested
    job.available_at = utc_now(wait_seconds)
    if job.state == JobState.queued:
        add_to_total(session, Total.retries, outcome)
    data = {} if error is None else {"error": shorten_error(error)}
    record_event(session, job, EventKind.job_retried, attempt=job.attempt, outcome=outcome, **data)


def _ends_by_cancel(job: JobRow) -> bool:
    """Return whether a job is to be cancelled, and has nothing to export."""
    return job.requested == Requested.cancel and job.best_trial is None


def _fail_job(session: Session, job: JobRow, reason: str) -> None:
    """End a job that is not tried again."""
    job.state, job.reason, job.requested = JobState.failed, reason, Requested.none
    job.finished_at = utc_now()
    close_job(session, job)


def _take_back_claim(job: JobRow) -> None:
    """Take back a claim that has come to nothing; the job gets its next state before a flush."""
    job.lease_owner = job.lease_expires_at = job.claimed_at = None
