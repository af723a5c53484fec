"""A server and its clients in one event loop, for tests of what waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, func, select

from service.resources.changes import Changes
from service.store.database import Database
from service.store.jobs import Change
from service.store.schema import ProjectRow


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """The app, started, and a client of it."""
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client,
    ):
        yield client


def note_waits(changes: Changes, count: int) -> asyncio.Event:
    """An event that is set once so many waits have begun."""
    begun = asyncio.Event()
    seen = 0
    wait = changes.wait

    async def noted(
        job_id: str, is_met: Callable[[Change], bool], *, seconds: float
    ) -> Change | None:
        nonlocal seen
        seen += 1
        if seen >= count:
            begun.set()
        return await wait(job_id, is_met, seconds=seconds)

    changes.wait = noted  # type: ignore[method-assign]
    return begun


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    """The statements that are sent to a database, without the beginnings of transactions."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def count_rows(database: Database) -> dict[str, int]:
    """How many rows each table has, but for the audit log: that tells of requests."""
    with database.reading() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in ProjectRow.metadata.tables.items()
            if name != "audit"
        }


def upload(client: TestClient, data: bytes, **parameters: str) -> Any:
    """The answer to an upload; as a CSV unless said otherwise."""
    params = {"name": "table", "format": "csv"} | parameters
    return client.post("/v1/datasets", params=params, content=data)


def a_csv(rows: int = 40) -> bytes:
    """A CSV of a feature and a target that is linear in it."""
    lines = [f"{row * 0.5},{row * 1.5 + row % 3}" for row in range(rows)]
    return ("x,y\n" + "\n".join(lines) + "\n").encode()
