"""Bodies that are long or deep: who sends them, and who waits meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.builders.senders import hostile_senders
from tests.builders.server_process import ServerProcess, a_server_process

SENDERS, SECONDS = 8, 3.0
PING_SECONDS = 0.01
MEMORY_BYTES = 250_000_000
"""What the server may take beside what it has: eight bodies of 2 MB, four of them parsed."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of the usual settings."""
    with a_server_process(tmp_path_factory.mktemp("data")) as process:
        yield process


@pytest.mark.parametrize(
    ("kind", "status", "seconds"),
    [
        pytest.param("long", 413, 0.1, id="16 MB of lists, by length"),
        pytest.param("chunked", 422, 0.1, id="16 MB of lists, in chunks without a length"),
        pytest.param("lists", 422, 0.1, id="2 MB of lists"),
        pytest.param("keys", 422, 0.1, id="2 MB of keys of one row"),
        pytest.param("numbers", 422, 0.1, id="2 MB of numbers in the place of rows"),
        pytest.param("rows", 404, 0.3, id="2 MB of rows, as many as are allowed"),
    ],
)
def test_ping_is_answered_beside_hostile_bodies_in_bounded_memory(
    server: ServerProcess, *, kind: str, status: int, seconds: float
) -> None:
    memory_before = server.reset_peak_memory()

    with hostile_senders(server.port, kind, count=SENDERS, seconds=SECONDS) as statuses:
        latencies = sorted(_ping(server, SECONDS))

    assert set(statuses) == {status}
    assert latencies[int(0.99 * len(latencies))] < seconds
    assert server.peak_memory() - memory_before < MEMORY_BYTES


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
