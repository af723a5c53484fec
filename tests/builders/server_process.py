"""The real server as a process of its own, and raw sockets to it."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx2

TOKEN = "secret"
HEADER = b"POST /v1/datasets?format=csv HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n"


@dataclass(frozen=True)
class ServerProcess:
    """A running server: its process and its port on the loopback interface."""

    pid: int
    port: int
    folder: Path

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, token: str | None = None) -> httpx2.Client:
        """A client of it."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30)

    def connect(self, data: bytes = b"") -> socket.socket:
        """A raw connection on which this was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(data)
        return connection

    def count_descriptors(self) -> int:
        """How many files and sockets the process has open, its connections to SQLite left out.

        How many of these a pool keeps depends on how many requests came at the same moment.
        """
        return sum(".sqlite3" not in link for link in self._list_links())

    def _list_links(self) -> Iterator[str]:
        for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                yield os.readlink(descriptor)

    def processor_seconds(self) -> float:
        """The processor time that all its threads have used; see clock_getcpuclockid(3)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    @contextmanager
    def measured_wait(self) -> Iterator[list[float]]:
        """The seconds that the block waits for the server, at its end.

        Those in which the server had no processor, on a busy machine, do not count.
        """
        seconds: list[float] = []
        started_at, used_before = time.monotonic(), self.processor_seconds()
        yield seconds
        used = self.processor_seconds() - used_before
        seconds.append(min(time.monotonic() - started_at, used))

    def peak_memory(self) -> int:
        """The largest resident memory that the process had, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])

    def reset_peak_memory(self) -> int:
        """Forget the peak; answers the memory of now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return self.peak_memory()

    def uploads(self) -> list[Path]:
        """The temporary files of uploads."""
        return list(self.folder.glob("upload-*"))


@contextmanager
def a_server_process(
    folder: Path,
    *,
    before: Callable[[], None] | None = None,
    stderr: IO[bytes] | None = None,
    **env: str,
) -> Iterator[ServerProcess]:
    """A server over a SQLite database in a folder; `before` runs in its process first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service.app"],
        env=os.environ | {"LOWLOSS_DATA_DIR": str(folder), "LOWLOSS_PORT": "0"} | env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        preexec_fn=before,  # noqa: PLW1509  # it sets a limit and starts no thread
    )
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1].decode()
            yield ServerProcess(process.pid, int(url.rpartition(":")[2]), folder)
        finally:
            process.kill()


@contextmanager
def open_sockets(server: ServerProcess, count: int, data: list[bytes]) -> Iterator[None]:
    """Many connections to a server; each sends one of `data`, in turn."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 500), hard))
    try:
        with ExitStack() as stack:
            for number in range(count):
                connection = stack.enter_context(server.connect())
                with suppress(ConnectionError):
                    connection.sendall(data[number % len(data)])
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def read_all(connection: socket.socket) -> bytes:
    """What a server sends until it ends a connection."""
    pieces = []
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)
