"""/v1/jobs: submit, continue, list, read, cancel, pause, resume and make more or less urgent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Body, Query, Response
from pydantic import ValidationError

from lowloss.errors import (
    BodyTooLarge,
    IdempotencyKeyReused,
    InvalidJson,
    JobNotFound,
    StateConflict,
    UnknownDataset,
)
from lowloss.results import Job, JobKind, JobState, Page
from lowloss.spec import Continuation, JobSpec, Priority, Spec
from service.api.examples import CONTINUATIONS, JOB_SPECS, PRIORITIES, SPEC_PROBLEMS, problems
from service.api.parameters import Cursor, JobId, Limit
from service.api.resources import Dependencies, Resources
from service.api.submissions import IdempotencyKey, dataset_of, enqueue_checked, submit_once
from service.api.validation import problem_of_faults
from service.store.database import Session
from service.store.datasets import find_dataset
from service.store.jobs import check_teachers, get_job, list_jobs, read_changes
from service.store.queue import cancel_job, pause_job, resume_job, set_priority
from service.tables.check import check_job

router = APIRouter(tags=["jobs"])


class NewPriority(Spec):
    """How urgent a job is to be."""

    priority: Priority


MAX_WAIT_SECONDS = 60


@router.post(
    "/v1/jobs",
    status_code=202,
    summary="Submit a job",
    responses=problems(InvalidJson, BodyTooLarge, IdempotencyKeyReused, *SPEC_PROBLEMS),
)
def submit_job(
    given: Dependencies,
    response: Response,
    *,
    spec: Annotated[JobSpec, Body(openapi_examples=JOB_SPECS)],
    key: IdempotencyKey = None,
) -> Job:
    """Check a JobSpec against its dataset and queue it; a worker takes it from there."""
    request = spec.model_dump_json().encode()
    return submit_once(
        given, response, lambda s: _enqueue(s, given, spec), key=key, request=request
    )


@router.post(
    "/v1/jobs/{job_id}/continue",
    status_code=202,
    summary="Continue a job",
    responses=problems(
        InvalidJson, BodyTooLarge, IdempotencyKeyReused, JobNotFound, StateConflict, *SPEC_PROBLEMS
    ),
)
def continue_job(
    given: Dependencies,
    response: Response,
    job_id: JobId,
    *,
    changes: Annotated[Continuation, Body(openapi_examples=CONTINUATIONS)],
    key: IdempotencyKey = None,
) -> Job:
    """Queue a child of a job: its JobSpec with some changes, which learns from all its trials.

    Of an object, such as `budget`, the fields that are given are changed.
    """

    def enqueue_child(session: Session) -> Job:
        parent = get_job(session, job_id)
        _check_parent(parent)
        if find_dataset(session, parent.dataset) is None:
            raise UnknownDataset(
                f"the dataset of the job to go on from, {parent.dataset!r}, was deleted",
                fix="upload the same table again: it gets the same id",
            )
        try:
            child = changes.child_of(job_id, parent.search)
        except ValidationError as error:
            faults = [each | {"loc": ("body", *each["loc"])} for each in error.errors()]
            raise problem_of_faults(faults, JobSpec) from error
        return _enqueue(session, given, child)

    request = job_id.encode() + changes.model_dump_json(exclude_unset=True).encode()
    return submit_once(given, response, enqueue_child, key=key, request=request)


def _check_parent(parent: Job) -> None:
    """Refuse a job that another cannot learn from, or not yet."""
    if parent.kind is JobKind.diagnosis:
        raise StateConflict(
            "the job cannot be continued: it is a diagnosis, which has no trials to learn from",
            fix=f"GET {parent.links.diagnosis} has what it found; submit a new job",
        )
    if not (parent.state.is_finished or parent.state is JobState.paused):
        raise StateConflict(
            f"the job cannot be continued: it is {parent.state}",
            fix="wait until it has ended, or pause it",
        )
    if parent.best is None:
        raise StateConflict(
            "the job cannot be continued: none of its trials completed", fix="submit a new job"
        )


def _enqueue(session: Session, given: Resources, spec: JobSpec) -> Job:
    dataset = dataset_of(session, spec)
    check_teachers(session, spec.warm_start_from)
    checked = check_job(spec, dataset, limits=given.settings.limits)
    return enqueue_checked(session, given, checked.spec, checked.task)


@router.get("/v1/jobs", summary="List jobs", responses=problems())
def list_all_jobs(
    given: Dependencies,
    *,
    state: Annotated[
        JobState | None, Query(description="Only jobs in this state.", examples=["running"])
    ] = None,
    kind: Annotated[
        JobKind | None, Query(description="Only jobs of this kind.", examples=["diagnosis"])
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Job]:
    """Jobs, newest first."""
    with given.database.reading() as session:
        return list_jobs(session, state=state, kind=kind, cursor=cursor, limit=limit)


@router.get("/v1/jobs/{job_id}", summary="Read a job", responses=problems(JobNotFound))
async def read_job(
    given: Dependencies,
    job_id: JobId,
    *,
    wait: Annotated[
        float,
        Query(
            ge=0,
            le=MAX_WAIT_SECONDS,
            allow_inf_nan=False,
            description="Hold the answer for so many seconds, or until the job changes.",
            examples=[30],
        ),
    ] = 0,
) -> Job:
    """One job: its state, progress and best trial.

    With `wait` the answer is held until the state or the best trial differs from what it was when
    the request came. A job that has ended is answered at once.
    """
    if wait:
        await _await_change(given, job_id, seconds=wait)
    return await to_thread.run_sync(_read, given, job_id)


async def _await_change(given: Resources, job_id: str, *, seconds: float) -> None:
    def look() -> int | None:
        with given.database.reading() as session:
            change = read_changes(session, [job_id]).get(job_id)
        return None if change is None or change.is_finished else change.version

    seen = await to_thread.run_sync(look)
    if seen is not None:
        await given.changes.wait(job_id, lambda change: change.version != seen, seconds=seconds)


def _read(given: Resources, job_id: str) -> Job:
    with given.database.reading() as session:
        return get_job(session, job_id)


@router.post(
    "/v1/jobs/{job_id}/cancel",
    status_code=202,
    summary="Cancel a job",
    responses=problems(JobNotFound, StateConflict),
)
def cancel(given: Dependencies, job_id: JobId) -> Job:
    """End a job; its best trial so far is kept and still exported, or what was diagnosed."""
    return _change(given, job_id, cancel_job)


@router.post(
    "/v1/jobs/{job_id}/pause",
    status_code=202,
    summary="Pause a job",
    responses=problems(JobNotFound, StateConflict),
)
def pause(given: Dependencies, job_id: JobId) -> Job:
    """Put a job aside, its finished trials kept."""
    return _change(given, job_id, pause_job)


@router.post(
    "/v1/jobs/{job_id}/resume",
    status_code=202,
    summary="Resume a job",
    responses=problems(JobNotFound, StateConflict),
)
def resume(given: Dependencies, job_id: JobId) -> Job:
    """Queue a paused job again."""
    return _change(given, job_id, resume_job)


@router.post(
    "/v1/jobs/{job_id}/priority",
    summary="Make a job more or less urgent",
    responses=problems(JobNotFound, StateConflict, InvalidJson, BodyTooLarge),
)
def change_priority(
    given: Dependencies,
    job_id: JobId,
    wanted: Annotated[NewPriority, Body(openapi_examples=PRIORITIES)],
) -> Job:
    """Change the priority of a queued or paused job: workers take the highest first."""
    return _change(given, job_id, lambda s, id_: set_priority(s, id_, wanted.priority))


def _change(given: Resources, job_id: str, change: Callable[[Session, str], None]) -> Job:
    with given.database.transaction() as session:
        change(session, job_id)
        job = get_job(session, job_id)
    given.changes.nudge()
    return job
