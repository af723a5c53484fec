"""Fixtures that all tests share: a fresh, migrated database of each kind, and an object store."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from service.store.database import Database
from service.store.objects import forget_buckets
from tests.builders import postgres

if TYPE_CHECKING:
    from tests.builders.object_store import ObjectStore

# Two test processes share two cores: OpenMP's threads would wait for each other, spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")

hypothesis.settings.register_profile("fixed_seeds", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed_seeds")

KINDS = ("sqlite", "postgres_18", "postgres_15")
WITH_OBJECTS = "_and_s3"
"""The end of a kind whose blobs are in an object store."""
HOMES = (*KINDS, f"sqlite{WITH_OBJECTS}", f"postgres_18{WITH_OBJECTS}")

NewUrl = Callable[[str], str]


@pytest.fixture(scope="session")
def new_database_url() -> Iterator[NewUrl]:
    """Makes fresh migrated databases of a kind: each a copy of one that was migrated once."""
    with ExitStack() as stack:
        # Not in pytest's own folder: that is closed to the user that PostgreSQL runs as.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lowloss-")))
        folder.chmod(0o755)
        makers: dict[str, NewUrl] = {}

        def make(kind: str) -> str:
            if kind not in makers:
                maker = _sqlite_maker if kind == "sqlite" else _postgres_maker
                makers[kind] = maker(kind, folder, stack)
            return makers[kind](kind)

        yield make


def _sqlite_maker(kind: str, folder: Path, _stack: ExitStack) -> NewUrl:
    template = folder / "template.sqlite3"
    database = Database(f"sqlite:///{template}")
    database.migrate()
    database.close()
    numbers = iter(range(1_000_000))

    def make(_kind: str) -> str:
        path = folder / f"{kind}_{next(numbers)}.sqlite3"
        shutil.copy(template, path)
        return f"sqlite:///{path}"

    return make


def _postgres_maker(kind: str, folder: Path, stack: ExitStack) -> NewUrl:
    start = postgres.postgres_18 if kind == "postgres_18" else postgres.postgres_15
    server = stack.enter_context(start(folder))
    template = postgres.create_database(server, "template_migrated")
    database = Database(template.render_as_string(hide_password=False))
    database.migrate()
    database.close()
    numbers = iter(range(1_000_000))

    def make(_kind: str) -> str:
        name = f"test_{next(numbers)}"
        url = postgres.create_database(server, name, template="template_migrated")
        return url.render_as_string(hide_password=False)

    return make


def _require(kind: str) -> str:
    if kind == "postgres_15" and not postgres.DEBIAN_15.exists():
        pytest.skip("Debian's postgresql-15 is not installed")
    return kind


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests on every kind of database, and those marked `homes` also beside an object store."""
    if "database_kind" in metafunc.fixturenames:
        is_of_blobs = metafunc.definition.get_closest_marker("homes") is not None
        metafunc.parametrize("database_kind", HOMES if is_of_blobs else KINDS, indirect=True)


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """Every kind of database in turn."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(database_kind: str, new_database_url: NewUrl) -> str:
    """The URL of a fresh migrated database, of every kind in turn."""
    return new_database_url(_require(database_kind.removesuffix(WITH_OBJECTS)))


@pytest.fixture
def blob_store(database_kind: str, request: pytest.FixtureRequest) -> str | None:
    """Where the blobs of the database are; None where they are in it."""
    if not database_kind.endswith(WITH_OBJECTS):
        return None
    store: ObjectStore = request.getfixturevalue("object_store")
    return store.new_url()


@pytest.fixture
def database(database_url: str, blob_store: str | None) -> Iterator[Database]:
    """A fresh migrated database, of every kind in turn."""
    opened = Database(database_url, blob_store=blob_store)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def started_object_store() -> Iterator[ObjectStore]:
    """An object store of this process."""
    # It takes a second to import.
    from tests.builders.object_store import ObjectStore

    store = ObjectStore()
    yield store
    store.stop()


@pytest.fixture
def object_store(started_object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """An object store that this process finds by its environment."""
    for name, value in started_object_store.environment.items():
        monkeypatch.setenv(name, value)
    forget_buckets()
    return started_object_store


@pytest.fixture
def sqlite_database(new_database_url: NewUrl) -> Iterator[Database]:
    """A fresh migrated SQLite database."""
    opened = Database(new_database_url("sqlite"))
    yield opened
    opened.close()
