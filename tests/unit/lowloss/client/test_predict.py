"""Rows that the client sends to be predicted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx2
import numpy as np
import pytest

from lowloss.errors import (
    BodyTooLarge,
    InvalidRequest,
    JobNotFound,
    LimitExceeded,
    RowsInvalid,
)
from lowloss.spec import Task
from tests.builders.scripted_server import (
    Server,
    a_busy_answer,
    a_json,
    a_refusal,
    some_predictions,
)


def an_echo(*, limit: int) -> Callable[[httpx2.Request], httpx2.Response]:
    """Answers each row's `x`, and refuses more rows than its limit."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        rows = json.loads(request.read())["rows"]
        if len(rows) > limit:
            return a_refusal(LimitExceeded("too many"))
        return a_json(some_predictions(*(row["x"] for row in rows)))

    return answer


def test_rows_are_sent_and_answered() -> None:
    found = some_predictions(1.5, None, ignored=("id",))
    server = Server(a_json(found))
    rows: list[dict[str, Any]] = [{"x": 1.5}, {"x": "?"}]

    answer = server.client().predict("job_1", rows)

    assert answer == found
    assert server.asked == [("POST", "/v1/jobs/job_1/predict")]
    assert json.loads(server.bodies[0]) == {"rows": rows}
    assert server.requests[0].headers["content-type"] == "application/json"


def test_many_rows_are_sent_in_batches_and_answered_as_one() -> None:
    rows = [{"x": float(number)} for number in range(2_500)]
    server = Server(*[an_echo(limit=1_000)] * 3)

    answer = server.client().predict("job_1", rows)

    assert answer.predictions == tuple(range(2_500))
    assert server.answers == []


def test_batch_over_the_limit_is_halved() -> None:
    rows = [{"x": float(number)} for number in range(700)]
    server = Server(*[an_echo(limit=200)] * 6)

    answer = server.client().predict("job_1", rows)

    assert answer.predictions == tuple(range(700))
    sizes = [len(json.loads(body)["rows"]) for body in server.bodies]
    assert sizes == [700, 350, 175, 175, 175, 175]


def test_one_row_over_the_limit_is_refused() -> None:
    server = Server(*[a_refusal(BodyTooLarge("the body is over 10 bytes"))] * 2)

    with pytest.raises(BodyTooLarge):
        server.client().predict("job_1", [{"x": 1}, {"x": 2}])


def test_probabilities_and_ignored_columns_of_batches_are_joined() -> None:
    given = {"task": Task.binary, "labels": ("a", "b")}
    server = Server(
        a_json(some_predictions("a", probabilities=((0.9, 0.1),), ignored=("id",), **given)),
        a_json(some_predictions("b", probabilities=((0.2, 0.8),), ignored=("id", "z"), **given)),
    )

    answer = server.client().predict("job_1", [{"x": 1}] * 1_001)

    assert answer.predictions == ("a", "b")
    assert answer.probabilities == ((0.9, 0.1), (0.2, 0.8))
    assert answer.ignored == ("id", "z")


def test_place_of_a_wrong_value_counts_all_rows() -> None:
    errors = ({"field": "rows[3].x", "detail": "d"}, {"field": "rows[4].z", "detail": "d"})
    problem = RowsInvalid("wrong", field="rows[3].x", fix="mend it", errors=errors)
    server = Server(an_echo(limit=1_000), a_refusal(problem))

    with pytest.raises(RowsInvalid) as refused:
        server.client().predict("job_1", [{"x": 1}] * 1_500)

    assert refused.value.field == "rows[1003].x"
    assert [each["field"] for each in refused.value.errors] == ["rows[1003].x", "rows[1004].z"]
    assert refused.value.fix == "mend it"


def test_python_values_are_written_as_json() -> None:
    server = Server(a_json(some_predictions(1.0)))
    rows = [{"a": math.nan, "b": np.int64(3), "c": np.float32(0.5), "d": date(2026, 11, 23)}]

    server.client().predict("job_1", rows)

    sent = json.loads(server.bodies[0])["rows"]
    assert sent == [{"a": None, "b": 3, "c": 0.5, "d": "2026-11-23"}]


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="cannot be written as JSON"):
        Server().client().predict("job_1", [{"a": object()}])


def test_busy_server_is_asked_again() -> None:
    server = Server(a_busy_answer(), a_json(some_predictions(1.0)))

    assert server.client().predict("job_1", [{"x": 1}]).predictions == (1.0,)


def test_no_rows_are_for_the_server_to_refuse() -> None:
    server = Server(a_refusal(JobNotFound("there is no job")))

    with pytest.raises(JobNotFound):
        server.client().predict("job_1", [])
