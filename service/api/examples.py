"""The problems that each route may return, and an example of each, for OpenAPI."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from lowloss.errors import (
    BytesMissing,
    ForeignPage,
    InternalError,
    InvalidRequest,
    MalformedRequest,
    NotReady,
    Problem,
    RequestTimeout,
    ScopeTooNarrow,
    StorageFull,
    TableInvalid,
    TooManyRequests,
    Unauthorized,
    UnknownField,
)
from lowloss.problem_codes import PROBLEMS
from service.api.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

EVERYWHERE: tuple[type[Problem], ...] = (
    MalformedRequest,
    Unauthorized,
    ForeignPage,
    ScopeTooNarrow,
    TooManyRequests,
    InvalidRequest,
    UnknownField,
    RequestTimeout,
    InternalError,
    BytesMissing,
    NotReady,
    StorageFull,
)
"""The problems that every route under /v1 may return."""


class ProblemDocument(BaseModel):
    """RFC 9457 problem details; `code` is stable, `request_id` is that of the server's log."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = None
    fix: str | None = None
    request_id: str | None = None
    errors: list[dict[str, Any]] = []


def problems(*kinds: type[Problem]) -> Responses:
    """Return the responses of a route with these problems and those of every route."""
    return only_problems(*EVERYWHERE, *kinds)


def only_problems(*kinds: type[Problem]) -> Responses:
    """Return the responses of a route with these problems only."""
    by_status: dict[int, list[type[Problem]]] = {}
    for kind in sorted(set(kinds), key=lambda problem: problem.code):
        by_status.setdefault(kind.status, []).append(kind)
    return {status: _describe_response(group) for status, group in sorted(by_status.items())}


def _describe_response(kinds: list[type[Problem]]) -> dict[str, Any]:
    examples = {
        kind.code: {"summary": kind.title, "value": make_example(kind).to_document()}
        for kind in kinds
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    return {
        "description": ". ".join(kind.title for kind in kinds),
        "content": {MEDIA_TYPE: content},
    }


def make_example(kind: type[Problem]) -> Problem:
    """Build an example of a problem."""
    detail, field, fix = EXAMPLES[kind.code]
    return kind(detail, field=field, fix=fix)


EXAMPLES: dict[str, tuple[str, str | None, str]] = {
    "invalid_json": ("the body is not JSON: Expecting value at character 12", None, "send JSON"),
    "malformed_request": (
        "the request is not HTTP/1.1, or its header is too long",
        None,
        "send a header of at most 64 KiB",
    ),
    "foreign_page": (
        "a page at https://example.com may not use this server",
        "Origin",
        "use the server's own address, http://127.0.0.1, or configure tokens",
    ),
    "unauthorized": (
        "this server answers only to a valid token",
        "Authorization",
        "send the header Authorization: Bearer TOKEN",
    ),
    "scope_too_narrow": (
        "this needs a token with the scope submit; this one has read",
        "Authorization",
        "ask an admin of this server for a token with that scope",
    ),
    "route_not_found": ("there is nothing at this address", None, "GET /docs lists all"),
    "dataset_not_found": ("there is no dataset 'ds_1'", None, "GET /v1/datasets lists them"),
    "job_not_found": ("there is no job 'job_1'", None, "GET /v1/jobs lists them"),
    "trial_not_found": (
        "job 'job_1' has no trial 99",
        None,
        "GET /v1/jobs/job_1/trials lists them",
    ),
    "artifact_not_found": (
        "job 'job_1' has no artifact 'model.h5'",
        None,
        "GET /v1/jobs/job_1/artifacts lists them",
    ),
    "token_not_found": ("there is no token 'tok_1'", None, "GET /v1/tokens lists them"),
    "project_not_found": ("there is no project 'vison'", None, "GET /v1/projects lists them"),
    "quota_exceeded": (
        "50 jobs of the project wait already, and it may have 50",
        None,
        "wait until one has begun, or cancel one",
    ),
    "project_exists": ("there is a project 'vision' already", "name", "choose another name"),
    "method_not_allowed": ("this address does not take PUT", None, "it takes GET, POST"),
    "dataset_in_use": (
        "a job that has not ended needs dataset 'ds_1'",
        None,
        "cancel the job or wait for it",
    ),
    "state_conflict": (
        "the job cannot be paused: it is succeeded",
        None,
        "submit a new job",
    ),
    "best_model_not_ready": (
        "the job is running: its best model is exported when it ends",
        None,
        "GET /v1/jobs/job_1?wait=60 until its state is succeeded",
    ),
    "diagnosis_not_ready": (
        "the job is running: its diagnosis is there when it has ended",
        None,
        "GET /v1/jobs/job_1?wait=60 until its state is succeeded",
    ),
    "idempotency_key_reused": (
        "Idempotency-Key 'monday' came before with another request",
        "Idempotency-Key",
        "use a new key for a new request",
    ),
    "too_many_requests": (
        "too many wrong tokens came from 192.0.2.7",
        "Authorization",
        "send the right token, a minute later",
    ),
    "request_timeout": (
        "the request did not arrive in time",
        None,
        "send it without pauses",
    ),
    "body_too_large": (
        "the body is over 1048576 bytes",
        None,
        "send less, or ask the server's operator to raise LOWLOSS_MAX_BODY_BYTES",
    ),
    "unsupported_media_type": (
        "the body is a form; a table is sent as it is",
        None,
        "curl --data-binary @table.csv 'SERVER/v1/datasets?name=table'",
    ),
    "range_not_satisfiable": (
        "the artifact has 4096 bytes, and the range begins after them",
        "Range",
        "ask for bytes from 0 to 4095, or for all of it",
    ),
    "invalid_request": ("0 is not accepted", "budget.max_trials", "it should be greater than 0"),
    "unknown_field": ("there is no field 'budgett'", "budgett", "did you mean 'budget'?"),
    "range_reversed": ("min 5 is above max 3", "search_space.layers", "swap them"),
    "log_range_not_positive": (
        "min 0 is not positive, and a log scale has no zero",
        "search_space.learning_rate",
        "raise min or use a linear scale",
    ),
    "step_does_not_fit": (
        "step 7 does not lead from min 16 to max 64 in whole steps",
        "search_space.width",
        "change step or max",
    ),
    "limit_exceeded": (
        "100000 is over this server's limit of 4096",
        "search_space.width",
        "use at most 4096",
    ),
    "unknown_dataset": ("there is no dataset 'ds_1'", "dataset", "GET /v1/datasets lists them"),
    "unknown_target": ("there is no column 'prise'", "target", "did you mean 'price'?"),
    "unknown_feature": ("there is no column 'rom'", "features.exclude", "did you mean 'room'?"),
    "no_features": ("no feature is left", "features", "include a column that is not constant"),
    "task_does_not_fit_target": (
        "'city' holds text, which regression cannot predict",
        "task",
        "use task auto, binary or multiclass",
    ),
    "objective_does_not_fit_task": (
        "val_roc_auc is not defined for regression",
        "objective",
        "use val_loss, or a metric of the task",
    ),
    "target_constant": ("'price' has one value", "target", "choose a column that varies"),
    "target_missing": ("every value of 'price' is missing", "target", "choose another column"),
    "too_many_classes": (
        "'city' has 512 classes, over this server's limit of 100",
        "target",
        "merge the rare classes",
    ),
    "class_too_small": (
        "class 'rare' has 1 row, and the splits need 3",
        "target",
        "add rows of this class or drop it",
    ),
    "too_few_rows": ("6 labelled rows are too few", "dataset", "upload more rows"),
    "table_invalid": ("column 'tags' holds lists", None, "upload columns of plain values"),
    "table_empty": ("the body is empty", None, "send the table's bytes as the body"),
    "table_ragged": (
        "line 17 has 4 fields, and the header has 5",
        None,
        "quote fields that hold the delimiter",
    ),
    "table_unreadable": (
        "the bytes are not Parquet",
        "format",
        "name the format that the file has",
    ),
    "table_too_large": (
        "the table has 30000000 rows, over this server's limit of 20000000",
        None,
        "upload fewer rows",
    ),
    "duplicate_columns": ("two columns are named 'area'", None, "rename one of them"),
    "npz_contains_pickle": ("array 'X' holds Python objects", "X", "save it as numbers"),
    "npz_arrays_missing": ("there is no array 'y'", "y", "save arrays named X and y"),
    "npz_shapes_differ": ("X has 100 rows and y has 99", "y", "give each row its target"),
    "recipe_unreadable": (
        "the bytes are neither JSON nor a .keras file",
        "recipe",
        "send a Recipe, the text of model.to_json(), or what model.save('model.keras') wrote",
    ),
    "recipe_unsupported": (
        "layer 'conv1d' is a Conv1D, which is not reproduced",
        "recipe.layers",
        "describe a network of Dense and Dropout layers",
    ),
    "rows_invalid": (
        '"many" is not a number',
        "rows[3].rooms",
        "give a number with a decimal point, or null where it is missing",
    ),
    "internal_error": (
        "the server failed to answer",
        None,
        "try again; the server's log has the reason",
    ),
    "bytes_missing": (
        "stored bytes are missing in the object store (LOWLOSS_BLOB_STORE)",
        None,
        "upload them again where they are a table's; else ask the server's operator to restore the "
        "object that its log names",
    ),
    "storage_full": (
        "the server has no room left to store this",
        None,
        "ask its operator to make room",
    ),
    "not_ready": ("the database is away or busy", None, "send the request again soon"),
}

TABLE_PROBLEMS = tuple(kind for kind in PROBLEMS.values() if issubclass(kind, TableInvalid))
"""The problems of a table that cannot be used."""

SPEC_PROBLEMS = tuple(kind for kind in PROBLEMS.values() if issubclass(kind, InvalidRequest))
"""The problems of a JobSpec that is wrong, or does not fit its dataset."""
