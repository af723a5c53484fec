"""Connections to the real server, by raw sockets: their deadlines and their ceilings."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from service.connections import HEADER_BYTES, LINGER_SECONDS, PROGRESS_BYTES, make_protocol
from service.settings import ConnectionLimits
from tests.builders.server_process import (
    HEADER,
    TOKEN,
    ServerProcess,
    a_server_process,
    open_sockets,
    read_all,
)

BEARER = f"Authorization: Bearer {TOKEN}\r\n".encode()
AUTHORIZED = HEADER + BEARER + b"\r\n"
PROBE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LONG_HEADER = b"GET /v1/jobs HTTP/1.1\r\nX: " + b"x" * (HEADER_BYTES // 2)
CHUNKED = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
SHORT: dict[str, Any] = {
    "LOWLOSS_TOKENS": TOKEN,
    "LOWLOSS_CONNECTIONS__FIRST_BYTE_SECONDS": "0.5",
    "LOWLOSS_CONNECTIONS__HEADER_SECONDS": "0.5",
    "LOWLOSS_CONNECTIONS__BODY_SECONDS": "0.5",
    "LOWLOSS_CONNECTIONS__IDLE_SECONDS": "1",
    "LOWLOSS_CONNECTIONS__WRITE_SECONDS": "0.5",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of short deadlines."""
    with a_server_process(tmp_path_factory.mktemp("data"), **SHORT) as process:
        yield process


def _limit_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))


@pytest.mark.parametrize("before", [None, _limit_descriptors])
def test_holder_of_a_token_is_served_beside_2000_silent_connections(
    tmp_path: Path, before: Callable[[], None] | None
) -> None:
    data = [b"", b"GET /v1/jobs HTTP/1.1\r\nHost: ", HEADER + b"\r\nx,y\n"]

    with (
        a_server_process(tmp_path, before=before, LOWLOSS_TOKENS=TOKEN) as server,
        server.client(TOKEN) as client,
    ):
        alone = _time(client)
        with open_sockets(server, 2000, data), server.client(TOKEN) as other:
            beside = _time(other)
            uploads = server.uploads()

    # Both wait for the processor on a busy machine.
    assert beside < 1.0 + 10 * alone
    assert uploads == []


def _time(client: httpx2.Client) -> float:
    """Return the seconds until a list of jobs is there."""
    started_at = time.monotonic()
    response = client.get("/v1/jobs")
    assert response.status_code == 200
    return time.monotonic() - started_at


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        pytest.param(b"", b"", id="silent"),
        pytest.param(b"GET /v1/jobs HTTP/1.1\r\nHost:", b"HTTP/1.1 408 ", id="half a header"),
        pytest.param(LONG_HEADER, b"HTTP/1.1 408 ", id="half a long header"),
        pytest.param(AUTHORIZED, b"HTTP/1.1 408 ", id="no body"),
        pytest.param(AUTHORIZED + b"x,y\n1,2\n", b"HTTP/1.1 408 ", id="half a body"),
        pytest.param(PROBE, b"HTTP/1.1 200 ", id="no second request"),
        pytest.param(PROBE + PROBE[:9], b"HTTP/1.1 200 ", id="half a second header"),
    ],
)
def test_connection_ends_when_what_must_come_next_does_not(
    server: ServerProcess, data: bytes, reply: bytes
) -> None:
    with server.connect(data) as connection:
        received = read_all(connection)

    assert received[: len(reply)] == reply
    assert bool(received) == bool(reply)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"no HTTP\r\n\r\n", id="first line"),
        pytest.param(LONG_HEADER * 3, id="header without an end"),
        pytest.param(CHUNKED + BEARER + b"\r\nno chunk\r\n", id="body"),
        pytest.param(PROBE + b"no HTTP\r\n\r\n", id="second request"),
    ],
)
def test_what_is_no_http_is_refused_with_a_problem(server: ServerProcess, data: bytes) -> None:
    with server.connect(data) as connection:
        received = read_all(connection)

    head, _, body = received[received.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(body)["code"] == "malformed_request"


def test_deadline_of_a_header_is_not_moved_by_another_byte(server: ServerProcess) -> None:
    started_at = time.monotonic()

    with server.connect(b"GET /v1/jobs HTTP/1.1\r\nX: ") as connection:
        connection.settimeout(0.1)
        received = b""
        while not received and time.monotonic() < started_at + 20:
            connection.sendall(b"x")
            try:
                received = connection.recv(65536)
            except TimeoutError:
                continue

    assert received.startswith(b"HTTP/1.1 408 ")


def test_half_an_upload_leaves_neither_a_file_nor_a_descriptor(server: ServerProcess) -> None:
    def send_halves() -> None:
        connections = [server.connect(AUTHORIZED + b"x,y\n1,2\n") for _ in range(40)]
        for connection in connections:
            read_all(connection)
            connection.close()

    # The first ones open connections to the database, which stay: the audit log is written.
    send_halves()
    bound = server.count_descriptors()
    send_halves()

    deadline = time.monotonic() + 60
    while server.uploads() or server.count_descriptors() > bound:
        assert time.monotonic() < deadline, (server.uploads(), server.count_descriptors(), bound)
        time.sleep(0.05)


def test_upload_without_a_token_is_refused_by_its_header(server: ServerProcess) -> None:
    started_at = time.monotonic()

    with server.connect(HEADER + b"\r\nx,y\n") as connection:
        first = connection.recv(65536)
        read_all(connection)
    seconds = time.monotonic() - started_at

    assert first.startswith(b"HTTP/1.1 401 ")
    assert seconds < LINGER_SECONDS + 5
    assert server.uploads() == []


def test_client_of_a_large_upload_without_a_token_reads_why_it_was_refused(
    server: ServerProcess,
) -> None:
    def content() -> Iterator[bytes]:
        for _ in range(100):
            yield b"1,2\n" * 250_000

    with server.client() as client:
        response = client.post("/v1/datasets", content=content())

        healthy = client.get("/healthz")

    assert response.json()["code"] == "unauthorized"
    assert response.headers["connection"] == "close"
    assert healthy.status_code == 200


@pytest.mark.slow
def test_slow_but_steady_body_is_read(server: ServerProcess) -> None:
    data = b"x,y\n" + b"".join(b"%d,%d\n" % (n, 2 * n) for n in range(70_000))

    def content() -> Iterator[bytes]:
        for start in range(0, len(data), PROGRESS_BYTES):
            time.sleep(0.1)
            yield data[start : start + PROGRESS_BYTES]

    with server.client(TOKEN) as client:
        response = client.post("/v1/datasets", params={"name": "steady"}, content=content())

    assert response.status_code == 201


def test_client_that_does_not_read_its_response_is_let_go(server: ServerProcess) -> None:
    with server.client(TOKEN) as client:
        client.get("/healthz")
        before = server.count_descriptors()
        request = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        request += f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
        with server.connect() as connection:
            # More responses than the buffers of both ends hold.
            connection.sendall(request * 100)
            deadline = time.monotonic() + 20
            while server.count_descriptors() <= before:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            while server.count_descriptors() > before:
                assert time.monotonic() < deadline
                time.sleep(0.05)


BODY = b"x" * 12_000_000


async def _answer(scope: Scope, _: Receive, send: Send) -> None:
    """Answer each request with more than the buffers of both ends hold."""
    if scope["type"] == "http":
        length = str(len(BODY)).encode()
        start = {"type": "http.response.start", "status": 200}
        await send(start | {"headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": BODY})


@contextmanager
def large_answers(**limits: float) -> Iterator[int]:
    """A server in this process, of these limits of connections; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    http: Any = make_protocol(ConnectionLimits(**limits))
    config = uvicorn.Config(_answer, http=http, timeout_keep_alive=1, log_config=None)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def _connect_slowly(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    connection.connect(("127.0.0.1", port))
    connection.sendall(PROBE)
    return connection


@pytest.mark.slow
def test_client_that_reads_steadily_has_its_whole_response() -> None:
    received = 0

    with (
        large_answers(write_seconds=2, idle_seconds=1) as port,
        _connect_slowly(port) as connection,
    ):
        # Longer than a response may lie unread, and than a connection may be idle.
        while received < len(BODY) and (data := connection.recv(256 * 1024)):
            received += len(data)
            time.sleep(0.05)

    assert received >= len(BODY)


def test_response_on_its_way_is_not_ended_for_a_new_connection() -> None:
    with large_answers(max_total=1) as port, _connect_slowly(port) as connection:
        received = len(connection.recv(65536))
        with socket.create_connection(("127.0.0.1", port)) as second:
            refused = read_all(second)
        while received < len(BODY) and (data := connection.recv(65536)):
            received += len(data)

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert received >= len(BODY)


def test_requests_in_progress_are_not_ended_for_new_connections(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"LOWLOSS_CONNECTIONS__MAX_TOTAL": "4", "LOWLOSS_TOKENS": TOKEN}

    with a_server_process(tmp_path, **limits) as server:
        uploads = [server.connect(AUTHORIZED + b"x,y\n") for _ in range(4)]
        _await(lambda: len(server.uploads()) == 4)
        with server.connect() as refused:
            received = read_all(refused)
        uploads.pop().close()
        _await(lambda: len(server.uploads()) == 3)
        with server.client(TOKEN) as client:
            response = client.get("/v1/jobs")
        for upload in uploads:
            upload.close()

    assert received.startswith(b"HTTP/1.1 503 ")
    assert b'"code": "not_ready"' in received
    assert response.status_code == 200


def test_one_peer_at_its_ceiling_loses_its_oldest_silent_connection(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"LOWLOSS_CONNECTIONS__MAX_PEER": "2", "LOWLOSS_TOKENS": TOKEN}

    with a_server_process(tmp_path, **limits) as server:
        oldest, second = server.connect(), server.connect()
        with server.connect(PROBE) as third:
            reply = third.recv(65536)
            ended = read_all(oldest)
            second.sendall(PROBE)
            reply_to_second = second.recv(65536)
        oldest.close()
        second.close()

    assert ended == b""
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert reply_to_second.startswith(b"HTTP/1.1 200 ")


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
