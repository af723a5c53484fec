"""Downloads: whole and checked, or not there at all."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lowloss.errors import BestModelNotReady, NotReady, ServerUnreachable
from tests.builders.scripted_server import Server, a_busy_answer, a_stream

MODEL = bytes(range(256)) * 40
RESET = httpx2.ReadError("reset")


def digest(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def sent(*pieces: bytes | Exception, data: bytes = MODEL, **given: Any) -> httpx2.Response:
    return a_stream(*pieces, etag='"one"', repr_digest=digest(data), **given)


def test_best_model_is_saved_and_nothing_else_is_left(tmp_path: Path) -> None:
    server = Server(sent(MODEL[:100], MODEL[100:]))

    path = server.client().download("job_1", tmp_path)

    assert path == tmp_path / "model.keras"
    assert path.read_bytes() == MODEL
    assert list(tmp_path.iterdir()) == [path]
    assert server.asked == [("GET", "/v1/jobs/job_1/best-model")]


def test_artifact_gets_its_name_or_the_one_that_is_given(tmp_path: Path) -> None:
    server = Server(sent(MODEL), sent(MODEL))
    client = server.client()

    into_folder = client.download("job_1", tmp_path, artifact="trials.csv")
    into_file = client.download("job_1", str(tmp_path / "mine"), artifact="trials.csv")

    assert (into_folder.name, into_file.name) == ("trials.csv", "mine")
    assert server.asked == [("GET", "/v1/jobs/job_1/artifacts/trials.csv")] * 2


def test_broken_download_goes_on_where_it_broke(tmp_path: Path) -> None:
    server = Server(
        sent(MODEL[:1000], RESET),
        httpx2.ConnectError("refused"),
        sent(MODEL[1000:3000], RESET, content_range="bytes 1000-10239/10240"),
        sent(MODEL[3000:], content_range="bytes 3000-10239/10240"),
    )

    path = server.client().download("job_1", tmp_path / "m.keras")

    assert path.read_bytes() == MODEL
    asked = [(r.headers.get("range"), r.headers.get("if-range")) for r in server.requests]
    assert asked == [
        (None, None),
        ("bytes=1000-", '"one"'),
        ("bytes=1000-", '"one"'),
        ("bytes=3000-", '"one"'),
    ]


def test_file_that_changed_in_between_is_read_from_its_start(tmp_path: Path) -> None:
    other = b"another model"
    server = Server(sent(MODEL[:1000], RESET), sent(other, data=other))

    path = server.client().download("job_1", tmp_path / "m.keras")

    assert path.read_bytes() == other


def test_bytes_without_a_name_are_never_put_together(tmp_path: Path) -> None:
    server = Server(a_stream(MODEL[:1000], RESET), a_stream(MODEL))

    path = server.client().download("job_1", tmp_path / "m.keras")

    assert path.read_bytes() == MODEL
    assert "range" not in server.requests[1].headers


def test_bytes_are_asked_for_as_they_are(tmp_path: Path) -> None:
    server = Server(sent(MODEL))

    server.client().download("job_1", tmp_path)

    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_damaged_download_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "m.keras"
    target.write_bytes(b"the model of yesterday")
    server = Server(sent(MODEL[:-1] + b"!"))

    with pytest.raises(ServerUnreachable, match="damaged"):
        server.client().download("job_1", target)

    assert target.read_bytes() == b"the model of yesterday"
    assert list(tmp_path.iterdir()) == [target]


def test_connection_that_brings_nothing_is_given_up(tmp_path: Path) -> None:
    server = Server(sent(MODEL[:1000], RESET), *[httpx2.ConnectError("refused")] * 4)

    with pytest.raises(ServerUnreachable, match="refused"):
        server.client().download("job_1", tmp_path / "m.keras")

    assert len(server.requests) == 5
    assert list(tmp_path.iterdir()) == []


def test_connection_that_brings_little_at_a_time_is_not_given_up(tmp_path: Path) -> None:
    size = len(MODEL) // 10
    pieces = [MODEL[start : start + size] for start in range(0, len(MODEL), size)]
    rest = [sent(piece, RESET, content_range="bytes") for piece in pieces[1:-1]]
    server = Server(sent(pieces[0], RESET), *rest, sent(pieces[-1], content_range="bytes"))

    path = server.client().download("job_1", tmp_path / "m.keras")

    assert path.read_bytes() == MODEL
    assert server.slept == [0.2] * 9


def test_busy_server_is_asked_again_but_not_for_ever(tmp_path: Path) -> None:
    server = Server(a_busy_answer(**{"Retry-After": "2"}), sent(MODEL))
    always_busy = Server(*[a_busy_answer() for _ in range(5)])

    path = server.client().download("job_1", tmp_path / "m.keras")
    with pytest.raises(NotReady):
        always_busy.client().download("job_1", tmp_path / "n.keras")

    assert path.read_bytes() == MODEL
    assert server.slept == [2.2]


def test_model_that_is_not_ready_is_a_problem_and_no_file(tmp_path: Path) -> None:
    document = BestModelNotReady("not yet").to_document()
    server = Server(httpx2.Response(409, json=document))

    with pytest.raises(BestModelNotReady):
        server.client().download("job_1", tmp_path / "m.keras")

    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Server().client().download("job_1", tmp_path / "none" / "m.keras")

    assert caught.value.filename == str(tmp_path / "none")


def test_file_has_the_rights_that_the_user_gives_to_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = Server(sent(MODEL)).client().download("job_1", tmp_path)
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o640
