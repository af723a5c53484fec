"""Bodies that are long or deep: who sends them, and who waits meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from service.resources.resources import OpenRequests
from service.store.database import Database
from tests.builders.senders import hostile_senders
from tests.builders.server_process import ServerProcess, a_server_process
from tests.builders.store import a_job

SENDERS, SECONDS = 8, 3.0
SHORT_SECONDS = 0.5
KINDS = {"long": 413, "chunked": 422, "lists": 422, "keys": 422, "numbers": 422, "rows": 409}
"""16 MB of lists, by length and in chunks; 2 MB of lists, of keys of one row, of numbers in the
place of rows, and of as many rows as are allowed, for a job without a model: with the answers that
they get."""
PING_SECONDS = 0.01
MEMORY_BYTES = 250_000_000
"""What the server may take beside what it has: eight bodies of 2 MB, four of them parsed."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of the usual settings."""
    with a_server_process(tmp_path_factory.mktemp("data")) as process:
        yield process


@pytest.fixture(scope="module")
def job_id(server: ServerProcess) -> str:
    """A job that waits."""
    store = Database(f"sqlite:///{server.folder / 'lowloss.sqlite3'}")
    job_id = a_job(store)
    store.close()
    return job_id


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_bodies_are_refused_in_bounded_memory(
    server: ServerProcess, job_id: str, kind: str
) -> None:
    memory_before = server.reset_peak_memory()

    with hostile_senders(
        server.port, job_id, kind, count=SENDERS, seconds=SHORT_SECONDS
    ) as statuses:
        pass

    assert set(statuses) == {KINDS[kind]}
    assert server.peak_memory() - memory_before < MEMORY_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ping_is_answered_beside_hostile_bodies(
    server: ServerProcess, job_id: str, kind: str
) -> None:
    max_seconds = 0.3 if kind == "rows" else 0.1

    with hostile_senders(server.port, job_id, kind, count=SENDERS, seconds=SECONDS):
        latencies = sorted(_ping(server, SECONDS))

    assert latencies[int(0.99 * len(latencies))] < max_seconds


def test_bodies_that_wait_are_counted_before_they_are_read(
    server: ServerProcess, job_id: str
) -> None:
    header = (
        f"POST /v1/jobs/{job_id}/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n\r\n"
    ).encode()

    with ExitStack() as stack:
        for _ in range(OpenRequests.MAXIMUM):
            stack.enter_context(server.connect(header))
        refused = b""
        while not refused.startswith(b"HTTP/1.1 503 "):
            # Those before may not be counted yet, or be over already: each one more stays open.
            one_more = stack.enter_context(server.connect(header))
            one_more.settimeout(0.2)
            with suppress(TimeoutError):
                refused = one_more.recv(65536)
                while b"}" not in refused:
                    refused += one_more.recv(65536)

    assert b"too many predictions" in refused


def _ping(server: ServerProcess, seconds: float) -> Iterator[float]:
    """Measure the seconds until the server answers, again and again."""
    deadline = time.monotonic() + seconds
    with server.connect() as connection:
        while time.monotonic() < deadline:
            with server.measured_wait() as waited:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                reply = b""
                while not reply.endswith(b"ok\n"):
                    reply += connection.recv(65536)
            yield waited[0]
            time.sleep(PING_SECONDS)
