"""Sends rows to be predicted, in batches that the server accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from lowloss.client.retries import Retries
from lowloss.errors import BodyTooLarge, InvalidRequest, LimitExceeded, RowsInvalid
from lowloss.results import Predictions, TableWarning

Rows = Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]]

BATCH_ROWS = 1000


def predict_in_batches(retries: Retries, path: str, rows: Rows) -> Predictions:
    """Predict all rows; a batch that is over the server's limits is halved."""
    parts: list[Predictions] = []
    start, size = 0, BATCH_ROWS
    while start < len(rows) or not parts:
        batch = rows[start : start + size]
        try:
            parts.append(_send(retries, path, batch))
        except (BodyTooLarge, LimitExceeded):
            if len(batch) <= 1:
                raise
            size = len(batch) // 2
            continue
        except RowsInvalid as error:
            raise _shift_problem(error, start) from error
        start += len(batch)
    return join_predictions(parts)


def _send(retries: Retries, path: str, batch: Rows) -> Predictions:
    try:
        # JSON has no NaN: null means the same here.
        content = to_json({"rows": list(batch)}, inf_nan_mode="null", fallback=_to_plain)
    except ValueError as error:
        raise InvalidRequest(
            f"the rows cannot be written as JSON: {error}", field="rows"
        ) from error
    headers = {"Content-Type": "application/json"}
    return retries.read("POST", path, Predictions, content=content, headers=headers)


def _to_plain(value: Any) -> Any:
    """Convert a NumPy scalar or array to plain Python; raise ValueError for other types."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise ValueError(f"{type(value).__name__} is no plain value")


def _shift_problem(problem: RowsInvalid, rows: int) -> RowsInvalid:
    """Turn a batch's problem into one of all rows; `rows` is how many came before the batch."""
    errors = tuple(
        dict(error) | {"field": _shift_field(error["field"], rows)} for error in problem.errors
    )
    field = _shift_field(problem.field or "rows", rows)
    return RowsInvalid(problem.detail, field=field, fix=problem.fix, errors=errors)


def _shift_field(field: str, rows: int) -> str:
    return re.sub(r"^rows\[(\d+)\]", lambda match: f"rows[{int(match[1]) + rows}]", field)


def join_predictions(parts: list[Predictions]) -> Predictions:
    """Return the predictions of all parts as one."""
    ignored = dict.fromkeys(name for part in parts for name in part.ignored)
    predictions = tuple(value for part in parts for value in part.predictions)
    probabilities = tuple(row for part in parts for row in part.probabilities or ())
    return parts[0].model_copy(
        update={
            "predictions": predictions,
            "probabilities": None if parts[0].probabilities is None else probabilities,
            "ignored": tuple(ignored),
            "warnings": tuple(_join_warnings(parts)),
        }
    )


def _join_warnings(parts: list[Predictions]) -> Iterator[TableWarning]:
    """Yield the warnings of all parts, their rows counted over all; those alike are one."""
    alike: dict[tuple[str, str | None, str | None], list[TableWarning]] = {}
    start = 0
    for part in parts:
        for warning in part.warnings:
            key = (warning.code, warning.column, warning.example)
            alike.setdefault(key, []).append(_shift_warning(warning, start))
        start += len(part.predictions)
    for first, *others in alike.values():
        count = first.count + sum(warning.count for warning in others)
        suffix = f" (in {len(others) + 1:,} parts of the rows)" if others else ""
        yield first.model_copy(update={"count": count, "detail": first.detail + suffix})


def _shift_warning(warning: TableWarning, start: int) -> TableWarning:
    """Count a warning's rows from the first of all; `start` is how many came before its part."""
    if not start:
        return warning
    rows = tuple(row + start for row in warning.rows)
    detail = f"in the rows from {start + 1:,} on: {warning.detail}"
    return warning.model_copy(update={"rows": rows, "detail": detail})
