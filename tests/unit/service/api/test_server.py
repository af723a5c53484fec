"""`python -m service.app`: a process that says where it is and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lowloss.errors import LowlossError
from lowloss.processes.parent import PARENT_PIPE
from lowloss.spec import NewToken, Scope
from service.app import main, make_server
from service.settings import Settings
from service.store.database import Database
from service.store.tokens import create_token
from tests.builders.store import a_job

STOP_SECONDS = 8


def _start(folder: Path, **given: str) -> subprocess.Popen[str]:
    env = os.environ | {"LOWLOSS_DATA_DIR": str(folder), "LOWLOSS_PORT": "0"} | given
    return subprocess.Popen(
        [sys.executable, "-m", "service.app"],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with _start(tmp_path, **{PARENT_PIPE: "1"}) as process:
        yield process
        process.kill()


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().split()[-1]


def test_server_migrates_says_where_it_is_and_ends_open_streams_on_sigterm(
    server: subprocess.Popen[str], tmp_path: Path
) -> None:
    url = _url(server)
    store = Database(f"sqlite:///{tmp_path / 'lowloss.sqlite3'}")
    job_id = a_job(store)
    store.close()

    with httpx2.stream("GET", f"{url}/v1/jobs/{job_id}/events", timeout=30) as stream:
        lines = stream.iter_lines()
        first = next(lines)
        server.send_signal(signal.SIGTERM)
        rest = list(lines)
    code = server.wait(STOP_SECONDS)

    assert first == "event: job.queued"
    assert "event: job.finished" not in rest
    assert code == 0


def test_server_ends_with_its_parent(server: subprocess.Popen[str]) -> None:
    url = _url(server)
    assert httpx2.get(f"{url}/readyz").status_code == 200
    assert server.stdin is not None

    server.stdin.close()

    assert server.wait(STOP_SECONDS) == 0


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ({"host": "127.0.0.1"}, "every program of this machine"),
        ({"host": "0.0.0.0", "allow_anonymous": "yes-i-mean-it"}, "whoever reaches 0.0.0.0"),
        ({"host": "0.0.0.0", "tokens": "one"}, ""),
    ],
)
def test_server_without_tokens_warns_at_each_start(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, *, given: dict[str, Any], warned: str
) -> None:
    server = make_server(Settings(data_dir=tmp_path, port=0, **given))
    server.resources.database.close()

    assert warned in caplog.text
    assert bool(caplog.records) == bool(warned)


def test_server_with_a_token_of_the_store_may_listen_beyond_loopback(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, host="0.0.0.0", port=0)
    with pytest.raises(LowlossError, match="without a token"):
        make_server(settings)
    store = Database(settings.url)
    with store.transaction() as session:
        create_token(session, NewToken(name="me", scope=Scope.admin))
    store.close()

    make_server(settings).resources.database.close()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"LOWLOSS_HOST": "0.0.0.0"}, "LOWLOSS_TOKENS"),
        ({"LOWLOSS_PORT": "many"}, "LOWLOSS_PORT"),
    ],
)
def test_server_that_may_not_start_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, given: dict[str, str], told: str
) -> None:
    monkeypatch.setenv("LOWLOSS_DATA_DIR", str(tmp_path))
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as end:
        main()

    # What sys.exit is given it prints to the standard error, and the exit code is 1.
    assert isinstance(end.value.code, str)
    assert told in end.value.code
    assert len(end.value.code.splitlines()) == 1
