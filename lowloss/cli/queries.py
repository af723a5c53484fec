"""Runs a query on this machine, so that its rows can be uploaded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from lowloss.cli.extras import require_extra
from lowloss.errors import InvalidRequest
from lowloss.wording import describe_error

MODULES = ("adbc_driver_manager", "adbc_driver_postgresql", "adbc_driver_sqlite", "pyarrow")
URLS = "give postgresql://USER@HOST/NAME or sqlite:///PATH"
PASSWORD = re.compile(r"//[^:]*:(.*)@|[?&]password=([^&]*)")
"""A password in a URL, also in one that is not well written."""


def run_query(query: str, url: str) -> Any:
    """Return a query's rows as a table of pyarrow; `url` is postgresql://… or sqlite:///PATH."""
    require_extra("sql", *MODULES, detail="no driver of databases is installed", field="--sql")
    import adbc_driver_manager
    import pyarrow as pa

    try:
        with _connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            table = cursor.fetch_arrow_table()
    except adbc_driver_manager.Error as error:
        reason = _hide_password(describe_error(error), url)
        raise InvalidRequest(f"the query failed: {reason}", field="--sql") from error
    # PostgreSQL's numeric comes as text. Not by a mapping, in which one of two names would be lost.
    columns = [_to_plain(column) for column in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _connect(url: str) -> Any:
    # Errors show no more of it: there may be a password.
    scheme, separator, path = url.partition("://")
    if not separator:
        raise InvalidRequest("the URL of the database has no scheme", field="--from", fix=URLS)
    match scheme:
        case "postgresql" | "postgres":
            from adbc_driver_postgresql import dbapi as postgresql

            return postgresql.connect(url)
        case "sqlite":
            return _open_sqlite(path)
        case _:
            raise InvalidRequest(
                f"{scheme!r} is no database that is read", field="--from", fix=URLS
            )


def _open_sqlite(path: str) -> Any:
    """Open a file read only: /relative or //absolute, as SQLAlchemy writes them."""
    from adbc_driver_sqlite import dbapi as sqlite

    if not path.startswith("/"):
        raise InvalidRequest("the URL has no path", field="--from", fix="give sqlite:///PATH")
    file = unquote(path.removeprefix("/"))
    if not Path(file).is_file():
        raise InvalidRequest(f"there is no file {file!r}", field="--from", fix=URLS)
    return sqlite.connect(f"file:{quote(file)}?mode=ro")


def _hide_password(reason: str, url: str) -> str:
    """Return what a driver says without the URL, and without the words of its password."""
    reason = reason.replace(url, "the URL")
    passwords = [text for match in PASSWORD.finditer(url) for text in match.groups() if text]
    for password in passwords:
        reason = reason.replace(password, "***")
        # A driver may have taken a part of it for the host, or for the port.
        for word in filter(None, re.split(r"\W+", f"{password} {unquote(password)}")):
            reason = re.sub(rf"\b{re.escape(word)}\b", "***", reason)
    return reason


def _to_plain(column: Any) -> Any:
    import pyarrow as pa

    is_numeric = getattr(column.type, "type_name", None) == "numeric"
    return column.cast(pa.string()).cast(pa.float64()) if is_numeric else column
