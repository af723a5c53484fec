"""POST /v1/jobs/{id}/predict."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lowloss.inference.model import load_model
from lowloss.results import JobState, Predictions
from service.app import create_app
from service.resources.resources import Resources
from service.settings import Limits, Settings
from service.store.blobs import CHUNK_BYTES
from service.store.database import Database
from tests.builders.live_server import counted_statements
from tests.builders.onnx_models import a_classifier, a_matrix_model, a_regression
from tests.builders.predictions import a_finished_job, ask, ask_file
from tests.builders.store import a_job
from tests.unit.service.api.conftest import URL

HOUSE = {"area": 50, "is_new": True, "sold on": "1970-01-11", "city": "Oslo"}


def test_regression_is_predicted_in_the_units_of_its_target(
    client: TestClient, store: Database
) -> None:
    content = a_regression()
    job_id = a_finished_job(store, content)
    other = {"area": "1", "is_new": "false", "sold on": None, "city": None, "id": 7, "price": 1}

    answer = ask(client, job_id, rows=[HOUSE, other])

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "job": job_id,
        "model_sha256": load_model(content).sha256,
        "task": "regression",
        "target": "price",
        "predictions": [1210.0, None],
        "labels": [],
        "probabilities": None,
        "ignored": ["id"],
        "warnings": [],
    }


@pytest.mark.parametrize("form", ["rows", "columns", "file"])
def test_value_that_no_training_row_had_is_told(
    client: TestClient, store: Database, form: str
) -> None:
    job_id = a_finished_job(store, a_regression(known_cities=["Oslo", "Moss"]))
    columns = {name: [value, value, value] for name, value in HOUSE.items()}
    columns["city"] = ["Oslo", "Bergen", "Bergen"]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    lines = [",".join(columns), *(",".join(map(str, row.values())) for row in rows)]

    match form:
        case "rows":
            answer = ask(client, job_id, rows=rows)
        case "columns":
            answer = ask(client, job_id, columns=columns)
        case _:
            answer = ask_file(client, job_id, "\n".join(lines).encode())

    (warning,) = answer.json()["warnings"]
    assert (warning["code"], warning["column"]) == ("unseen_values", "city")
    assert (warning["count"], warning["rows"], warning["example"]) == (2, [2, 3], "Bergen")


def test_classification_is_predicted_from_columns(client: TestClient, store: Database) -> None:
    job_id = a_finished_job(store, a_classifier())

    answer = ask(client, job_id, columns={"x": [2, -2, None]}).json()

    assert answer["predictions"] == ["yes", "no", None]
    assert answer["labels"] == ["no", "yes"]
    assert answer["probabilities"][0] == pytest.approx(
        [1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2))], abs=1e-6
    )
    assert answer["probabilities"][2] == [None, None]


def test_matrix_is_predicted_from_lists_and_names(client: TestClient, store: Database) -> None:
    job_id = a_finished_job(store, a_matrix_model())

    by_lists = ask(client, job_id, rows=[[1, 9, 2]]).json()
    by_names = ask(client, job_id, rows=[{"X[0]": 1, "X[1]": 9, "X[2]": 2}]).json()

    assert by_lists["predictions"] == by_names["predictions"] == [21.0]
    assert (by_lists["ignored"], by_names["ignored"]) == ([], ["X[1]"])


def test_request_takes_at_most_three_statements(client: TestClient, store: Database) -> None:
    # Several chunks long, by what is no part of the graph.
    content = a_classifier(note="n" * 2 * CHUNK_BYTES)
    job_id = a_finished_job(store, content)

    with counted_statements(store) as first:
        assert ask(client, job_id, rows=[{"x": 1}]).status_code == 200
    with counted_statements(store) as second:
        assert ask(client, job_id, rows=[{"x": 1}]).status_code == 200

    assert (len(first), len(second)) == (3, 1), "the first one asks whose the job is, too"


def test_model_is_loaded_once_for_all_who_ask_at_once(app: FastAPI, store: Database) -> None:
    job_id = a_finished_job(store, a_classifier())
    resources: Resources = app.state.resources

    with (
        TestClient(app, URL) as client,
        counted_statements(store) as statements,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = list(
            pool.map(lambda x: ask(client, job_id, rows=[{"x": x}]).json(), range(-8, 8))
        )

    assert [answer["predictions"] for answer in answers[:8]] == [["no"]] * 8
    assert [answer["predictions"] for answer in answers[9:]] == [["yes"]] * 7
    assert sum("blob_chunk" in statement for statement in statements) == 1
    assert resources.predictors.borrowed_tokens == 0


@pytest.mark.parametrize(
    ("body", "code", "field", "told"),
    [
        ({"rows": [HOUSE, HOUSE | {"area": "many"}]}, "rows_invalid", "rows[1].area", "a number"),
        ({"rows": [{"Area": 1}]}, "rows_invalid", "rows", "'area', 'is_new', 'sold on', 'city'"),
        ({"rows": []}, "rows_invalid", "rows", "there are no rows"),
        ({"rows": [3]}, "rows_invalid", "rows[0]", "no named values"),
        ({"columns": {"area": [1]}}, "rows_invalid", "columns", "'is_new'"),
        ({"columns": {}}, "rows_invalid", "columns", "'is_new'"),
        ({"columns": {"area": 1}}, "invalid_request", "columns.area", "1 is not accepted"),
        ({"rows": {}}, "invalid_request", "rows", "{} is not accepted"),
        ({}, "invalid_request", "rows", "neither rows nor columns"),
        ({"rows": [HOUSE], "columns": {}}, "invalid_request", "rows", "both rows and columns"),
        ({"rows": [HOUSE], "row": 1}, "unknown_field", "row", "there is no field 'row'"),
        ({"rows": [HOUSE] * 10_001}, "limit_exceeded", "rows", "10001 rows are over"),
        ({"columns": {"a": [1] * 10_001}}, "limit_exceeded", "columns", "10001 rows are over"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_rows_that_the_model_cannot_take_are_refused(
    client: TestClient, store: Database, *, body: dict[str, Any], code: str, field: str, told: str
) -> None:
    job_id = a_finished_job(store, a_regression())

    answer = ask(client, job_id, **body)

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, code, field)
    assert told in problem["detail"]
    assert problem["fix"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1", b"\xff", b'{"rows": ["\\ud800"]}'])
def test_body_that_is_no_json_is_refused(
    client: TestClient, store: Database, *, content: bytes
) -> None:
    job_id = a_finished_job(store, a_regression())

    answer = client.post(f"/v1/jobs/{job_id}/predict", content=content)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("content", ["null", "[1]", '[{"x": 1}]'])
def test_body_that_is_no_object_is_refused(
    client: TestClient, store: Database, *, content: str
) -> None:
    job_id = a_finished_job(store, a_regression())

    answer = client.post(f"/v1/jobs/{job_id}/predict", content=content)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["detail"] == "the body is not a JSON object"
    assert answer.json()["fix"] == 'send {"rows": […]} or {"columns": {…}}'


def test_null_in_the_place_of_a_column_is_refused_at_its_name(
    client: TestClient, store: Database
) -> None:
    job_id = a_finished_job(store, a_regression())

    answer = ask(client, job_id, columns={"x": None})

    assert answer.json()["field"] == "columns.x"
    assert answer.json()["fix"] == "it should be a valid list"


def test_limits_are_the_settings(settings: Settings) -> None:
    tight = settings.model_copy(
        update={"max_predict_bytes": 2_000, "limits": Limits(max_predict_rows=3)}
    )
    app = create_app(tight)
    job_id = a_finished_job(app.state.resources.database, a_classifier())

    with TestClient(app, URL) as client:
        taken = ask(client, job_id, rows=[{"x": 1}] * 3)
        rows = ask(client, job_id, rows=[{"x": 1}] * 4)
        body = ask(client, job_id, rows=[{"x": "1" * 2_000}])

    assert taken.status_code == 200
    assert (rows.status_code, rows.json()["code"]) == (422, "limit_exceeded")
    assert (body.status_code, body.json()["code"]) == (413, "body_too_large")
    assert "LOWLOSS_MAX_PREDICT_BYTES" in body.json()["fix"]


def test_rows_may_be_larger_than_other_bodies(client: TestClient, store: Database) -> None:
    job_id = a_finished_job(store, a_classifier())
    body = json.dumps({"rows": [{"x": 1, "note": "n" * 600}] * 3_000})

    answer = client.post(f"/v1/jobs/{job_id}/predict", content=body)

    assert len(body) > Settings().max_body_bytes
    assert len(answer.json()["predictions"]) == 3_000


def test_job_that_does_not_exist_is_not_found(client: TestClient) -> None:
    answer = ask(client, "job_1", rows=[HOUSE])

    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


@pytest.mark.parametrize("state", [JobState.queued, JobState.running, JobState.failed])
def test_job_without_a_model_says_its_state(
    client: TestClient, store: Database, *, state: JobState
) -> None:
    job_id = a_job(store, state=state)

    answer = ask(client, job_id, rows=[HOUSE])

    assert (answer.status_code, answer.json()["code"]) == (409, "best_model_not_ready")
    assert state in answer.json()["detail"]


def test_job_whose_model_is_in_keras_alone_says_so(client: TestClient, store: Database) -> None:
    job_id = a_finished_job(store, b"keras", name="model.keras")

    answer = ask(client, job_id, rows=[HOUSE])

    assert (answer.status_code, answer.json()["code"]) == (404, "artifact_not_found")
    assert "'model.onnx'" in answer.json()["detail"]
    assert "model.keras" in answer.json()["fix"]


def test_artifact_that_is_no_model_is_a_fault_of_ours(client: TestClient, store: Database) -> None:
    job_id = a_finished_job(store, b"junk")

    first, second = ask(client, job_id, rows=[HOUSE]), ask(client, job_id, rows=[HOUSE])

    assert (first.status_code, first.json()["code"]) == (500, "internal_error")
    assert second.status_code == 500


def test_answer_is_the_model_that_is_documented(client: TestClient, store: Database) -> None:
    answer = ask(client, a_finished_job(store, a_classifier()), rows=[{"x": 1}])

    assert set(answer.json()) == set(Predictions.model_fields)
