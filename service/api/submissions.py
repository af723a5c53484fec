"""Submits jobs of all kinds: finds their dataset, and queues at most one job per key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Response

from lowloss.errors import UnknownDataset
from lowloss.results import Dataset, Job
from lowloss.spec import DiagnosisSpec, JobSpec, Task
from service.access.callers import Caller
from service.resources.rates import Rated
from service.resources.resources import Resources
from service.store.database import Session
from service.store.datasets import find_dataset
from service.store.idempotency import find_response, save_response
from service.store.jobs import get_job
from service.store.queue import enqueue_job
from service.tables.check import CheckedJob

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="A resend with the same key gets the first response, and no second job.",
        examples=["7c1d9e8a-house-prices"],
    ),
]


async def submit_once(
    deps: Resources,
    response: Response,
    enqueue: Callable[[Session], Job],
    *,
    caller: Caller,
    key: str | None,
    request: bytes,
) -> Job:
    """Queue a job unless the same key has queued it before; set the Location header.

    Keys are of a project: another one may use the same. Raise TooManyRequests.
    """
    project = caller.project
    await deps.admit(caller, Rated.submits)

    def submit(session: Session) -> Job:
        earlier = key and find_response(session, project, key, request=request)
        if earlier:
            return Job.model_validate(earlier)
        job = enqueue(session)
        if key is not None:
            answer = job.model_dump(mode="json")
            save_response(session, project, key, request=request, response=answer)
        return job

    # Of two requests with one key, the later one conflicts, and then finds the first response.
    job = await deps.write(submit)
    response.headers["Location"] = job.links.self
    return job


def require_dataset(session: Session, project: str, spec: JobSpec | DiagnosisSpec) -> Dataset:
    """Return the dataset of a project that a specification names; raise UnknownDataset."""
    dataset = find_dataset(session, project, spec.dataset)
    if dataset is None:
        raise UnknownDataset(
            f"there is no dataset {spec.dataset!r}",
            field="dataset",
            fix="upload the table first: POST /v1/datasets returns its id",
        )
    return dataset


def enqueue_checked(
    session: Session,
    deps: Resources,
    spec: JobSpec | DiagnosisSpec,
    task: Task,
    *,
    project: str,
    notes: CheckedJob | None = None,
) -> Job:
    """Queue a checked specification, and return its job with the notes of its check."""
    outcome = None
    if notes is not None:
        lists = {"excluded": notes.excluded, "warnings": notes.warnings}
        outcome = {
            name: [entry.model_dump(mode="json") for entry in entries]
            for name, entries in lists.items()
        }
    job_id = enqueue_job(
        session,
        spec,
        project=project,
        task=task,
        max_attempts=deps.settings.max_attempts,
        outcome=outcome,
    )
    return get_job(session, job_id)
