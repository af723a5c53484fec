"""The errors that lowloss raises.

LowlossError
├── Problem               a response of the server, one class per code: docs/errors.md lists them
│   ├── InvalidRequest    a field of the request is wrong
│   ├── TableInvalid      the uploaded bytes are no usable table
│   ├── RowsInvalid       the model cannot predict these rows
│   └── UnknownProblem    the code of a newer server
├── ServerUnreachable     no response, or none in time
├── WaitTimeout           the job did not finish within the caller's timeout
├── JobFailed             inside a worker: the user can fix the job
└── LeaseLost             inside a worker: another worker holds the job
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class LowlossError(Exception):
    """Anything that lowloss raises on purpose."""


class Problem(LowlossError):
    """An error with a stable code, rendered as RFC 9457 problem details.

    `detail` says what is wrong, `field` where (a dotted path into the request), `fix` what to do.
    `errors` lists all faults where a request has several.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__doc__ is None:
            cls.__doc__ = f"{cls.status}: {cls.title}."

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        fix: str | None = None,
        errors: tuple[Mapping[str, Any], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.detail, self.field, self.fix, self.errors = detail, field, fix, errors

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        fix = f" ({self.fix})" if self.fix else ""
        return f"{field}{self.detail}{fix}"

    def __reduce__(self) -> Any:
        return _restore, (type(self), self.detail, self.field, self.fix, self.errors)

    def to_document(self) -> dict[str, Any]:
        """Return the problem details document that the server sends."""
        document: dict[str, Any] = {
            "type": f"urn:lowloss:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        optional = {"field": self.field, "fix": self.fix, "errors": list(self.errors) or None}
        return document | {name: value for name, value in optional.items() if value is not None}


def _restore(kind: type[Problem], detail: str, field: Any, fix: Any, errors: Any) -> Problem:
    return kind(detail, field=field, fix=fix, errors=errors)


class InvalidJson(Problem):
    code, status, title = "invalid_json", 400, "The body is not JSON"


class MalformedRequest(Problem):
    code, status, title = "malformed_request", 400, "The request is not HTTP"


class Unauthorized(Problem):
    code, status, title = "unauthorized", 401, "A valid token is needed"


class ForeignPage(Problem):
    code, status, title = "foreign_page", 403, "The request comes from another site's page"


class ScopeTooNarrow(Problem):
    code, status, title = "scope_too_narrow", 403, "The token's scope does not allow this"


class QuotaExceeded(Problem):
    code, status, title = "quota_exceeded", 403, "The project has used up a quota"


class RouteNotFound(Problem):
    code, status, title = "route_not_found", 404, "There is nothing at this address"


class DatasetNotFound(Problem):
    code, status, title = "dataset_not_found", 404, "There is no such dataset"

    @classmethod
    def of(cls, dataset_id: str) -> DatasetNotFound:
        """Return the error of an id that no dataset has."""
        return cls(f"there is no dataset {dataset_id!r}", fix="GET /v1/datasets lists them")


class JobNotFound(Problem):
    code, status, title = "job_not_found", 404, "There is no such job"

    @classmethod
    def of(cls, job_id: str) -> JobNotFound:
        """Return the error of an id that no job has."""
        return cls(f"there is no job {job_id!r}", fix="GET /v1/jobs lists them")


class TrialNotFound(Problem):
    code, status, title = "trial_not_found", 404, "The job has no such trial"


class ArtifactNotFound(Problem):
    code, status, title = "artifact_not_found", 404, "The job has no such artifact"


class ProjectNotFound(Problem):
    code, status, title = "project_not_found", 404, "There is no such project"

    @classmethod
    def of(cls, name: str) -> ProjectNotFound:
        """Return the error for a project."""
        return cls(f"there is no project {name!r}", fix="GET /v1/projects lists them")


class TokenNotFound(Problem):
    code, status, title = "token_not_found", 404, "There is no such token"


class MethodNotAllowed(Problem):
    code, status, title = "method_not_allowed", 405, "This address does not take this method"


class ProjectExists(Problem):
    code, status, title = "project_exists", 409, "There is a project of this name"


class DatasetInUse(Problem):
    code, status, title = "dataset_in_use", 409, "A job needs this dataset"


class StateConflict(Problem):
    code, status, title = "state_conflict", 409, "The job's state does not allow this"


class BestModelNotReady(Problem):
    code, status, title = "best_model_not_ready", 409, "The best model is not exported yet"


class DiagnosisNotReady(Problem):
    code, status, title = "diagnosis_not_ready", 409, "The job has no diagnosis, or none yet"


class IdempotencyKeyReused(Problem):
    code, status = "idempotency_key_reused", 409
    title = "This Idempotency-Key came with another request"


class TooManyRequests(Problem):
    """429: there were too many requests of a kind; another one may come after some seconds."""

    code, status, title = "too_many_requests", 429, "Too many requests in a short time"
    retry_after_s: int = 60


class UnsupportedMediaType(Problem):
    """415: the body is of a kind that the route does not read."""

    code, status, title = "unsupported_media_type", 415, "The body is of a kind that is not read"


class RequestTimeout(Problem):
    code, status, title = "request_timeout", 408, "The request did not arrive in time"


class BodyTooLarge(Problem):
    code, status, title = "body_too_large", 413, "The body is over the size limit"


class RangeNotSatisfiable(Problem):
    code, status, title = "range_not_satisfiable", 416, "The range lies outside the artifact"


class InvalidRequest(Problem):
    code, status, title = "invalid_request", 422, "A field of the request is wrong"


class UnknownField(InvalidRequest):
    code, status, title = "unknown_field", 422, "The request has a field that does not exist"


class RangeReversed(InvalidRequest):
    code, status, title = "range_reversed", 422, "A range's min is above its max"


class LogRangeNotPositive(InvalidRequest):
    code, status, title = "log_range_not_positive", 422, "A log range reaches zero or below"


class StepDoesNotFit(InvalidRequest):
    code, status, title = "step_does_not_fit", 422, "A step does not lead from min to max"


class LimitExceeded(InvalidRequest):
    code, status, title = "limit_exceeded", 422, "A value is over the server's limit"


class UnknownDataset(InvalidRequest):
    code, status, title = "unknown_dataset", 422, "The job names a dataset that does not exist"


class UnknownTarget(InvalidRequest):
    code, status, title = "unknown_target", 422, "The table has no such target column"


class UnknownFeature(InvalidRequest):
    code, status, title = "unknown_feature", 422, "The table has no such feature column"


class NoFeatures(InvalidRequest):
    code, status, title = "no_features", 422, "No usable feature column is left"


class TaskDoesNotFitTarget(InvalidRequest):
    code, status = "task_does_not_fit_target", 422
    title = "The task does not fit the target's values"


class ObjectiveDoesNotFitTask(InvalidRequest):
    code, status = "objective_does_not_fit_task", 422
    title = "The objective is not defined for the task"


class TargetConstant(InvalidRequest):
    code, status, title = "target_constant", 422, "The target has only one value"


class TargetMissing(InvalidRequest):
    code, status, title = "target_missing", 422, "Every value of the target is missing"


class TooManyClasses(InvalidRequest):
    code, status, title = "too_many_classes", 422, "The target has too many classes"


class ClassTooSmall(InvalidRequest):
    code, status, title = "class_too_small", 422, "A class has too few rows to be split"


class TooFewRows(InvalidRequest):
    code, status, title = "too_few_rows", 422, "There are too few rows for the splits"


class RecipeUnreadable(InvalidRequest):
    code, status = "recipe_unreadable", 422
    title = "The bytes are neither a recipe nor a Keras model"


class RecipeUnsupported(InvalidRequest):
    code, status = "recipe_unsupported", 422
    title = "The model has a part that is not reproduced"


class TableInvalid(Problem):
    code, status, title = "table_invalid", 422, "The table cannot be used"


class TableEmpty(TableInvalid):
    code, status, title = "table_empty", 422, "The table has no rows or no columns"


class TableRagged(TableInvalid):
    code, status, title = "table_ragged", 422, "A row has more or fewer fields than the header"


class TableUnreadable(TableInvalid):
    code, status, title = "table_unreadable", 422, "The bytes are not a table of the format given"


class TableTooLarge(TableInvalid):
    code, status, title = "table_too_large", 422, "The table is over the server's limits"


class DuplicateColumns(TableInvalid):
    code, status, title = "duplicate_columns", 422, "Two columns have the same name"


class NpzContainsPickle(TableInvalid):
    code, status, title = "npz_contains_pickle", 422, "The NPZ file holds pickled objects"


class NpzArraysMissing(TableInvalid):
    code, status, title = "npz_arrays_missing", 422, "The NPZ file lacks X or y"


class NpzShapesDiffer(TableInvalid):
    code, status, title = "npz_shapes_differ", 422, "X and y do not have matching shapes"


class RowsInvalid(Problem):
    code, status, title = "rows_invalid", 422, "The model cannot take these rows"


class InternalError(Problem):
    code, status, title = "internal_error", 500, "The server failed; the fault is ours"


class BytesMissing(Problem):
    code, status, title = "bytes_missing", 500, "Stored bytes are gone, or others"


class NotReady(Problem):
    code, status, title = "not_ready", 503, "The server cannot answer now"


class StorageFull(Problem):
    code, status, title = "storage_full", 507, "The server has no room left to store this"


class UnknownProblem(Problem):
    """A problem of a newer server, whose code this client does not know."""

    code, status, title = "unknown", 0, "A problem that this client does not know"


class ServerUnreachable(LowlossError):
    """The server could not be reached, or did not respond in time."""


class WaitTimeout(LowlossError):
    """A job did not finish within the caller's timeout."""


class JobFailed(LowlossError):
    """The job cannot succeed, and the user can fix it; it is not retried."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class LeaseLost(LowlossError):
    """Another worker holds the job now: this one must write nothing more."""
