"""Rows of a query become a dataset."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from urllib.parse import quote

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
        ("SELECT 1", "mysql://host/name", "--from: 'mysql' is no database that is read"),
        ("SELECT 1", "houses.db", "--from: the URL of the database has no scheme"),
        ("SELECT 1", "sqlite:///no/such/file.db", "--from: there is no file 'no/such/file.db'"),
        ("SELECT 1", "sqlite:///", "--from: there is no file ''"),
        ("SELECT 1", "sqlite://houses.db", "--from: the URL has no path"),
        ("SELECT 1 AS a, 2 AS b, 3 AS a", None, "two columns are named 'a'"),
    ],
)
def test_query_that_fails_is_one_line(
    run: Run, houses: str, query: str, url: str | None, shown: str
) -> None:
    done = run("datasets", "add", "--sql", query, "--from", url or houses)

    assert done.stderr.startswith(f"error: {shown}")
    assert done.stderr.count("\n") == 1
    assert done.exit_code == cli.REFUSED


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:SECRET@host/name",
        "user:SECRET@host/name",
        "//user:SECRET@host/name",
        "oracle:SECRET@host",
        "postgresql://user:SECRET@[::1/name",
        "postgresql://user:SECRET%zz@127.0.0.1:1/name",
        "postgresql://user:SECRET/s@127.0.0.1/name",
        "postgresql://user:x/SECRET@127.0.0.1:1/name",
        "postgresql://127.0.0.1:1/name?password=SECRET%zz",
        "postgresql://user:SECRET@127.0.0.1:1/name",
    ],
)
def test_password_of_a_database_is_not_shown(run: Run, url: str) -> None:
    done = run("datasets", "add", "--sql", "SELECT 1", "--from", url)

    assert done.exit_code == cli.REFUSED
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "SECRET" not in done.output


@pytest.mark.parametrize("name", ["what?.db", "a#1.db", "100%.db", "a b.db"])
@pytest.mark.parametrize("is_quoted", [True, False])
def test_any_path_can_be_named(tmp_path: Path, name: str, *, is_quoted: bool) -> None:
    with sqlite3.connect(tmp_path / name) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS x")
    connection.close()
    path = f"{tmp_path}/{name}"

    table = run_query("SELECT x FROM t", "sqlite:///" + (quote(path) if is_quoted else path))

    assert table.to_pylist() == [{"x": 7}]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("t.csv", "--sql", "SELECT 1", "--from", "sqlite:///x"), "PATH"),
        (("--builtin", "iris", "--sql", "SELECT 1", "--from", "sqlite:///x"), "--builtin"),
        (("t.csv", "--builtin", "iris"), "PATH"),
        (("--sql", "SELECT 1", "--from", "sqlite:///x", "--format", "csv"), "--format"),
        (("--sql", "SELECT 1", "--from", "sqlite:///x", "--skip-rows", "1"), "--skip-rows"),
        (("--sql", "SELECT 1", "--from", "sqlite:///x", "--type", "a=number"), "--type"),
        (("--builtin", "iris", "--decimal", ","), "--decimal"),
        (("--builtin", "iris", "--null-value", "x"), "--null-value"),
        (("--builtin", "iris", "--no-header"), "--no-header"),
        (("--builtin", "iris", "--format", "csv"), "--format"),
        (("--builtin", "iris", "--from", "sqlite:///x"), "--from"),
        (("t.csv", "--from", "sqlite:///x"), "--from"),
    ],
)
def test_what_would_be_ignored_is_refused_and_named(
    run: Run, arguments: tuple[str, ...], option: str
) -> None:
    done = run("datasets", "add", *arguments)

    assert done.stderr.startswith(f"error: {option}: ")
    assert done.exit_code == cli.REFUSED


@pytest.mark.parametrize(
    ("arguments", "option"), [(("--no-header",), "--no-header"), (("ds_1",), "DATASET")]
)
def test_what_is_beside_a_built_in_table_is_refused(
    run: Run, arguments: tuple[str, ...], option: str
) -> None:
    done = run("submit", "--builtin", "iris", *arguments)

    assert done.stderr.startswith(f"error: {option}: ")


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
