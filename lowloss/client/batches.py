"""Sends rows to be predicted, in batches that the server takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from lowloss.client.retries import Retries
from lowloss.errors import BodyTooLarge, InvalidRequest, LimitExceeded, RowsInvalid
from lowloss.results import Predictions

Rows = Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]]

BATCH_ROWS = 1000


def predict_in_batches(retries: Retries, path: str, rows: Rows) -> Predictions:
    """The answers to all rows; a batch that is over the server's limits is halved."""
    answers: list[Predictions] = []
    start, size = 0, BATCH_ROWS
    while start < len(rows) or not answers:
        batch = rows[start : start + size]
        try:
            answers.append(_send(retries, path, batch))
        except (BodyTooLarge, LimitExceeded):
            if len(batch) <= 1:
                raise
            size = len(batch) // 2
            continue
        except RowsInvalid as error:
            raise _move(error, start) from error
        start += len(batch)
    return _join(answers)


def _send(retries: Retries, path: str, batch: Rows) -> Predictions:
    try:
        # JSON has no NaN: null means the same here.
        content = to_json({"rows": list(batch)}, inf_nan_mode="null", fallback=_as_plain)
    except ValueError as error:
        raise InvalidRequest(
            f"the rows cannot be written as JSON: {error}", field="rows"
        ) from error
    headers = {"Content-Type": "application/json"}
    return retries.read("POST", path, Predictions, content=content, headers=headers)


def _as_plain(value: Any) -> Any:
    """A scalar or an array of numpy's as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise ValueError(f"{type(value).__name__} is no plain value")


def _move(problem: RowsInvalid, rows: int) -> RowsInvalid:
    """A problem with a batch as one with all rows, of which so many came before."""
    errors = tuple(dict(each) | {"field": _moved(each["field"], rows)} for each in problem.errors)
    field = _moved(problem.field or "rows", rows)
    return RowsInvalid(problem.detail, field=field, fix=problem.fix, errors=errors)


def _moved(field: str, rows: int) -> str:
    return re.sub(r"^rows\[(\d+)\]", lambda found: f"rows[{int(found[1]) + rows}]", field)


def _join(answers: list[Predictions]) -> Predictions:
    ignored = dict.fromkeys(name for each in answers for name in each.ignored)
    predictions = tuple(value for each in answers for value in each.predictions)
    probabilities = tuple(row for each in answers for row in each.probabilities or ())
    return answers[0].model_copy(
        update={
            "predictions": predictions,
            "probabilities": None if answers[0].probabilities is None else probabilities,
            "ignored": tuple(ignored),
        }
    )
