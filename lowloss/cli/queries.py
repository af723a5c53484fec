"""Runs a query on this machine, so that its rows can be uploaded."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from lowloss.cli.extras import require_extra
from lowloss.errors import InvalidRequest

MODULES = ("adbc_driver_manager", "adbc_driver_postgresql", "adbc_driver_sqlite", "pyarrow")


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
        reason = str(error).splitlines()[0]
        raise InvalidRequest(f"the query failed: {reason}", field="--sql") from error
    # PostgreSQL's numeric comes as text.
    columns = [_to_plain(column) for column in table.columns]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def _connect(url: str) -> Any:
    parts = urlsplit(url)
    match parts.scheme:
        case "postgresql" | "postgres":
            from adbc_driver_postgresql import dbapi as postgresql

            return postgresql.connect(url)
        case "sqlite":
            from adbc_driver_sqlite import dbapi as sqlite

            # sqlite:///relative and sqlite:////absolute, as SQLAlchemy writes them; read only.
            path = unquote(parts.path.removeprefix("/"))
            return sqlite.connect(f"file:{path}?mode=ro")
        case _:
            raise InvalidRequest(
                f"{url!r} is no database that is read",
                field="--from",
                fix="give postgresql://USER@HOST/NAME or sqlite:///PATH",
            )


def _to_plain(column: Any) -> Any:
    import pyarrow as pa

    is_numeric = getattr(column.type, "type_name", None) == "numeric"
    return column.cast(pa.string()).cast(pa.float64()) if is_numeric else column
