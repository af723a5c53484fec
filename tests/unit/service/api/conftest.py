"""A server in this process, over a fresh migrated SQLite database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from service.store.database import Database
from tests.conftest import NewUrl

URL = "http://127.0.0.1"
"""Where tests reach the server: it answers to this machine's own names alone."""


@pytest.fixture
def settings(new_database_url: NewUrl, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=new_database_url("sqlite"))


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """A server that looks for tokens as it starts, and not in a request that is counted."""
    monkeypatch.setattr("service.access.tokens.LOOK_SECONDS", 3600.0)
    return create_app(settings)


@pytest.fixture
def store(app: FastAPI) -> Database:
    """The server's own database: to put things in and to look at what is there."""
    database: Database = app.state.resources.database
    return database


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, URL, raise_server_exceptions=False) as opened:
        yield opened
