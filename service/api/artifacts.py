"""/v1/jobs/{id}/artifacts and /best-model: the files of a job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from lowloss.errors import ArtifactNotFound, BestModelNotReady, JobNotFound, RangeNotSatisfiable
from lowloss.results import Artifacts
from lowloss.spec import Text
from service.api.downloads import ARTIFACTS, KERAS_MODEL, describe_download, send_artifact
from service.api.examples import problems
from service.resources.own_ids import JobId
from service.resources.resources import Dependencies
from service.store.artifacts import get_artifact, get_best_model, list_artifacts

router = APIRouter(tags=["artifacts"])

ArtifactName = Annotated[
    Text, Path(max_length=200, description="An artifact's name.", examples=["model.keras"])
]


@router.get(
    "/v1/jobs/{job_id}/artifacts", summary="List artifacts", responses=problems(JobNotFound)
)
def list_artifacts_of_job(deps: Dependencies, job_id: JobId) -> Artifacts:
    """List a job's artifacts by name; none until it has ended.

    `missing` says why other artifacts could not be made.
    """
    with deps.database.reading() as session:
        return list_artifacts(session, job_id)


@router.head("/v1/jobs/{job_id}/artifacts/{name}", include_in_schema=False)
@router.get(
    "/v1/jobs/{job_id}/artifacts/{name}",
    summary="Download an artifact",
    response_class=Response,
    responses=describe_download(ARTIFACTS)
    | problems(JobNotFound, ArtifactNotFound, RangeNotSatisfiable),
)
def download_artifact(
    deps: Dependencies, request: Request, *, job_id: JobId, name: ArtifactName
) -> Response:
    """Return an artifact's bytes, or a range of them."""
    with deps.database.reading() as session:
        artifact = get_artifact(session, job_id, name)
    return send_artifact(deps.database, artifact, request)


@router.head("/v1/jobs/{job_id}/best-model", include_in_schema=False)
@router.get(
    "/v1/jobs/{job_id}/best-model",
    summary="Download the best model",
    response_class=Response,
    responses=describe_download(KERAS_MODEL)
    | problems(JobNotFound, BestModelNotReady, RangeNotSatisfiable),
)
def download_best_model(deps: Dependencies, request: Request, *, job_id: JobId) -> Response:
    """Return the `.keras` file of a job's best model: raw rows in, the target's units out."""
    with deps.database.reading() as session:
        artifact = get_best_model(session, job_id)
    return send_artifact(deps.database, artifact, request)
