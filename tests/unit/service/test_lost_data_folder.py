"""A data folder that goes away, or becomes read-only: nothing is acknowledged that would be lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from lowloss.results import JobState
from service.api import bodies
from service.app import create_app
from service.settings import Settings
from service.store.database import Database, is_busy
from tests.builders.processes import wait_for
from tests.builders.server_process import a_server_process
from tests.builders.store import a_job
from tests.builders.workers import read, working

URL = "http://127.0.0.1"
TABLE = b"x,y\n" + b"".join(b"%d,%d\n" % (n, 3 * n) for n in range(60))
SLEEP = "import json, sys, time; print(json.dumps({'ready': True}), flush=True); time.sleep(600)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a database."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    """A database with a connection in its pool, whose folder is its own."""
    opened = Database(f"sqlite:///{folder / 'lowloss.sqlite3'}")
    opened.prepare()
    yield opened
    opened.close()


def delete(folder: Path) -> None:
    shutil.rmtree(folder)


def replace(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    other = Database(f"sqlite:///{folder / 'lowloss.sqlite3'}")
    other.prepare()
    other.close()


def move(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize("lose", [delete, replace, move])
def test_what_would_be_written_into_a_lost_file_is_refused(
    database: Database, folder: Path, lose: Callable[[Path], None]
) -> None:
    job_id = a_job(database)

    lose(folder)

    with pytest.raises(OperationalError, match="deleted, moved or replaced") as refused:
        a_job(database)
    assert is_busy(refused.value)
    with pytest.raises(OperationalError, match="deleted, moved or replaced"):
        read(database, job_id)
    assert not database.is_ready()


def test_file_that_is_put_back_is_used_again(database: Database, folder: Path) -> None:
    job_id = a_job(database)
    move(folder)
    assert not database.is_ready()

    folder.with_name("elsewhere").rename(folder)

    assert database.is_ready()
    assert read(database, job_id).state is JobState.queued


def test_worker_waits_for_a_file_that_is_put_back(
    database: Database, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = a_job(database)

    with working(database, (sys.executable, "-c", SLEEP), renew_seconds=0.1):
        wait_for(lambda: read(database, job_id).state is JobState.running)
        move(folder)
        wait_for(lambda: "could not be renewed" in caplog.text)
        folder.with_name("elsewhere").rename(folder)
        seconds = read(database, job_id).progress.seconds
        wait_for(lambda: read(database, job_id).progress.seconds > seconds)

    job = read(database, job_id)
    assert (job.state, job.attempt, job.failures) == (JobState.queued, 1, 0)


def test_server_without_its_data_acknowledges_nothing(folder: Path) -> None:
    with a_server_process(folder) as server, server.client() as client:
        assert client.post("/v1/datasets", content=TABLE).status_code == 201
        delete(folder)
        without = [client.get("/readyz"), client.post("/v1/datasets", content=TABLE)]
        folder.mkdir()
        anew = [client.get("/readyz"), client.post("/v1/datasets", content=TABLE)]
        listed = client.get("/v1/datasets")

    answers = [*without, *anew, listed]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(503, "not_ready")] * 5
    with a_server_process(folder) as server, server.client() as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/datasets").json()["items"] == []


def test_upload_into_a_read_only_folder_is_refused_with_the_reason(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    settings = Settings(data_dir=folder, database_url=str(database.url))
    monkeypatch.setattr(bodies, "NamedTemporaryFile", fail)

    with TestClient(create_app(settings), URL, raise_server_exceptions=False) as client:
        answer = client.post("/v1/datasets", content=TABLE)

    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "Read-only file system" in answer.json()["detail"]


def test_server_with_a_read_only_database_still_reads(database: Database, folder: Path) -> None:
    job_id = a_job(database)
    app = create_app(Settings(data_dir=folder, database_url=str(database.url)))

    # SQLite then fails as it does on a read-only disk, which root can always write.
    @event.listens_for(app.state.resources.database.engine, "connect")
    def make_read_only(connection: Any, _: object) -> None:
        connection.execute("PRAGMA query_only=ON").close()

    with TestClient(app, URL, raise_server_exceptions=False) as client:
        written = client.post(f"/v1/jobs/{job_id}/cancel")
        shown = client.get(f"/v1/jobs/{job_id}")

    assert (written.status_code, written.json()["code"]) == (503, "not_ready")
    assert (shown.status_code, shown.json()["state"]) == (200, "queued")


@pytest.mark.parametrize("name", ["data", "other"])
def test_server_that_starts_on_a_read_only_disk_says_so_in_one_line(
    tmp_path: Path, name: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")
    try:
        with a_server_process(disk / "data"):
            pass
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        started = subprocess.run(
            [sys.executable, "-m", "service.app"],
            env=os.environ | {"LOWLOSS_DATA_DIR": str(disk / name), "LOWLOSS_PORT": "0"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        subprocess.run(["umount", "-l", disk], check=True)

    assert started.returncode == 1
    assert started.stderr.count("\n") == 1
    assert "cannot be" in started.stderr
