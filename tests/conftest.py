"""Fixtures that all tests share: a fresh, migrated database of each kind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

from service.store.database import Database
from tests.builders import postgres

# Two test processes share two cores: OpenMP's threads would wait for each other, spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")

hypothesis.settings.register_profile("fixed_seeds", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed_seeds")

KINDS = ("sqlite", "postgres_18", "postgres_15")

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


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, new_database_url: NewUrl) -> str:
    """The URL of a fresh migrated database, of every kind in turn."""
    return new_database_url(_require(request.param))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database, of every kind in turn."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(new_database_url: NewUrl) -> Iterator[Database]:
    """A fresh migrated SQLite database."""
    opened = Database(new_database_url("sqlite"))
    yield opened
    opened.close()
