"""`lowloss serve` runs its children together, restarts them, and none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from unittest.mock import Mock

import psutil
import pytest

from lowloss.cli import SERVER_FAILED
from lowloss.cli.errors import REFUSED
from lowloss.processes import serve as serving_module
from lowloss.processes.parent import PARENT_PIPE
from lowloss.processes.serve import serve
from tests.builders.processes import free_port, kill, wait_for

STAYS = """
import os, pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
pathlib.Path(os.environ["FOLDER"], "started").touch()
try:
    sys.stdin.read()
finally:
    pathlib.Path(os.environ["FOLDER"], "stopped").touch()
"""
ENDS = """
import os, pathlib, sys, time
while not pathlib.Path(os.environ["FOLDER"], "started").exists():
    time.sleep(0.01)
sys.exit(3)
"""
DIES = """
import os, pathlib, signal, sys
starts = pathlib.Path(os.environ["FOLDER"], "starts")
count = len(starts.read_text()) if starts.exists() else 0
starts.write_text("x" * (count + 1))
with pathlib.Path(os.environ["FOLDER"], "pids").open("a") as pids:
    print(os.getpid(), os.environ.get("LOWLOSS_PREDECESSOR"), file=pids)
if count == 0:
    os.kill(os.getpid(), signal.SIGKILL)
if count == 1:
    sys.exit(3)
os.kill(os.getppid(), signal.SIGTERM)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two modules: one that stays until it is stopped, one that ends once the other has begun."""
    (tmp_path / "stays.py").write_text(STAYS)
    (tmp_path / "ends.py").write_text(ENDS)
    return tmp_path


def run_serve(modules: list[str], folder: Path) -> tuple[str | None, list[str]]:
    """Answers why it ended, and what it reported."""
    reports: list[str] = []
    settings = {"PYTHONPATH": str(folder), "FOLDER": str(folder)}
    return serve(modules, settings, report=reports.append), reports


def test_one_that_gives_up_at_its_start_ends_the_other(folder: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)

    ended, reports = run_serve(["stays", "ends"], folder)

    assert reports == []
    assert ended == "ends ended with code 3"
    assert (folder / "stopped").exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_module_that_cannot_start_ends_the_other(folder: Path) -> None:
    before = psutil.Process().children()

    ended, _ = run_serve(["stays", "no_such_module"], folder)

    assert ended == "no_such_module ended with code 1"
    assert psutil.Process().children() == before


def test_dead_process_is_started_again_after_waits_that_double(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_module, "FIRST_WAIT_SECONDS", 0.01)
    (folder / "dies.py").write_text(DIES)

    ended, reports = run_serve(["dies"], folder)

    assert ended is None
    # A signal first; then its own code, which at a first start would have ended all.
    assert reports == [
        "dies ended with code -9; it is started again in 0 s",
        "dies ended with code 3; it is started again in 0 s",
    ]
    pids = [line.split() for line in (folder / "pids").read_text().splitlines()]
    assert [predecessor for _, predecessor in pids] == ["None", pids[0][0], pids[1][0]]


def test_waits_double_up_to_a_minute_and_begin_anew_after_a_steady_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving_module, "Timer", Mock())
    service = serving_module._Service("any", {}, SimpleQueue(), started_at=time.monotonic())

    waits = [service.restart_later() for _ in range(8)]
    service.started_at -= serving_module.STEADY_SECONDS
    after_steady_run = service.restart_later()

    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert after_steady_run == 1.0


class Serving:
    """A real `lowloss serve --no-worker` and its server."""

    def __init__(self, folder: Path, **given: str) -> None:
        self.log = folder / "log"
        env = os.environ | {"LOWLOSS_DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"} | given
        command = [sys.executable, "-m", "lowloss", "serve", "--no-worker"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(free_port()), "--data-dir", str(folder)],
                env=env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        wait_for(self._is_up, what="the server")
        (self.server,) = psutil.Process(self.process.pid).children()

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "lowloss serves http://127.0.0.1:" in self.log.read_text()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        psutil.wait_procs([self.server], timeout=30)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    started = Serving(tmp_path)
    yield started
    started.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_all_well(serving: Serving, number: int) -> None:
    serving.process.send_signal(number)

    assert serving.process.wait(30) == 0
    assert not serving.server.is_running()
    assert "Traceback" not in serving.log.read_text()


def test_server_that_dies_is_started_again_with_a_line(serving: Serving) -> None:
    kill(serving.server)

    def restarted() -> bool:
        return serving.log.read_text().count("lowloss serves http://127.0.0.1:") == 2

    wait_for(restarted, what="the restarted server")
    assert (
        "service.app ended with code -9; it is started again in 1 s"
        in serving.log.read_text().splitlines()
    )
    (serving.server,) = psutil.Process(serving.process.pid).children()


def start_serve(*options: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lowloss", "serve", *options],
        env=os.environ | env,
        check=False,
        capture_output=True,
        text=True,
    )


def test_port_that_is_taken_is_said_in_one_line(serving: Serving, tmp_path: Path) -> None:
    port = serving.log.read_text().rpartition(":")[2].strip()

    ended = start_serve("--port", port, "--data-dir", str(tmp_path / "other"))

    assert ended.returncode == REFUSED
    (line,) = ended.stderr.splitlines()
    assert f"--port (LOWLOSS_PORT): another program listens on port {port} of 127.0.0.1" in line


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("192.0.2.1", "192.0.2.1 is no address of this machine"),
        ("no.such.host.invalid", "there is no host 'no.such.host.invalid'"),
    ],
)
def test_host_that_cannot_be_used_is_said_in_one_line(
    host: str, words: str, tmp_path: Path
) -> None:
    ended = start_serve("--data-dir", str(tmp_path), LOWLOSS_HOST=host)

    assert ended.returncode == REFUSED
    (line,) = ended.stderr.splitlines()
    assert f"--host (LOWLOSS_HOST): {words}" in line


def test_server_that_cannot_start_ends_all_and_says_why(tmp_path: Path) -> None:
    options = ("--no-worker", "--host", "0.0.0.0", "--port", str(free_port()))

    ended = start_serve(*options, "--data-dir", str(tmp_path))

    assert ended.returncode == SERVER_FAILED
    why, last = ended.stderr.splitlines()
    assert "without a token anyone could use the server" in why
    assert last == "error: service.app ended with code 1; everything was stopped"


def test_killed_serve_leaves_nothing_behind(serving: Serving) -> None:
    kill(serving.process)

    gone, alive = psutil.wait_procs([serving.server], timeout=30)

    assert gone
    assert not alive


def test_serve_ends_with_a_parent_that_holds_its_pipe(tmp_path: Path) -> None:
    serving = Serving(tmp_path, **{PARENT_PIPE: "1"})
    assert serving.process.stdin is not None

    serving.process.stdin.close()

    assert serving.process.wait(30) == 0
    assert not serving.server.is_running()
    serving.close()
