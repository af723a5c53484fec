"""/v1/jobs: submit, continue, list, read, cancel, pause, resume, set the priority, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Header, Query, Response
from pydantic import ValidationError

from lowloss.errors import (
    BodyTooLarge,
    IdempotencyKeyReused,
    InvalidJson,
    JobNotFound,
    QuotaExceeded,
    StateConflict,
    UnknownDataset,
)
from lowloss.results import Job, JobKind, JobSort, JobState, Page
from lowloss.spec import Continuation, JobSpec, Priority, Spec
from lowloss.spec.continuation import CONTINUATION_EXAMPLES
from lowloss.spec.job import JOB_SPEC_EXAMPLES
from lowloss.validation import problem_from_error
from service.api.examples import SPEC_PROBLEMS, Responses, problems
from service.api.parameters import Cursor, Limit, NamePart
from service.api.polls import answer_from_memory, render_answer
from service.api.submissions import IdempotencyKey, enqueue_checked, require_dataset, submit_once
from service.resources.callers import RequestCaller
from service.resources.own_ids import JobId
from service.resources.resources import Dependencies, Resources
from service.store.database import Session
from service.store.datasets import find_dataset
from service.store.deletions import delete_job
from service.store.earlier_jobs import check_earlier_jobs
from service.store.jobs import (
    Change,
    get_job,
    get_job_and_change,
    list_jobs,
    read_changes,
)
from service.store.requests import cancel_job, pause_job, resume_job, set_priority
from service.tables.check import check_job

router = APIRouter(tags=["jobs"])


class NewPriority(Spec):
    """The new priority of a job."""

    priority: Priority


PRIORITY_EXAMPLES: dict[str, Any] = {
    "urgent": {"summary": "Before all that have less", "value": {"priority": 10}},
}


MAX_WAIT_SECONDS = 60
NOT_MODIFIED: Responses = {304: {"description": "`If-None-Match` has this version's ETag."}}


@router.post(
    "/v1/jobs",
    status_code=202,
    summary="Submit a job",
    responses=problems(
        InvalidJson, BodyTooLarge, IdempotencyKeyReused, QuotaExceeded, *SPEC_PROBLEMS
    ),
)
async def submit_job(
    deps: Dependencies,
    response: Response,
    *,
    caller: RequestCaller,
    spec: Annotated[JobSpec, Body(openapi_examples=JOB_SPEC_EXAMPLES)],
    key: IdempotencyKey = None,
) -> Job:
    """Check a JobSpec against its dataset and queue it for a worker."""
    project = caller.project
    return await submit_once(
        deps,
        response,
        lambda session: _enqueue(session, deps, project, spec),
        caller=caller,
        key=key,
        request=spec.model_dump_json().encode(),
    )


@router.post(
    "/v1/jobs/{job_id}/continue",
    status_code=202,
    summary="Continue a job",
    responses=problems(
        InvalidJson,
        BodyTooLarge,
        IdempotencyKeyReused,
        JobNotFound,
        QuotaExceeded,
        StateConflict,
        *SPEC_PROBLEMS,
    ),
)
async def continue_job(
    deps: Dependencies,
    response: Response,
    job_id: JobId,
    *,
    caller: RequestCaller,
    changes: Annotated[Continuation, Body(openapi_examples=CONTINUATION_EXAMPLES)],
    key: IdempotencyKey = None,
) -> Job:
    """Queue a child of a job: its JobSpec with some changes, which learns from all its trials.

    An object's fields that are left out, such as those of `budget`, stay as they are.
    """
    project = caller.project

    def enqueue_child(session: Session) -> Job:
        parent = get_job(session, job_id)
        _check_parent(parent)
        if find_dataset(session, project, parent.dataset) is None:
            raise UnknownDataset(
                f"the dataset of the job to go on from, {parent.dataset!r}, was deleted",
                fix="upload the same table again: it gets the same id",
            )
        try:
            child = changes.child_of(job_id, parent.search)
        except ValidationError as error:
            raise problem_from_error(error, JobSpec) from error
        return _enqueue(session, deps, project, child)

    request = job_id.encode() + changes.model_dump_json(exclude_unset=True).encode()
    return await submit_once(deps, response, enqueue_child, caller=caller, key=key, request=request)


def _check_parent(parent: Job) -> None:
    """Raise StateConflict for a job that another cannot learn from (yet)."""
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


def _enqueue(session: Session, deps: Resources, project: str, spec: JobSpec) -> Job:
    dataset = require_dataset(session, project, spec)
    check_earlier_jobs(session, project, spec.warm_start_from)
    checked = check_job(spec, dataset, limits=deps.settings.limits)
    return enqueue_checked(
        session, deps, checked.spec, checked.task, project=project, notes=checked
    )


@router.get("/v1/jobs", summary="List jobs", responses=problems())
def list_all_jobs(
    deps: Dependencies,
    caller: RequestCaller,
    *,
    state: Annotated[
        JobState | None, Query(description="Only jobs in this state.", examples=["running"])
    ] = None,
    kind: Annotated[
        JobKind | None, Query(description="Only jobs of this kind.", examples=["diagnosis"])
    ] = None,
    name: NamePart = "",
    sort: Annotated[
        JobSort, Query(description="What comes first.", examples=["oldest"])
    ] = JobSort.newest,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Job]:
    """List the jobs of the caller's project, newest first, unless `sort` says otherwise."""
    with deps.database.reading() as session:
        return list_jobs(
            session,
            caller.project,
            state=state,
            kind=kind,
            name=name,
            sort=sort,
            cursor=cursor,
            limit=limit,
        )


@router.get(
    "/v1/jobs/{job_id}",
    summary="Read a job",
    response_model=Job,
    responses=NOT_MODIFIED | problems(JobNotFound),
)
async def read_job(
    deps: Dependencies,
    job_id: JobId,
    *,
    wait: Annotated[
        float,
        Query(
            ge=0,
            le=MAX_WAIT_SECONDS,
            allow_inf_nan=False,
            description="Delay the response by so many seconds, or until the job changes.",
            examples=[30],
        ),
    ] = 0,
    etag: Annotated[
        str | None,
        Header(
            alias="If-None-Match",
            description="The ETag of an earlier response: 304 as long as nothing happened since.",
            examples=['W/"3.17"'],
        ),
    ] = None,
) -> Response:
    """Return one job: its state, progress and best trial.

    With `wait` the response comes when the state or the best trial has changed since the request,
    or at once for a job that has ended. The ETag of a job that is not queued changes with each of
    its events, and not with its seconds.
    """
    if wait:
        await _await_change(deps, job_id, seconds=wait)
        if (response := answer_from_memory(deps, job_id, etag)) is not None:
            return response
    # PollsFromMemory has looked before, where the job was asked for already.
    answer = await deps.job_memory.read(job_id, deps.changes.moment, lambda: _read(deps, job_id))
    return render_answer(answer, etag)


async def _await_change(deps: Resources, job_id: str, *, seconds: float) -> None:
    def read_version() -> int | None:
        with deps.database.reading() as session:
            change = read_changes(session, [job_id]).get(job_id)
        return None if change is None or change.is_finished else change.version

    version = await to_thread.run_sync(read_version)
    if version is not None:
        await deps.changes.wait(job_id, lambda change: change.version != version, seconds=seconds)


def _read(deps: Resources, job_id: str) -> tuple[Change, bytes]:
    with deps.database.reading() as session:
        job, change = get_job_and_change(session, job_id)
    return change, job.model_dump_json().encode()


@router.delete(
    "/v1/jobs/{job_id}",
    status_code=204,
    summary="Delete a job",
    responses=problems(JobNotFound, StateConflict),
)
async def remove_job(deps: Dependencies, job_id: JobId) -> None:
    """Delete a job that has ended, with its trials, events and artifacts; its dataset stays."""
    await deps.write(lambda session: delete_job(session, job_id))
    deps.changes.nudge()


@router.post(
    "/v1/jobs/{job_id}/cancel",
    status_code=202,
    summary="Cancel a job",
    responses=problems(JobNotFound, StateConflict),
)
async def cancel(deps: Dependencies, job_id: JobId) -> Job:
    """End a job; its best trial so far is still exported, or its diagnosis so far."""
    return await _change(deps, job_id, cancel_job)


@router.post(
    "/v1/jobs/{job_id}/pause",
    status_code=202,
    summary="Pause a job",
    responses=problems(JobNotFound, StateConflict),
)
async def pause(deps: Dependencies, job_id: JobId) -> Job:
    """Pause a job; its finished trials stay."""
    return await _change(deps, job_id, pause_job)


@router.post(
    "/v1/jobs/{job_id}/resume",
    status_code=202,
    summary="Resume a job",
    responses=problems(JobNotFound, StateConflict),
)
async def resume(deps: Dependencies, job_id: JobId) -> Job:
    """Queue a paused job again."""
    return await _change(deps, job_id, resume_job)


@router.post(
    "/v1/jobs/{job_id}/priority",
    summary="Make a job more or less urgent",
    responses=problems(JobNotFound, StateConflict, InvalidJson, BodyTooLarge),
)
async def change_priority(
    deps: Dependencies,
    job_id: JobId,
    new: Annotated[NewPriority, Body(openapi_examples=PRIORITY_EXAMPLES)],
) -> Job:
    """Change the priority of a queued or paused job: workers take the highest first."""
    return await _change(deps, job_id, lambda s, id_: set_priority(s, id_, new.priority))


async def _change(deps: Resources, job_id: str, change: Callable[[Session, str], None]) -> Job:
    def change_and_read(session: Session) -> Job:
        change(session, job_id)
        return get_job(session, job_id)

    job = await deps.write(change_and_read)
    deps.changes.nudge()
    return job
