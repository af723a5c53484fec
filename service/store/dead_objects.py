"""Objects that no blob needs, from before its row is deleted until they are.

`migrations/env.py` knows this table, too.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, case, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.store.database import Database, insert_if_absent, utc_now
from service.store.mapping import MappedTable
from service.store.objects import OBJECTS_PATH_LENGTH, delete_parts

DEAD_SECONDS = 60.0
"""The time between two attempts to delete objects, so that two processes do not try at once."""


class DeadObjectsRow(MappedTable):
    """The objects of a blob that is gone; that they are deleted was tried last at `tried_at`."""

    __tablename__ = "dead_objects"
    objects_url: Mapped[str] = mapped_column(primary_key=True)
    parts: Mapped[int]
    tried_at: Mapped[datetime | None]


def name_dead(session: Session, objects_url: str, parts: int) -> None:
    """Record that nothing needs the first objects below a URL; who is idle deletes them.

    Where that is recorded, and being done, it is to be done again: one may be newer. Of two
    numbers of them the larger one holds.
    """
    insert_if_absent(session, DeadObjectsRow, [{"objects_url": objects_url, "parts": parts}])
    is_theirs = DeadObjectsRow.objects_url == objects_url
    larger = case((DeadObjectsRow.parts < parts, parts), else_=DeadObjectsRow.parts)
    session.execute(update(DeadObjectsRow).where(is_theirs).values(tried_at=None, parts=larger))


def delete_dead_objects(database: Database) -> bool:
    """Delete the objects of a blob that is gone; return whether there was one.

    Only directly below the object store of the settings: a copy of a database, restored with
    another one or none, must not delete what the original reads. Raise ObjectStoreAway; they are
    tried again a minute later, after others.
    """
    if database.blob_store is None:
        return False
    tried_at = DeadObjectsRow.tried_at
    with database.transaction() as session:
        dead = session.scalar(
            select(DeadObjectsRow)
            .where(
                or_(tried_at.is_(None), tried_at < utc_now(-DEAD_SECONDS)),
                _is_directly_below(database.blob_store),
            )
            .order_by(tried_at.asc().nulls_first())
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if dead is None:
            return False
        objects_url, parts = dead.objects_url, dead.parts
        dead.tried_at = utc_now()
    delete_parts(objects_url, parts)
    with database.transaction() as session:
        # Unless they were named again meanwhile.
        is_theirs = DeadObjectsRow.objects_url == objects_url
        session.execute(delete(DeadObjectsRow).where(is_theirs, tried_at.is_not(None)))
    return True


def _is_directly_below(store_url: str) -> ColumnElement[bool]:
    """Return whether objects are of this store, and of none whose URL only begins like its own.

    `s3://models` must not delete what `s3://models/lowloss` reads; SQLite's LIKE ignores case, too.
    """
    prefix, objects_url = f"{store_url}/", DeadObjectsRow.objects_url
    has_length = func.length(objects_url) == len(prefix) + OBJECTS_PATH_LENGTH
    return has_length & (func.substr(objects_url, 1, len(prefix)) == prefix)
