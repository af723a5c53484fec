"""What a database says of itself: its kind and version, its clock, its schema."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from lowloss.errors import NotReady
from lowloss.wording import describe_error
from service.store.database import Database, utc_now
from service.store.schema import BlobRow, WorkerRow
from service.store.space import Space, measure_space
from service.store.workers import ALIVE_SECONDS


@dataclass(frozen=True)
class DatabaseFacts:
    """A database that responds; `journal_mode` is SQLite's."""

    product: str
    journal_mode: str | None
    now: datetime
    has_schema: bool
    space: Space


@dataclass(frozen=True)
class StoredObjects:
    """A blob in an object store, of which the first `stored_parts` are written."""

    objects_url: str
    size_bytes: int
    stored_parts: int


def read_facts(database: Database) -> DatabaseFacts:
    """Ask a database of itself, without changing it; raise NotReady where it does not respond."""
    is_sqlite = database.is_sqlite
    try:
        with database.reading() as session:
            version = "SELECT sqlite_version()" if is_sqlite else "SHOW server_version"
            number = session.scalar(text(version))
            mode = session.scalar(text("PRAGMA journal_mode")) if is_sqlite else None
            now = session.scalars(select(utc_now())).one()
            space = measure_space(session)
    except DBAPIError as error:
        raise NotReady(describe_error(error.orig or error)) from error
    product = f"{'SQLite' if is_sqlite else 'PostgreSQL'} {number}"
    return DatabaseFacts(product, mode, now, database.is_ready(), space)


def count_live_workers(database: Database) -> int:
    """Count the workers that are alive."""
    is_alive = WorkerRow.seen_at >= utc_now(-ALIVE_SECONDS)
    with database.reading() as session:
        return session.scalar(select(func.count()).where(is_alive)) or 0


def count_objects(database: Database) -> tuple[int, int]:
    """Return the number of blobs in an object store, and the bytes of them."""
    in_objects = BlobRow.objects_url.is_not(None)
    with database.reading() as session:
        sums = select(func.count(), func.sum(BlobRow.size_bytes)).where(in_objects)
        blobs, size_bytes = session.execute(sums).one()
    return blobs, int(size_bytes or 0)


def list_newest_objects(database: Database, *, limit: int) -> list[StoredObjects]:
    """List where blobs in an object store are, those that were touched last first."""
    columns = BlobRow.objects_url, BlobRow.size_bytes, BlobRow.stored_parts
    is_stored = BlobRow.objects_url.is_not(None), BlobRow.stored_parts > 0
    query = select(*columns).where(*is_stored).order_by(BlobRow.touched_at.desc()).limit(limit)
    with database.reading() as session:
        return [
            StoredObjects(str(objects_url), size_bytes, parts)
            for objects_url, size_bytes, parts in session.execute(query)
        ]
