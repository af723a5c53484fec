"""/v1/jobs/{id}/predict: predictions of a job's best model for raw rows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict
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
    TableTooLarge,
)
from lowloss.inference.rows import Cells, cells_from_columns, cells_from_rows
from lowloss.inference.signature import Signature
from lowloss.results import Dataset, Predictions
from lowloss.tables.options import ParseOptions
from lowloss.validation import validate
from service.api.bodies import is_file_of_rows, spool_body
from service.api.examples import TABLE_PROBLEMS, problems
from service.api.json_bodies import read_json_body
from service.api.options import parse_options
from service.resources.callers import RequestCaller
from service.resources.own_ids import JobId
from service.resources.resources import Dependencies, Resources
from service.store.artifacts import get_served_model
from service.store.datasets import find_dataset_of_job
from service.tables.parse import Bounds, parse_rows

router = APIRouter(tags=["predictions"])

BODY_FIX = 'send {"rows": […]} or {"columns": {…}}'


class RowsToPredict(BaseModel):
    """Raw rows: either `rows`, or `columns` with a list of values each.

    A row is an object from columns' names to values; for a model of an NPZ it may be a list.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: list[Any] | None = None
    columns: dict[str, list[Any]] | None = None


ROW_EXAMPLES: dict[str, Any] = {
    "rows": {
        "summary": "Row by row",
        "value": {"rows": [{"area": 84.5, "city": "Oslo"}, {"area": 51, "city": None}]},
    },
    "columns": {
        "summary": "Column by column",
        "value": {"columns": {"area": [84.5, 51], "city": ["Oslo", None]}},
    },
    "matrix": {
        "summary": "For a model of an NPZ",
        "value": {"rows": [[0.5, 1.25, 3.0], [0.1, 0.75, None]]},
    },
}
FILE_OF_ROWS = {"csv": {"summary": "The file itself", "value": "area,city\n84.5,Oslo\n51,\n"}}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": RowsToPredict.model_json_schema(),
                "examples": ROW_EXAMPLES,
            },
            "text/csv": {"schema": {"type": "string"}, "examples": FILE_OF_ROWS},
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
        *TABLE_PROBLEMS,
    ),
)
async def predict(
    deps: Dependencies,
    request: Request,
    job_id: JobId,
    *,
    caller: RequestCaller,
    options: Annotated[ParseOptions, Depends(parse_options)],
) -> Response:
    """Predict raw rows with a job's best model: numbers in the target's units, or labels.

    Values are read as those of an uploaded table; null is a missing value. `ignored` names the
    columns that the model does not use. A table's file as `text/csv` is read by the options of the
    job's dataset, or by those of the query. `warnings` name values of categories that the model was
    not trained on.
    """
    if is_file_of_rows(request.headers):
        async with spool_body(request, deps.settings.data_dir) as upload:
            predict_file = partial(_predict_file, deps, job_id, upload.path, options)
            return await deps.parsers.run(caller, predict_file)
    limits = deps.settings.limits
    # Twice as many as can be right: a few too many rows are told their number.
    maximum = 2 * max(limits.max_predict_rows, limits.max_columns)
    with deps.open_predictions.enter():
        body = await read_json_body(request.stream(), max_containers=maximum, max_values=maximum)
        # Parsing in the thread, too: a large body must not block the event loop.
        return await to_thread.run_sync(_predict, deps, job_id, body, limiter=deps.predictors)


def _predict(deps: Resources, job_id: str, body: bytes) -> Response:
    with deps.json_lock:
        rows_to_predict = parse_body(body)
    _check_count(rows_to_predict, max_rows=deps.settings.limits.max_predict_rows)
    with deps.database.reading() as session:
        artifact = get_served_model(session, job_id)
    model = deps.models.get(artifact.sha256, size_bytes=artifact.size_bytes)
    predictions = model.predict(_read_cells(model.signature, rows_to_predict), job_id=job_id)
    return Response(predictions.model_dump_json(), media_type="application/json")


def _predict_file(deps: Resources, job_id: str, path: Path, options: ParseOptions) -> Response:
    settings = deps.settings
    with deps.database.reading() as session:
        artifact = get_served_model(session, job_id)
        dataset = find_dataset_of_job(session, job_id)
    model = deps.models.get(artifact.sha256, size_bytes=artifact.size_bytes)
    try:
        columns, warnings = parse_rows(
            path,
            options,
            model.signature.readings,
            # The job's dataset may be deleted; how its columns were read is in the model.
            defaults={} if dataset is None else _default_options(dataset),
            limits=settings.limits.model_copy(
                update={"max_rows": settings.limits.max_predict_rows}
            ),
            bounds=Bounds(settings.parser_bytes, settings.parse_seconds),
        )
    except TableTooLarge as problem:
        raise LimitExceeded(
            problem.detail, field="rows", fix="send the file in parts, each with the header"
        ) from problem
    cells = cells_from_columns(model.signature, columns)
    predictions = model.predict(cells, job_id=job_id)
    predictions = predictions.with_warnings(model.signature.select_warnings(warnings))
    return Response(predictions.model_dump_json(), media_type="application/json")


def _default_options(dataset: Dataset) -> dict[str, Any]:
    """Return the options by which the job's dataset was read: of a file without a header, that."""
    is_headerless = any(warning.code == "no_header" for warning in dataset.warnings)
    return dataset.options | ({"header": False} if is_headerless else {})


def parse_body(body: bytes) -> RowsToPredict:
    """Read a body of rows to predict; raise InvalidJson or InvalidRequest."""
    try:
        # Texts that repeat are not shared: looking for them takes most of the time.
        content = from_json(body, cache_strings="none")
    except ValueError as error:
        raise InvalidJson(f"the body is not JSON: {error}", fix="send JSON in UTF-8") from error
    if not isinstance(content, dict):
        raise InvalidRequest("the body is not a JSON object", fix=BODY_FIX)
    rows_to_predict = validate(RowsToPredict, content)
    if (rows_to_predict.rows is None) == (rows_to_predict.columns is None):
        raise InvalidRequest(
            "the body has neither rows nor columns"
            if rows_to_predict.rows is None
            else "the body has both rows and columns",
            field="rows",
            fix=BODY_FIX,
        )
    return rows_to_predict


def _check_count(rows_to_predict: RowsToPredict, *, max_rows: int) -> None:
    counts = map(len, (rows_to_predict.columns or {"rows": rows_to_predict.rows or []}).values())
    if (count := max(counts)) > max_rows:
        raise LimitExceeded(
            f"{count} rows are over this server's limit of {max_rows}",
            field="rows" if rows_to_predict.columns is None else "columns",
            fix=f"send at most {max_rows} rows in a request",
        )


def _read_cells(signature: Signature, rows_to_predict: RowsToPredict) -> Cells:
    if rows_to_predict.columns is not None:
        return cells_from_columns(signature, rows_to_predict.columns)
    return cells_from_rows(signature, rows_to_predict.rows or [])
