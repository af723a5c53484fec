"""POST /v1/jobs/{id}/predict with a table's file."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lowloss.inference.model import load_model
from service.store.database import Database
from tests.builders.onnx_models import a_regression
from tests.builders.predictions import a_finished_job, ask, ask_file


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


def test_file_has_no_warnings_of_the_target_and_of_columns_that_are_not_used(
    client: TestClient, store: Database
) -> None:
    job_id, _ = a_job_with_readings(client, store)
    target = load_model(a_regression()).signature.target
    cells = ["1,5;0;2/3/1970;x;sold;0,5", *[f"{i},5;1;1/11/1970;x;{i};{i},5" for i in range(30)]]
    data = "\n".join([f"area;is_new;sold on;city;{target};other", *cells, "oops;1;;x;9;late"])

    answer = ask_file(client, job_id, data.encode()).json()

    assert [warning["column"] for warning in answer["warnings"]] == ["area"]
    assert answer["ignored"] == ["other"]


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
