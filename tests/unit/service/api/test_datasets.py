"""/v1/datasets."""

from __future__ import annotations

import gzip
import hashlib
import io
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lowloss.results import JobState
from service.api import bodies
from service.api.bodies import open_temporary
from service.machine import UPLOAD_PREFIX
from service.settings import Settings
from service.store.database import Database
from tests.builders.live_server import a_csv, count_rows, upload
from tests.builders.store import a_dataset, a_job
from tests.unit.service.api.conftest import URL


def test_upload_answers_the_dataset_with_its_profile(
    client: TestClient, settings: Settings
) -> None:
    data = a_csv(rows=40)

    answer = upload(client, data, name="line")

    assert answer.status_code == 201
    dataset = answer.json()
    assert answer.headers["location"] == f"/v1/datasets/{dataset['id']}"
    assert dataset["sha256"] == hashlib.sha256(data).hexdigest()
    assert (dataset["name"], dataset["rows"], dataset["columns"]) == ("line", 40, 2)
    assert [column["name"] for column in dataset["profile"]] == ["x", "y"]
    assert client.get(answer.headers["location"]).json() == dataset
    assert list(settings.data_dir.glob(f"{UPLOAD_PREFIX}*")) == []


def test_same_bytes_again_answer_the_dataset_that_is_there(
    client: TestClient, store: Database
) -> None:
    first = upload(client, a_csv())
    before = count_rows(store)

    again = upload(client, a_csv(), name="another name")

    assert again.status_code == 200
    assert again.json() == first.json() | {"names": ["table", "another name"]}
    assert again.json() == client.get(again.headers["location"]).json()
    assert count_rows(store) == before


def test_same_bytes_parsed_otherwise_are_another_dataset(client: TestClient) -> None:
    data = b"x,y;z\n" + b"".join(b"%d,5;%d\n" % (row, row) for row in range(20))

    comma = upload(client, data, delimiter=",").json()
    semicolon = upload(client, data, delimiter=";").json()

    assert comma["id"] != semicolon["id"]
    assert [column["name"] for column in semicolon["profile"]] == ["x,y", "z"]


def test_first_line_is_data_where_the_uploader_says_so(client: TestClient) -> None:
    data = a_csv(rows=20)

    detected = upload(client, data).json()
    given = upload(client, data, header="false").json()
    again = upload(client, data, header="false")

    assert detected["id"] != given["id"]
    assert (detected["rows"], given["rows"]) == (20, 21)
    assert [column["name"] for column in given["profile"]] == ["column_1", "column_2"]
    assert (again.status_code, again.json()) == (200, given)


TYPED = b"zip;day;price\n" + b"".join(b"%d;3/4/2024;1.2%02d\n" % (row, row) for row in range(30))


def test_every_option_of_parsing_is_obeyed_and_stored(client: TestClient) -> None:
    dataset = upload(
        client,
        b"junk\n! a remark\n" + TYPED + b"-1;3/4/2024;1.299\n",
        skip_rows="1",
        comment="!",
        thousands=".",
        date_format="%d/%m/%Y",
        null_values="-1",
        types='{"zip": "category"}',
    ).json()

    columns = {column["name"]: column for column in dataset["profile"]}
    assert columns["zip"]["missing"] == 1
    assert columns["zip"]["reading"]["kind"] == "category"
    assert columns["price"]["min"] == 1200
    assert columns["day"]["levels"][0]["value"] == "2024-04-03"
    assert dataset["options"] == {
        "skip_rows": 1,
        "comment": "!",
        "thousands": ".",
        "date_format": "%d/%m/%Y",
        "null_values": ["-1"],
        "types": {"zip": "category"},
    }


def test_doubts_are_answered_with_count_rows_example_and_remedy(client: TestClient) -> None:
    answer = upload(client, TYPED).json()

    warnings = {warning["code"]: warning for warning in answer["warnings"]}
    assert warnings.keys() == {"ambiguous_dates", "ambiguous_numbers", "not_a_feature"}
    numbers = warnings["ambiguous_numbers"]
    assert (numbers["column"], numbers["count"], numbers["rows"]) == ("price", 30, [1, 2, 3, 4, 5])
    assert numbers["example"] == "1.200"
    assert "thousands" in numbers["fix"]
    assert client.get(f"/v1/datasets/{answer['id']}").json() == answer


def test_stored_bytes_are_read_again_with_other_options(client: TestClient) -> None:
    first = upload(client, TYPED).json()
    url = f"/v1/datasets/{first['id']}/reread"

    answer = client.post(url, params={"thousands": "."})
    again = client.post(url, params={"thousands": "."})

    second = answer.json()
    assert (answer.status_code, again.status_code) == (201, 200)
    assert (second["sha256"], second["name"]) == (first["sha256"], first["name"])
    assert second["id"] != first["id"]
    assert [column["min"] for column in second["profile"]][2] == 1200
    assert again.json() == second == upload(client, TYPED, thousands=".").json()
    assert answer.headers["location"] == f"/v1/datasets/{second['id']}"


def test_options_of_reading_again_in_a_body_are_refused_with_the_way_to_give_them(
    client: TestClient,
) -> None:
    first = upload(client, TYPED).json()

    answer = client.post(f"/v1/datasets/{first['id']}/reread", json={"thousands": "."})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "?thousands=." in answer.json()["fix"]


def test_dataset_that_is_not_there_cannot_be_read_again(client: TestClient) -> None:
    answer = client.post("/v1/datasets/ds_none/reread")

    assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found")


def test_form_is_refused_with_the_line_that_works(client: TestClient) -> None:
    answer = client.post("/v1/datasets", files={"file": ("x.csv", TYPED)})

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "--data-binary" in answer.json()["fix"]


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (TYPED, "csv"),
        (b'{"x": 1, "y": 2}\n{"x": 3, "y": 4}\n', "jsonl"),
        (gzip.compress(TYPED, mtime=0), "csv"),
    ],
)
def test_format_is_told_by_the_content(client: TestClient, data: bytes, format_: str) -> None:
    answer = client.post("/v1/datasets", content=data)

    assert (answer.status_code, answer.json()["format"]) == (201, format_)


@pytest.mark.parametrize("types", ["{", "[]", '{"zip": "zip"}'])
def test_types_that_are_no_object_of_kinds_are_refused(client: TestClient, types: str) -> None:
    problem = upload(client, TYPED, types=types)

    assert (problem.status_code, problem.json()["field"]) == (422, "types")


def test_id_of_an_upload_is_the_same_in_every_version(client: TestClient) -> None:
    dataset = upload(client, b"x,y\n1,2\n3,4\n").json()

    assert dataset["id"] == "ds_3659d575bc8c8382543142804864bb10"


def test_arrow_file_is_profiled(client: TestClient, tmp_path: Path) -> None:
    pl.DataFrame({"x": [0.0, 0.5, 2.0], "y": ["a", "b", None]}).write_ipc(tmp_path / "t.arrow")

    answer = upload(client, (tmp_path / "t.arrow").read_bytes(), format="arrow")

    assert answer.status_code == 201
    x, y = answer.json()["profile"]
    assert x["quantiles"] == [0.0, 0.0, 0.0, 0.5, 2.0, 2.0, 2.0]
    assert (sum(x["histogram"]["counts"]), y["histogram"]) == (3, None)


def test_start_reaps_what_a_killed_server_left(app: FastAPI, settings: Settings) -> None:
    (settings.data_dir / f"{UPLOAD_PREFIX}left").touch()

    with open_temporary(settings.data_dir) as in_use, TestClient(app, URL):
        paths = set(settings.data_dir.glob(f"{UPLOAD_PREFIX}*"))

    assert paths == {Path(in_use.name)}


def test_leftovers_are_reaped_every_hour(
    app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "REAP_SECONDS", 0.05)

    with TestClient(app, URL):
        left = settings.data_dir / f"{UPLOAD_PREFIX}left"
        left.touch()
        deadline = time.monotonic() + 20
        while left.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "parameters", "code"),
    [
        (b"", {}, "table_empty"),
        (b"a,b\n", {}, "table_empty"),
        (b"a,b\n1,2\n3\n", {}, "table_ragged"),
        (b"a,b\n1,2\n", {"format": "parquet"}, "table_unreadable"),
        (b"a,b\n1,2\n", {"format": "arrow"}, "table_unreadable"),
        (b"FEA1" + b"\0" * 40, {"format": "arrow"}, "table_unreadable"),
        (
            _npz(X=np.array([{}, {}], dtype=object), y=np.zeros(2)),
            {"format": "npz"},
            "npz_contains_pickle",
        ),
        (_npz(X=np.zeros((3, 2)), y=np.zeros(2)), {"format": "npz"}, "npz_shapes_differ"),
    ],
)
def test_unusable_table_is_refused_and_stores_nothing(
    client: TestClient, app: FastAPI, *, data: bytes, parameters: dict[str, str], code: str
) -> None:
    resources = app.state.resources
    before = count_rows(resources.database)

    answer = upload(client, data, **parameters)

    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == code
    assert problem["fix"]
    assert count_rows(resources.database) == before
    assert list(resources.settings.data_dir.glob(f"{UPLOAD_PREFIX}*")) == []


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("name=t&format=doc", "invalid_request", "format"),
        ("name=t&format=csv&sheet=x", "invalid_request", "sheet"),
        ("name=t&format=csv&delimeter=;", "unknown_field", "delimeter"),
        ("name=t&format=csv&delimiter=ab", "invalid_request", "delimiter"),
        ("name=t&format=csv&delimiter=§", "invalid_request", "delimiter"),
        ("name=t&format=csv&delimiter='", "invalid_request", "delimiter"),
        ("name=t&format=csv&quote=*", "invalid_request", "quote"),
        ("name=t&format=csv&header=maybe", "invalid_request", "header"),
        ("name=t&format=arrow&header=false", "invalid_request", "header"),
        ("name=t&format=csv&decimal=;", "invalid_request", "decimal"),
        ("name=t&format=parquet&decimal=,", "invalid_request", "decimal"),
        ("name=t%00&format=csv", "invalid_request", "name"),
    ],
)
def test_wrong_parameter_of_an_upload_is_named(
    client: TestClient, store: Database, *, query: str, code: str, field: str
) -> None:
    before = count_rows(store)

    answer = client.post(f"/v1/datasets?{query}", content=a_csv())

    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["code"], problem["field"]) == (code, field)
    assert problem["fix"]
    assert count_rows(store) == before


def test_list_is_read_page_by_page_newest_first(client: TestClient, store: Database) -> None:
    ids = [a_dataset(store, b"x,y\n%d,2\n" % number) for number in range(3)]

    first = client.get("/v1/datasets", params={"limit": 2}).json()
    rest = client.get("/v1/datasets", params={"limit": 2, "cursor": first["next"]}).json()

    shown = [item["id"] for item in first["items"] + rest["items"]]
    assert shown == ids[::-1]
    assert rest["next"] is None
    assert all(item["profile"] == [] for item in first["items"])


def test_list_is_of_the_names_and_ids_that_hold_a_text(client: TestClient, store: Database) -> None:
    houses = a_dataset(store, b"x,y\n1,2\n", name="Houses 100%.csv")
    wines = a_dataset(store, b"x,y\n1,3\n", name="wines.csv")

    def listed(name: str) -> list[str]:
        items = client.get("/v1/datasets", params={"name": name}).json()["items"]
        return [item["id"] for item in items]

    assert listed("hOUSE") == listed("100%") == [houses]
    assert listed(wines[-8:]) == [wines]
    assert listed("%") == [houses]
    assert listed("nothing") == []


def test_dataset_is_deleted_once_no_job_needs_it(client: TestClient, store: Database) -> None:
    dataset = a_dataset(store)

    deleted = client.delete(f"/v1/datasets/{dataset}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    gone = client.delete(f"/v1/datasets/{dataset}")
    assert (gone.status_code, gone.json()["code"]) == (404, "dataset_not_found")


def test_dataset_of_a_waiting_job_is_kept(client: TestClient, store: Database) -> None:
    job_id = a_job(store, state=JobState.queued)
    dataset = client.get(f"/v1/jobs/{job_id}").json()["dataset"]

    answer = client.delete(f"/v1/datasets/{dataset}")

    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_in_use")
    assert client.get(f"/v1/datasets/{dataset}").status_code == 200


def test_upload_over_the_limit_is_refused_whether_or_not_it_says_its_size(
    settings: Settings, tmp_path: Path
) -> None:
    from service.app import create_app

    app = create_app(settings.model_copy(update={"max_upload_bytes": 1000}))
    reads = 0

    def pieces() -> Any:
        nonlocal reads
        for _ in range(10):
            reads += 1
            yield b"1,2\n" * 100

    with TestClient(app, URL) as client:
        before = count_rows(app.state.resources.database)
        declared = upload(client, b"1,2\n" * 251)
        streamed = client.post("/v1/datasets?format=csv", content=pieces())
        after = count_rows(app.state.resources.database)

    for answer in (declared, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert "LOWLOSS_MAX_UPLOAD_BYTES" in answer.json()["fix"]
    assert after == before
    assert list(tmp_path.glob(f"{UPLOAD_PREFIX}*")) == []


def test_archive_of_very_many_files_is_refused(client: TestClient) -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for number in range(2_000):
            archive.writestr(str(number), b"")

    answer = client.post("/v1/datasets", content=output.getvalue())

    assert answer.status_code == 422
    assert answer.json()["code"] == "table_unreadable"
    assert "over 500 files" in answer.json()["detail"]
