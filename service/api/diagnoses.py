"""/v1/diagnoses and /v1/jobs/{id}/diagnosis: why a loss is high."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Response

from lowloss.errors import (
    BodyTooLarge,
    DiagnosisNotReady,
    IdempotencyKeyReused,
    InvalidJson,
    JobNotFound,
)
from lowloss.results import Diagnosis, Job
from lowloss.spec import DiagnosisSpec
from service.api.examples import DIAGNOSIS_SPECS, SPEC_PROBLEMS, problems
from service.api.parameters import JobId
from service.api.resources import Dependencies
from service.api.submissions import IdempotencyKey, dataset_of, enqueue_checked, submit_once
from service.store.database import Session
from service.store.diagnoses import get_diagnosis
from service.tables.check_recipe import check_diagnosis

router = APIRouter(tags=["diagnoses"])


@router.post(
    "/v1/diagnoses",
    status_code=202,
    summary="Submit a diagnosis",
    responses=problems(InvalidJson, BodyTooLarge, IdempotencyKeyReused, *SPEC_PROBLEMS),
)
def submit_diagnosis(
    given: Dependencies,
    response: Response,
    *,
    spec: Annotated[DiagnosisSpec, Body(openapi_examples=DIAGNOSIS_SPECS)],
    key: IdempotencyKey = None,
) -> Job:
    """Ask why a recipe's loss is high on a dataset: a job of its own kind.

    It trains the recipe beside copies with one thing changed. A recipe that cannot learn is no
    error: that is what the diagnosis tells.
    """

    def enqueue(session: Session) -> Job:
        dataset = dataset_of(session, spec)
        checked = check_diagnosis(spec, dataset, limits=given.settings.limits)
        return enqueue_checked(session, given, spec, checked.task)

    return submit_once(given, response, enqueue, key=key, request=spec.model_dump_json().encode())


@router.get(
    "/v1/jobs/{job_id}/diagnosis",
    summary="Read a diagnosis",
    responses=problems(JobNotFound, DiagnosisNotReady),
)
def read_diagnosis(given: Dependencies, job_id: JobId) -> Diagnosis:
    """Why a job's loss is high: findings, the first cause first, with what each remedy changes.

    Of a diagnosis, and of a search once it has ended.
    """
    with given.database.reading() as session:
        return get_diagnosis(session, job_id)
