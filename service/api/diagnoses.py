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
    QuotaExceeded,
)
from lowloss.results import Diagnosis, Job
from lowloss.spec import DiagnosisSpec
from lowloss.spec.diagnosis import DIAGNOSIS_SPEC_EXAMPLES
from service.api.examples import SPEC_PROBLEMS, problems
from service.api.submissions import IdempotencyKey, enqueue_checked, require_dataset, submit_once
from service.resources.callers import RequestCaller
from service.resources.own_ids import JobId
from service.resources.resources import Dependencies
from service.store.database import Session
from service.store.diagnoses import get_diagnosis
from service.tables.check_recipe import check_diagnosis

router = APIRouter(tags=["diagnoses"])


@router.post(
    "/v1/diagnoses",
    status_code=202,
    summary="Submit a diagnosis",
    responses=problems(
        InvalidJson, BodyTooLarge, IdempotencyKeyReused, QuotaExceeded, *SPEC_PROBLEMS
    ),
)
async def submit_diagnosis(
    deps: Dependencies,
    response: Response,
    *,
    caller: RequestCaller,
    spec: Annotated[DiagnosisSpec, Body(openapi_examples=DIAGNOSIS_SPEC_EXAMPLES)],
    key: IdempotencyKey = None,
) -> Job:
    """Submit a diagnosis: a job that finds out why a recipe's loss is high on a dataset.

    It trains the recipe and copies of it with one change each. A recipe that cannot learn is not an
    error but a result of the diagnosis.
    """
    project = caller.project

    def enqueue(session: Session) -> Job:
        dataset = require_dataset(session, project, spec)
        checked = check_diagnosis(spec, dataset, limits=deps.settings.limits)
        return enqueue_checked(session, deps, spec, checked.task, project=project)

    request = spec.model_dump_json().encode()
    return await submit_once(deps, response, enqueue, caller=caller, key=key, request=request)


@router.get(
    "/v1/jobs/{job_id}/diagnosis",
    summary="Read a diagnosis",
    responses=problems(JobNotFound, DiagnosisNotReady),
)
def read_diagnosis(deps: Dependencies, job_id: JobId) -> Diagnosis:
    """Return why a job's loss is high: findings in order, with the effect of each remedy.

    Diagnoses have one, and searches that have ended.
    """
    return get_diagnosis(deps.database, job_id)
