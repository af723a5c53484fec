"""What all submissions of jobs share: a dataset that is there, and at most one job a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Response

from lowloss.errors import UnknownDataset
from lowloss.results import Dataset, Job
from lowloss.spec import DiagnosisSpec, JobSpec, Task
from service.api.resources import Resources
from service.store.database import Session, again_on_conflict
from service.store.datasets import find_dataset
from service.store.jobs import find_answer, get_job, keep_answer
from service.store.queue import enqueue_job

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="A resend with the same key gets the first answer, and no second job.",
        examples=["7c1d9e8a-house-prices"],
    ),
]


def submit_once(
    given: Resources,
    response: Response,
    enqueue: Callable[[Session], Job],
    *,
    key: str | None,
    request: bytes,
) -> Job:
    """Queue a job, unless the same key has queued it before; says where it is."""

    def submit() -> Job:
        with given.database.transaction() as session:
            if key is not None and (answer := find_answer(session, key, request=request)):
                return Job.model_validate(answer)
            job = enqueue(session)
            if key is not None:
                keep_answer(session, key, request=request, answer=job.model_dump(mode="json"))
            return job

    # Two requests with one key: the later one breaks on the first one's, and finds its answer.
    job = again_on_conflict(submit)
    response.headers["Location"] = job.links.self
    return job


def dataset_of(session: Session, spec: JobSpec | DiagnosisSpec) -> Dataset:
    """The dataset that a specification names; UnknownDataset."""
    dataset = find_dataset(session, spec.dataset)
    if dataset is None:
        raise UnknownDataset(
            f"there is no dataset {spec.dataset!r}",
            field="dataset",
            fix="upload the table first: POST /v1/datasets answers its id",
        )
    return dataset


def enqueue_checked(
    session: Session, given: Resources, spec: JobSpec | DiagnosisSpec, task: Task
) -> Job:
    """Queue what was checked."""
    max_attempts = given.settings.max_attempts
    return get_job(session, enqueue_job(session, spec, task=task, max_attempts=max_attempts))
