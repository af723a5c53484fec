"""Rows of a query become a dataset."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from typer.testing import Result

from lowloss import cli
from lowloss.cli.queries import run_query
from service.store.database import Database
from tests.builders.scripted_server import Server, a_dataset, a_json

Run = Callable[..., Result]


@pytest.fixture
def houses(tmp_path: Path) -> str:
    """The URL of a database of houses."""
    path = tmp_path / "houses.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE houses (area REAL, city TEXT, price INTEGER)")
        rows = [(84.5, "Oslo", 310_000), (None, "Bergen", 198_000)]
        connection.executemany("INSERT INTO houses VALUES (?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


def test_rows_of_a_query_are_uploaded(run: Run, houses: str) -> None:
    server = Server(a_json(a_dataset(), 201))

    done = run(
        *("datasets", "add", "--sql", "SELECT area, price FROM houses", "--from", houses),
        server=server,
    )

    assert done.exit_code == 0, done.output
    assert dict(server.requests[0].url.params) == {"name": "query", "format": "arrow"}
    frame = pl.read_ipc_stream(server.bodies[0])
    assert frame.to_dict(as_series=False) == {"area": [84.5, None], "price": [310_000, 198_000]}


@pytest.mark.parametrize(
    ("query", "url", "shown"),
    [
        ("SELECT nothing FROM houses", None, "--sql: the query failed: "),
        ("DROP TABLE houses", None, "--sql: the query failed: "),
        ("SELECT 1", "mysql://host/name", "--from: 'mysql://host/name' is no database"),
        ("SELECT 1", "sqlite:///no/such/file.db", "--sql: the query failed: "),
    ],
)
def test_query_that_fails_is_one_line(
    run: Run, houses: str, query: str, url: str | None, shown: str
) -> None:
    done = run("datasets", "add", "--sql", query, "--from", url or houses)

    assert done.stderr.startswith(f"error: {shown}")
    assert done.stderr.count("\n") == 1
    assert done.exit_code == cli.REFUSED


def test_query_needs_its_database(run: Run) -> None:
    done = run("datasets", "add", "--sql", "SELECT 1")

    assert done.stderr.startswith("error: --from: a query needs its database")


def test_rows_of_postgresql_have_their_types(database: Database) -> None:
    if database.url.get_backend_name() != "postgresql":
        pytest.skip("of PostgreSQL")
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)

    table = run_query(
        "SELECT 1.25::numeric AS n, date '2024-04-17' AS d, true AS b, 'x' AS t, 7 AS i", url
    )

    assert table.to_pylist() == [{"n": 1.25, "d": date(2024, 4, 17), "b": True, "t": "x", "i": 7}]
