"""A real server and a real worker, started once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lowloss import Client
from tests.builders.processes import free_port, running, wait_until_ready
from tests.conftest import NewUrl


@pytest.fixture(scope="module")
def client(new_database_url: NewUrl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server and a worker that share an SQLite database."""
    with _started(tmp_path_factory.mktemp("sqlite"), new_database_url("sqlite")) as connected:
        yield connected


@pytest.fixture
def postgres_client(new_database_url: NewUrl, tmp_path: Path) -> Iterator[Client]:
    """The same on PostgreSQL."""
    with _started(tmp_path, new_database_url("postgres_18")) as connected:
        yield connected


@contextmanager
def _started(folder: Path, database_url: str) -> Iterator[Client]:
    port = str(free_port())
    with (
        running("service.app", data_dir=folder, database_url=database_url, LOWLOSS_PORT=port),
        running("worker.supervisor", data_dir=folder, database_url=database_url),
        Client(f"http://127.0.0.1:{port}") as connected,
    ):
        wait_until_ready(connected)
        yield connected
