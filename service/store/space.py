"""Room in the database: how much it has on disk, and how SQLite's file becomes smaller.

Rows that are deleted leave free pages, which the next rows take. PostgreSQL gives those at the end
of a table back by itself (autovacuum), SQLite when it is asked to.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import pysqlite3.dbapi2
from sqlalchemy import text
from sqlalchemy.orm import Session

from lowloss.errors import LowlossError
from service.store.backups import connecting, path_of
from service.store.database import Database, complete_url

INCREMENTAL = 2
"""The value of SQLite's `auto_vacuum` with which pages can be given back a few at a time."""
SPARE_PAGES = 1024
"""Free pages that stay for the next rows: 4 MiB."""
STEP_PAGES = 2048
"""Pages that one transaction gives back: 8 MiB."""


@dataclass(frozen=True)
class Space:
    """The bytes of a database on disk and, of SQLite, how many of them no row needs.

    `can_shrink` is False for a file of SQLite that has to be rewritten once.
    """

    total_bytes: int
    free_bytes: int | None = None
    can_shrink: bool = True


def measure_space(session: Session) -> Space:
    """Return how much room a database takes."""
    if session.get_bind().dialect.name != "sqlite":
        return Space(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    pages, page_bytes, free_pages, mode = session.execute(
        text(
            "SELECT page_count, page_size, freelist_count, auto_vacuum FROM pragma_page_count, "
            "pragma_page_size, pragma_freelist_count, pragma_auto_vacuum"
        )
    ).one()
    return Space(pages * page_bytes, free_pages * page_bytes, can_shrink=mode == INCREMENTAL)


def give_back_pages(database: Database) -> bool:
    """Give some free pages of SQLite's file back to the disk; return whether there were any.

    The file becomes smaller with the checkpoint that follows, which waits for nobody.
    """
    if not database.is_sqlite:
        return False
    with database.reading() as session:
        space, page_bytes = measure_space(session), session.scalar(text("PRAGMA page_size"))
    spare_bytes = SPARE_PAGES * (page_bytes or 0)
    if not space.can_shrink or (space.free_bytes or 0) <= spare_bytes:
        return False
    with database.transaction() as session:
        # It gives a page back with each row that is read of it. These rows have no columns, which
        # SQLAlchemy takes for none.
        cursor = session.connection().connection.cursor()
        cursor.execute(f"PRAGMA incremental_vacuum({STEP_PAGES})")
        cursor.fetchall()
    # Not in a transaction, which a checkpoint cannot be part of.
    with closing(database.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
        cursor.fetchall()
    return True


def compact(url: str) -> tuple[int, int]:
    """Rewrite SQLite's file without its free pages, and so that later ones can be given back.

    Return its size in bytes before and after. It needs as much room again, in the file's folder and
    in that of temporary files; who writes meanwhile waits. Raise LowlossError.
    """
    source = complete_url(url)
    if source.get_backend_name() != "sqlite":
        raise LowlossError("PostgreSQL frees space by itself (autovacuum): there is nothing to do")
    path = path_of(source)
    if not path.exists():
        raise LowlossError(f"there is no database {path}")
    try:
        with connecting(path) as connection:
            connection.isolation_level = None
            # Not the file's size: the last pages may be in the log beside it.
            pages, page_bytes = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "page_size")
            )
            connection.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except pysqlite3.dbapi2.DatabaseError as error:
        raise LowlossError(
            f"{path} cannot be rewritten: {error}; stop server and workers, and make room"
        ) from error
    return pages * page_bytes, path.stat().st_size
