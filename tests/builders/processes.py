"""Real processes for the tests that kill them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from lowloss import Client
from lowloss.errors import ServerUnreachable

T = TypeVar("T")

FAST = {
    "LOWLOSS_LEASE_SECONDS": "3",
    "LOWLOSS_RENEW_SECONDS": "1",
    "LOWLOSS_POLL_SECONDS": "0.1",
    "LOWLOSS_RETRY_SECONDS": "0.1",
}
"""Settings under which a crash is noticed within seconds."""


def wait_for(look: Callable[[], T | None], *, seconds: float = 90.0, what: str = "") -> T:
    """What `look` finds, looked for until it finds something. Other processes cannot be awaited."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s for {what or look}")


def start(
    module: str, *, data_dir: Path, database_url: str, **given: str
) -> subprocess.Popen[bytes]:
    """A module of ours as a process of its own, its words in a log in the data folder."""
    env = os.environ | FAST | {"LOWLOSS_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
    env |= {"LOWLOSS_DATABASE_URL": database_url} | given
    with (data_dir / f"{module}.log").open("a") as log:
        return subprocess.Popen([sys.executable, "-m", module], env=env, stdout=log, stderr=log)


@contextmanager
def running(
    module: str, *, data_dir: Path, database_url: str, **given: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is stopped at the end, whatever happened to it."""
    process = start(module, data_dir=data_dir, database_url=database_url, **given)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_ready(client: Client) -> None:
    """Wait until a server that was just started answers."""

    def is_ready() -> bool:
        try:
            return next(client.jobs(), None) is not None or True
        except ServerUnreachable:
            return False

    wait_for(is_ready, what="the server")


def child_of(process: subprocess.Popen[bytes]) -> psutil.Process:
    """The one child process of a supervisor."""
    return wait_for(lambda: next(iter(psutil.Process(process.pid).children()), None), what="child")


def kill(process: subprocess.Popen[bytes] | psutil.Process) -> None:
    """End a process at once, as `kill -9` does."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
