"""`lowloss serve` runs its children together, and none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lowloss.cli import SERVER_FAILED
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two modules: one that stays until it is stopped, one that ends once the other has begun."""
    (tmp_path / "stays.py").write_text(STAYS)
    (tmp_path / "ends.py").write_text(ENDS)
    return tmp_path


def test_one_that_ends_ends_the_other(folder: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)

    ended = serve(["stays", "ends"], {"PYTHONPATH": str(folder), "FOLDER": str(folder)})

    assert ended == "ends ended with code 3"
    assert (folder / "stopped").exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_module_that_cannot_start_ends_the_other(folder: Path) -> None:
    before = psutil.Process().children()

    ended = serve(["stays", "no_such_module"], {"PYTHONPATH": str(folder), "FOLDER": str(folder)})

    assert ended == "no_such_module ended with code 1"
    assert psutil.Process().children() == before


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


def test_server_that_dies_ends_all_with_one_line(serving: Serving) -> None:
    kill(serving.server)

    assert serving.process.wait(30) == SERVER_FAILED
    last = serving.log.read_text().splitlines()[-1]
    assert last == "error: service.app ended with code -9; everything was stopped"


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
