"""Submits jobs of all kinds: finds their dataset, and queues at most one job per key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Response

from lowloss.errors import UnknownDataset
from lowloss.results import Dataset, Job
from lowloss.spec import DiagnosisSpec, JobSpec, Task
from service.resources.resources import Resources
from service.store.database import Session
from service.store.datasets import find_dataset
from service.store.jobs import find_response, get_job, save_response
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
    key: str | None,
    request: bytes,
) -> Job:
    """Queue a job unless the same key has queued it before; set the Location header."""

    def submit(session: Session) -> Job:
        if key is not None and (earlier := find_response(session, key, request=request)):
            return Job.model_validate(earlier)
        job = enqueue(session)
        if key is not None:
            save_response(session, key, request=request, response=job.model_dump(mode="json"))
        return job

    # Of two requests with one key, the later one conflicts, and then finds the first response.
    job = await deps.write(submit)
    response.headers["Location"] = job.links.self
    return job


def require_dataset(session: Session, spec: JobSpec | DiagnosisSpec) -> Dataset:
    """Return the dataset that a specification names; raise UnknownDataset."""
    dataset = find_dataset(session, spec.dataset)
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
    max_attempts = deps.settings.max_attempts
    job_id = enqueue_job(session, spec, task=task, max_attempts=max_attempts, outcome=outcome)
    return get_job(session, job_id)
