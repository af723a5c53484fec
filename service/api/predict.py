"""/v1/jobs/{id}/predict: what a job's best model answers to raw rows."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from lowloss.errors import (
    ArtifactNotFound,
    BestModelNotReady,
    BodyTooLarge,
    InvalidJson,
    InvalidRequest,
    JobNotFound,
    LimitExceeded,
    RowsInvalid,
)
from lowloss.inference.rows import Cells, cells_of_columns, cells_of_rows
from lowloss.inference.signature import Signature
from lowloss.results import Predictions
from service.api.examples import ROWS, problems
from service.api.parameters import JobId
from service.api.resources import Dependencies, Resources
from service.api.validation import problem_of_faults
from service.store.artifacts import get_served_model

router = APIRouter(tags=["predictions"])


class RowsToPredict(BaseModel):
    """Raw rows: either `rows`, one after the other, or `columns`, a list of values each.

    A row is an object of values by their columns' names; for a model of an NPZ it may be a list.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: list[Any] | None = None
    columns: dict[str, list[Any]] | None = None


BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": RowsToPredict.model_json_schema(), "examples": ROWS}
        },
    }
}


@router.post(
    "/v1/jobs/{job_id}/predict",
    summary="Predict",
    response_model=Predictions,
    openapi_extra=BODY,
    responses=problems(
        InvalidJson,
        BodyTooLarge,
        JobNotFound,
        ArtifactNotFound,
        BestModelNotReady,
        LimitExceeded,
        RowsInvalid,
    ),
)
async def predict(given: Dependencies, request: Request, job_id: JobId) -> Response:
    """Put raw rows before a job's best model: numbers in the target's units, or labels.

    Values are read as those of an uploaded table are; null is a missing one. Columns that the model
    does not take are named in `ignored`.
    """
    body = await request.body()
    # All of it, parsing too: a large body must not hold up the event loop.
    return await to_thread.run_sync(_answer, given, job_id, body, limiter=given.predictors)


def _answer(given: Resources, job_id: str, body: bytes) -> Response:
    asked = _parse(body)
    _check_count(asked, most=given.settings.limits.max_predict_rows)
    with given.database.reading() as session:
        artifact = get_served_model(session, job_id)
    model = given.models.get(artifact.sha256, size_bytes=artifact.size_bytes)
    predictions = model.predict(_cells(model.signature, asked), job_id=job_id)
    return Response(predictions.model_dump_json(), media_type="application/json")


def _parse(body: bytes) -> RowsToPredict:
    try:
        content = from_json(body)
    except ValueError as error:
        raise InvalidJson(f"the body is not JSON: {error}", fix="send JSON in UTF-8") from error
    try:
        asked = RowsToPredict.model_validate(content)
    except ValidationError as error:
        faults = [dict(each) | {"loc": ("body", *each["loc"])} for each in error.errors()]
        raise problem_of_faults(faults, RowsToPredict) from error
    if (asked.rows is None) == (asked.columns is None):
        raise InvalidRequest(
            "the body has neither rows nor columns"
            if asked.rows is None
            else "the body has both rows and columns",
            field="rows",
            fix='send {"rows": […]} or {"columns": {…}}',
        )
    return asked


def _check_count(asked: RowsToPredict, *, most: int) -> None:
    counts = map(len, (asked.columns or {"rows": asked.rows or []}).values())
    if (count := max(counts)) > most:
        raise LimitExceeded(
            f"{count} rows are over this server's limit of {most}",
            field="rows" if asked.columns is None else "columns",
            fix=f"send at most {most} rows in a request",
        )


def _cells(signature: Signature, asked: RowsToPredict) -> Cells:
    if asked.columns is not None:
        return cells_of_columns(signature, asked.columns)
    return cells_of_rows(signature, asked.rows or [])
