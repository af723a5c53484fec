"""A full disk: 507, and `/readyz` says what is missing."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.api import bodies, health
from service.app import create_app
from service.settings import Settings
from tests.builders.disks import a_small_disk
from tests.builders.server_process import a_server_process
from tests.conftest import NewUrl

URL = "http://127.0.0.1"


@pytest.fixture
def settings(new_database_url: NewUrl, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=new_database_url("sqlite"))


def test_upload_to_a_full_disk_is_answered_507_and_leaves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file = NamedTemporaryFile

    def open_on_full_disk(**options: Any) -> Any:
        file = open_file(**options)

        def fail(_data: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(file, "write", fail)
        return file

    monkeypatch.setattr(bodies, "NamedTemporaryFile", open_on_full_disk)

    with TestClient(create_app(settings), URL, raise_server_exceptions=False) as client:
        answer = client.post("/v1/datasets", content=b"x,y\n1,2\n")

    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert list(settings.data_dir.glob("upload-*")) == []


def test_server_that_has_hardly_any_room_is_not_ready(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TestClient(create_app(settings), URL) as client:
        before = client.get("/readyz")
        monkeypatch.setattr(health, "MIN_FREE_BYTES", 2**60)
        answer = client.get("/readyz")

    assert before.status_code == 200
    assert answer.status_code == 503
    assert "B left" in answer.json()["detail"]


def test_server_without_its_data_folder_is_not_ready(settings: Settings) -> None:
    with TestClient(create_app(settings), URL) as client:
        settings.data_dir.rmdir()
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "data folder" in answer.json()["detail"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 70 MB."""
    with a_small_disk(tmp_path, "70m") as folder:
        yield folder


def test_server_on_a_full_disk_says_so_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"

    with a_server_process(small_disk) as server, server.client() as client:
        ready = client.get("/readyz")
        ballast.write_bytes(b"x" * 66 * 1024**2)
        refused = client.post("/v1/datasets", content=b"1,2\n" * 2_000_000)
        not_ready = client.get("/readyz")
        ballast.unlink()
        stored = client.post("/v1/datasets", content=b"x,y\n1,2\n")

        assert ready.status_code == 200
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        assert not_ready.status_code == 503
        assert "B left" in not_ready.json()["detail"]
        assert stored.status_code == 201
        assert server.uploads() == []
