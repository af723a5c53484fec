"""POST /v1/jobs/{id}/predict."""

from __future__ import annotations

import gzip
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
from service.store.artifacts import NewArtifact, add_artifact
from service.store.blobs import CHUNK_BYTES
from service.store.database import Database
from service.store.queue import finish_job
from tests.builders.live_server import counted_statements
from tests.builders.onnx_models import a_classifier, a_matrix_model, a_regression
from tests.builders.store import a_blob, a_claim, a_job
from tests.unit.service.api.conftest import URL

HOUSE = {"area": 50, "is_new": True, "sold on": "1970-01-11", "city": "Oslo"}


def a_finished_job(
    store: Database, content: bytes, name: str = "model.onnx", *, job_id: str | None = None
) -> str:
    """A job that succeeded, with `model.keras` and this artifact; answers its id."""
    job_id = job_id or a_job(store)
    fence = a_claim(store).fence
    contents = {"model.keras": b"keras", name: content}
    made = [
        NewArtifact(each, "application/octet-stream", a_blob(store, data), len(data))
        for each, data in contents.items()
    ]
    with store.transaction() as session:
        for new in made:
            add_artifact(session, fence, new)
        finish_job(session, fence, state=JobState.succeeded)
    return job_id


def ask(client: TestClient, job_id: str, **body: Any) -> Any:
    return client.post(f"/v1/jobs/{job_id}/predict", json=body)


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


def ask_file(client: TestClient, job_id: str, data: bytes, **params: str) -> Any:
    headers = {"content-type": "text/csv"}
    return client.post(f"/v1/jobs/{job_id}/predict", content=data, headers=headers, params=params)


@pytest.mark.parametrize(
    ("data", "params"),
    [
        (b"area,is_new,sold on,city\n50,true,1970-01-11,Oslo\n,,,\n50,,,\n", {}),
        ("area;is_new;sold on;city\n50,0;TRUE;11.01.1970;Oslo\n".encode("utf-16"), {}),
        (b"area\tis_new\tsold on\tcity\n50 m\tTrue\t1/11/1970\tOslo\n", {}),
        (b"x\narea^is_new^sold on^city\n50^true^1970-01-11^Oslo\n", {"delimiter": "^"}),
        (gzip.compress(b"area,is_new,sold on,city\n50,true,1970-01-11,Oslo\n", mtime=0), {}),
    ],
)
def test_file_itself_is_predicted(
    client: TestClient, store: Database, data: bytes, params: dict[str, str]
) -> None:
    job_id = a_finished_job(store, a_regression())

    answer = ask_file(client, job_id, data, **params)

    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0] == 1210.0


READINGS: dict[str, Any] = {
    "area": {"kind": "number", "decimal": ",", "null_values": ["-999"]},
    "column_2": {"kind": "date", "order": "mdy"},
    "city": {"kind": "category", "null_values": ["-999"]},
}


def a_job_with_readings(client: TestClient, store: Database, **params: str) -> tuple[str, str]:
    """A finished job whose model has readings; answers its id and its dataset's."""
    rows = [f"{1 + i / 8:.3f};{i % 2};{i % 12 + 1}/{i % 28 + 1}/1970;x" for i in range(40)]
    data = "\n".join(["area;is_new;sold on;city", *rows]).replace(".", ",").encode()
    dataset = client.post("/v1/datasets", content=data, params={"decimal": ","} | params).json()
    job = client.post("/v1/jobs", json={"dataset": dataset["id"], "target": "area"}).json()
    return a_finished_job(store, a_regression(**READINGS), job_id=job["id"]), dataset["id"]


@pytest.mark.parametrize("is_deleted", [False, True])
def test_file_is_read_as_the_training_table_was(
    client: TestClient, store: Database, is_deleted: bool
) -> None:
    job_id, dataset_id = a_job_with_readings(client, store)
    if is_deleted:
        assert client.delete(f"/v1/datasets/{dataset_id}").status_code == 204

    # On its own, 1/11 would be in November, and 50,000 fifty thousand.
    answer = ask_file(
        client, job_id, b"area;is_new;sold on;city\n50,000;1;1/11/1970;Oslo\noops;1;1/11/1970;\n"
    ).json()

    assert answer["predictions"][0] == 1210.0
    assert [warning["code"] for warning in answer["warnings"]] == ["unreadable_cells"]


def test_null_values_of_training_are_missing_in_files_and_in_json(
    client: TestClient, store: Database
) -> None:
    job_id, _ = a_job_with_readings(client, store)
    known = {"is_new": True, "sold on": "1970-01-11"}

    from_file = ask_file(
        client, job_id, b"area;is_new;sold on;city\n-999;1;1/11/1970;Oslo\n50;1;1/11/1970;-999\n"
    ).json()
    from_json = ask(
        client,
        job_id,
        rows=[
            known | {"area": -999, "city": "Oslo"},
            known | {"area": "-999", "city": "Oslo"},
            known | {"area": 50, "city": "-999"},
        ],
    ).json()

    # A missing area answers nothing, a missing city has a price of its own.
    assert from_file["predictions"] == [None, 217.0]
    assert from_json["predictions"] == [None, None, 217.0]


def test_each_row_of_a_file_keeps_its_place(client: TestClient, store: Database) -> None:
    job_id, _ = a_job_with_readings(client, store)
    row = b"50;1;1/11/1970;Oslo\n"
    rows = [b";;;\n", row, b";;;\n", row, b"mean;1;1/11/1970;Oslo\n", b";;;\n", b";;;\n"]

    answer = ask_file(client, job_id, b"area;is_new;sold on;city\n" + b"".join(rows)).json()

    # Those at the end are padding.
    assert answer["predictions"] == [None, 1210.0, None, 1210.0, None]


def test_options_of_the_training_file_that_the_rows_format_lacks_are_left(
    client: TestClient, store: Database
) -> None:
    job_id, _ = a_job_with_readings(client, store, delimiter=";")

    answer = ask_file(
        client, job_id, b'{"area": 50, "is_new": true, "sold on": "1/11/1970", "city": "Oslo"}\n'
    )

    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == [1210.0]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "table_empty"),
        (b"<html>", 422, "table_unreadable"),
        (b"area\n5\n", 422, "rows_invalid"),
        (b"area,is_new,sold on,city\n" + b"1,1,,\n" * 10_001, 422, "limit_exceeded"),
    ],
)
def test_file_that_cannot_be_predicted_is_refused(
    client: TestClient, store: Database, data: bytes, status: int, code: str
) -> None:
    answer = ask_file(client, a_finished_job(store, a_regression()), data)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


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
        ({"columns": {"area": 1}}, "invalid_request", "columns", "1 is not accepted"),
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


def test_body_that_is_no_object_is_refused(client: TestClient, store: Database) -> None:
    job_id = a_finished_job(store, a_regression())

    answer = client.post(f"/v1/jobs/{job_id}/predict", json=[1])

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["detail"] == "the body is not a JSON object"


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
