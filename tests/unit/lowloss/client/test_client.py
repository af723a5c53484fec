"""The client: what it asks a server, and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from lowloss import Client, JobSpec
from lowloss.client.frames import is_frame, to_rows
from lowloss.errors import InvalidRequest, JobNotFound, ServerUnreachable, WaitTimeout
from lowloss.results import JobState
from lowloss.spec import Continuation
from tests.builders.scripted_server import Answer, Server, a_dataset, a_job, a_json, a_page


def test_file_is_uploaded_in_pieces_with_its_size_said_first(tmp_path: Path) -> None:
    table = tmp_path / "houses.CSV"
    table.write_bytes(b"x,y\n" + b"1,2\n" * 800_000)
    server = Server(a_json(a_dataset(), 201))

    dataset = server.client().upload(table, delimiter=",", encoding=None)

    (request,) = server.requests
    assert dataset == a_dataset()
    assert server.bodies == [table.read_bytes()]
    assert request.headers["content-length"] == str(table.stat().st_size)
    assert "transfer-encoding" not in request.headers
    assert dict(request.url.params) == {"name": "houses.CSV", "format": "csv", "delimiter": ","}


def test_file_is_never_held_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "big.npz"
    table.write_bytes(b"0" * 3_000_000)
    sizes: list[int] = []

    def count(request: httpx2.Request) -> httpx2.Response:
        assert not isinstance(request.stream, httpx2.AsyncByteStream)
        sizes.extend(len(piece) for piece in request.stream)
        return a_json(a_dataset(), 201)

    with Client("http://lowloss.test", transport=httpx2.MockTransport(count)) as client:
        # MockTransport reads a request before it hands it on: a real transport does not.
        monkeypatch.setattr(httpx2.Request, "read", lambda self: b"")
        client.upload(table)

    assert sum(sizes) == 3_000_000
    assert max(sizes) <= 1024**2


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.tsv", "csv"),
        ("a.parquet", "parquet"),
        ("a.arrow", "arrow"),
        ("a.Feather", "arrow"),
        ("a.ipc", "arrow"),
        ("a.npz", "npz"),
    ],
)
def test_format_follows_from_the_suffix(tmp_path: Path, name: str, wanted: str) -> None:
    (tmp_path / name).write_bytes(b"-")
    server = Server(a_json(a_dataset(), 201))

    server.client().upload(tmp_path / name)

    assert server.requests[0].url.params["format"] == wanted


def test_format_of_what_is_called_xls_is_the_servers_to_tell(tmp_path: Path) -> None:
    (tmp_path / "a.xls").write_bytes("a\tb\n".encode("utf-16"))
    server = Server(a_json(a_dataset(), 201))

    server.client().upload(tmp_path / "a.xls")

    assert "format" not in server.requests[0].url.params


def test_format_of_bytes_is_the_servers_to_tell() -> None:
    server = Server(*[a_json(a_dataset(), 201)] * 2)

    server.client().upload(b"x,y\n1,2\n")
    server.client().upload(b"x,y\n1,2\n", format="csv")

    assert [dict(request.url.params) for request in server.requests] == [
        {"name": "table"},
        {"name": "table", "format": "csv"},
    ]


FRAMES: dict[str, Any] = {
    "polars": pl.DataFrame({"x": [1.5, None], "c": ["a", "b"]}),
    "pandas": pd.DataFrame({"x": [1.5, None], "c": ["a", "b"]}, index=[7, 3]),
    "pyarrow": pa.table({"x": [1.5, None], "c": ["a", "b"]}),
}


@pytest.mark.parametrize("library", list(FRAMES))
def test_table_in_memory_is_uploaded_as_an_arrow_stream(library: str) -> None:
    server = Server(a_json(a_dataset(), 201))

    server.client().upload(FRAMES[library], name="t")

    assert dict(server.requests[0].url.params) == {"name": "t", "format": "arrow"}
    frame = pl.read_ipc_stream(server.bodies[0])
    assert frame.rows() == [(1.5, "a"), (None, "b")]
    assert frame.columns == ["x", "c"]


@pytest.mark.parametrize("library", list(FRAMES))
def test_rows_to_predict_may_be_a_table_in_memory(library: str) -> None:
    assert is_frame(FRAMES[library])
    assert to_rows(FRAMES[library]) == [{"x": 1.5, "c": "a"}, {"x": None, "c": "b"}]


def test_upload_that_is_sent_again_starts_over(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_bytes(b"x,y\n1,2\n")
    server = Server(httpx2.WriteError("broken pipe"), a_json(a_dataset(), 201))

    server.client().upload(table)

    assert server.bodies == [table.read_bytes()] * 2


@pytest.mark.parametrize(
    ("answers", "was_there"),
    [
        ([a_json(a_dataset(), 201)], False),
        ([a_json(a_dataset(), 200)], True),
        ([httpx2.ReadError("reset"), a_json(a_dataset(), 200)], False),
    ],
    ids=["new", "there before", "the first response lost"],
)
def test_upload_says_whether_its_dataset_was_there(answers: list[Answer], was_there: bool) -> None:
    upload = Server(*answers).client().make_upload(b"x,y\n1,2\n")

    assert (upload.dataset, upload.was_there) == (a_dataset(), was_there)


def test_missing_file_is_an_error_before_anything_is_sent(tmp_path: Path) -> None:
    server = Server()

    with pytest.raises(FileNotFoundError):
        server.client().upload(tmp_path / "none.csv")

    assert server.requests == []


def test_submission_that_is_sent_again_keeps_its_key() -> None:
    server = Server(httpx2.ReadError("reset"), a_json(a_job(), 202), a_json(a_job(), 202))
    client = server.client()

    client.submit(JobSpec(dataset="ds_1", target="y"))
    client.submit({"dataset": "ds_1", "target": "y"})

    first, again, other = (request.headers["idempotency-key"] for request in server.requests)
    assert len(first) >= 32
    assert first == again != other
    assert json.loads(server.bodies[2]) == {"dataset": "ds_1", "target": "y"}


def test_key_of_ones_own_is_used() -> None:
    server = Server(a_json(a_job(), 202))

    server.client().submit({}, idempotency_key="mine")

    assert server.requests[0].headers["idempotency-key"] == "mine"


def test_number_that_json_does_not_have_is_refused_here() -> None:
    server = Server()

    with pytest.raises(InvalidRequest, match="JSON"):
        server.client().submit({"budget": {"max_seconds": float("inf")}})

    assert server.requests == []


def test_wait_polls_until_the_job_has_ended() -> None:
    server = Server(
        a_json(a_job(JobState.queued)),
        a_json(a_job(JobState.running)),
        a_json(a_job(JobState.cancelled)),
    )

    job = server.client().wait("job_1")

    assert job.state is JobState.cancelled
    assert [dict(request.url.params) for request in server.requests] == [
        {},
        {"wait": "30.0"},
        {"wait": "30.0"},
    ]
    assert server.requests[2].extensions["timeout"]["read"] > 30
    assert server.requests[2].extensions["timeout"]["connect"] == 30


def test_wait_ends_in_time() -> None:
    def hold(request: httpx2.Request) -> httpx2.Response:
        server.pass_time(float(request.url.params["wait"]))
        return a_json(a_job())

    server = Server(a_json(a_job()), hold, hold)

    with pytest.raises(WaitTimeout, match="job_1 is still running after 50 s"):
        server.client().wait("job_1", timeout=50)

    assert [request.url.params.get("wait") for request in server.requests] == [None, "30.0", "20.0"]


def test_wait_outlasts_the_restart_of_a_server() -> None:
    gone: list[Exception] = [httpx2.ConnectError("refused")] * 8
    server = Server(a_json(a_job()), *gone, a_json(a_job(JobState.succeeded)))

    job = server.client().wait("job_1")

    assert job.state is JobState.succeeded
    assert 30 < sum(server.slept) < 60


def test_list_is_read_page_by_page_as_it_is_needed() -> None:
    server = Server(
        a_page(a_job(id="job_1"), a_job(id="job_2"), following="c+1"), a_page(a_job(id="job_3"))
    )
    jobs = server.client().jobs(JobState.running)

    first = next(jobs)
    asked_for_one = len(server.requests)
    rest = list(jobs)

    assert [first.id, *(job.id for job in rest)] == ["job_1", "job_2", "job_3"]
    assert asked_for_one == 1
    assert [dict(request.url.params) for request in server.requests] == [
        {"state": "running"},
        {"state": "running", "cursor": "c+1"},
    ]


@pytest.mark.parametrize("what", ["cancel", "pause", "resume"])
def test_job_is_asked_to_change(what: str) -> None:
    server = Server(a_json(a_job(), 202))

    job = getattr(server.client(), what)("job_1")

    assert job == a_job()
    assert server.asked == [("POST", f"/v1/jobs/job_1/{what}")]


def test_child_of_a_job_is_submitted_once_however_often_it_is_sent() -> None:
    server = Server(a_json(a_job(), 202))

    server.client().continue_job("job_1", Continuation(budget={"max_trials": 9}))

    (request,) = server.requests
    assert server.asked == [("POST", "/v1/jobs/job_1/continue")]
    assert json.loads(request.content) == {"budget": {"max_trials": 9}}
    assert request.headers["idempotency-key"]


def test_priority_of_a_job_is_changed() -> None:
    server = Server(a_json(a_job()))

    server.client().set_priority("job_1", -5)

    assert json.loads(server.requests[0].content) == {"priority": -5}


def test_problem_of_the_server_is_raised_as_its_class() -> None:
    document = JobNotFound("there is no job 'x'", field="job_id", fix="list them").to_document()
    server = Server(httpx2.Response(404, json=document))

    with pytest.raises(JobNotFound) as caught:
        server.client().job("x")

    assert str(caught.value) == "job_id: there is no job 'x' (list them)"
    assert len(server.requests) == 1


def test_token_is_sent_and_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWLOSS_TOKEN", "from-environment\n")
    server = Server(a_page(), a_page())

    list(server.client().jobs())
    list(server.client(token="given").jobs())

    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer from-environment", "Bearer given"]


def test_no_token_sends_no_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOWLOSS_TOKEN", raising=False)
    server = Server(a_page())

    list(server.client().jobs())

    assert "authorization" not in server.requests[0].headers


def test_token_that_no_header_can_hold_is_refused_without_being_shown() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Client("http://lowloss.test", "geheimnüs")

    assert caught.value.field == "token"
    assert "geheim" not in str(caught.value)


def test_url_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWLOSS_URL", "http://elsewhere:1234")

    with Client() as client, Client("http://given") as other:
        urls = client.url, other.url

    assert urls == ("http://elsewhere:1234", "http://given")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://[broken", "host"])
def test_wrong_url_is_told_at_once(url: str) -> None:
    with pytest.raises(ServerUnreachable, match="URL"), Client(url) as client:
        client.job("job_1")


@pytest.mark.parametrize(
    ("delete", "path"),
    [(Client.delete_dataset, "/v1/datasets/x_1"), (Client.delete_job, "/v1/jobs/x_1")],
)
def test_what_is_deleted_is_asked_for_once(
    delete: Callable[[Client, str], None], path: str
) -> None:
    server = Server(httpx2.ReadTimeout("slow"))

    with pytest.raises(ServerUnreachable, match="in time"):
        delete(server.client(), "x_1")

    assert server.asked == [("DELETE", path)]


def test_client_is_closed_at_the_end() -> None:
    with Server(a_page()).client() as client:
        list(client.jobs())

    with pytest.raises(RuntimeError, match="closed"):
        client.job("job_1")
