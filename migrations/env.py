"""Runs the migrations for Alembic, on the connection that the store passes."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from service.settings import Settings
from service.store.database import Database, Json, UtcDateTime
from service.store.dead_objects import DeadObjectsRow
from service.store.schema import ProjectRow

TABLES = ProjectRow, DeadObjectsRow
"""A table of each module that has some: they share their metadata."""


def _render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Render the store's own types by their names."""
    if kind == "type" and isinstance(item, UtcDateTime):
        context.imports.add("from service.store.database import UtcDateTime")
        return "UtcDateTime()"
    if kind == "type" and item is Json:
        context.imports.add("from service.store.database import Json")
        return "Json"
    return False


def _run_migrations(connection: Connection) -> None:
    # SQLite cannot alter a constraint in place: batch mode rebuilds the table.
    context.configure(
        connection=connection,
        target_metadata=TABLES[0].metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=_render_item,
    )
    context.run_migrations()


store_connection = context.config.attributes.get("connection")
if store_connection is not None:
    _run_migrations(store_connection)
else:
    engine = Database(Settings().url).engine.execution_options(rebuilds_tables=True)
    with engine.begin() as connection:
        _run_migrations(connection)
