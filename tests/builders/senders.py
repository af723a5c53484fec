"""Clients that send bodies from a process of their own: their work must not delay the measurer's.

`python -m tests.builders.senders PORT JOB COUNT SECONDS KIND`
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

MEGABYTES = 1024**2
PAUSE_SECONDS = 0.2
"""Between two bodies of one sender: they shall not take the processors from those who measure."""
HEADER = b"POST /v1/jobs/JOB/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
"""Of a job that is there: of another one, no body is read."""


def _with_length(body: bytes) -> bytes:
    return HEADER + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _in_chunks(body: bytes) -> bytes:
    chunk = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    return HEADER + b"Transfer-Encoding: chunked\r\n\r\n" + chunk


def _lists(size_bytes: int) -> bytes:
    return b'{"rows":[' + b"[]," * (size_bytes // 3 - 5) + b"[]]}"


def _keys(size_bytes: int) -> bytes:
    pairs = b",".join(b'"%x":1' % number for number in range(size_bytes // 10))
    return b'{"rows":[{' + pairs[: size_bytes - 20].rpartition(b",")[0] + b"}]}"


def _rows(size_bytes: int) -> bytes:
    """Rows that all have other keys."""
    pairs = [b'"%x":1' % number for number in range(size_bytes // 10)]
    rows = [b"{" + b",".join(pairs[n : n + 20]) + b"}" for n in range(0, len(pairs), 20)]
    return b'{"rows":[' + b",".join(rows[:9_500]) + b"]}"


KINDS: dict[str, Callable[[], bytes]] = {
    "long": lambda: _with_length(_lists(16 * MEGABYTES)),
    "chunked": lambda: _in_chunks(_lists(16 * MEGABYTES)),
    "lists": lambda: _with_length(_lists(2 * MEGABYTES)),
    "keys": lambda: _with_length(_keys(2 * MEGABYTES)),
    "rows": lambda: _with_length(_rows(2 * MEGABYTES)),
    "numbers": lambda: _with_length(b'{"rows":[' + b"1," * (MEGABYTES - 10) + b"1]}"),
}


def _send(port: int, request: bytes, seconds: float, statuses: list[int]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            with suppress(ConnectionError):
                connection.sendall(request)
            reply = b""
            with suppress(ConnectionError):
                reply = connection.recv(65536)
            statuses.append(int(reply[9:12] or b"0"))
        time.sleep(PAUSE_SECONDS)


@contextmanager
def hostile_senders(
    port: int, job_id: str, kind: str, *, count: int, seconds: float
) -> Iterator[list[int]]:
    """Send bodies of a kind on so many connections; the list has the statuses at the end."""
    command = [sys.executable, "-m", __name__, str(port), job_id, str(count)]
    command += [str(seconds), kind]
    statuses: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield statuses
        statuses += [int(line) for line in process.stdout]


def main() -> None:
    """Send, and print the statuses of the responses."""
    port, job_id, count, seconds, kind = sys.argv[1:]
    request = KINDS[kind]().replace(b"JOB", job_id.encode(), 1)
    statuses: list[int] = []
    print("begun", flush=True)  # noqa: T201
    arguments = (int(port), request, float(seconds), statuses)
    threads = [Thread(target=_send, args=arguments) for _ in range(int(count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*statuses, sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
