"""Connections, transactions and the few expressions in which SQLite and PostgreSQL differ.

This module, `backups.py`, `space.py` and `facts.py` alone distinguish dialects.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import pysqlite3.dbapi2
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import (
    JSON,
    TIMESTAMP,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Float,
    FunctionElement,
    TypeDecorator,
    bindparam,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from lowloss.errors import LowlossError, NotReady
from lowloss.wording import describe_error
from service.machine import make_folder
from service.store.objects import ObjectStoreAway, mark_store

__all__ = [
    "OUTAGES",
    "Database",
    "Json",
    "Session",
    "UtcDateTime",
    "alembic_config",
    "complete_url",
    "describe_outage",
    "insert_if_absent",
    "is_busy",
    "is_out_of_space",
    "retry_on_conflict",
    "utc_now",
]

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000
"""How long a statement waits for another transaction's lock."""
POSTGRES_DISK_FULL = "53100"
AWAY_DATABASE, AWAY_OBJECTS = "the database", "the object store"
OUTAGES = frozenset({AWAY_DATABASE, AWAY_OBJECTS})
"""What `describe_outage` may return."""
NEWER_SCHEMA = (
    "the database has the schema of another version of lowloss: "
    "install that version here, too, and start again"
)
OPEN_FILE = "open_file"
"""The file that a connection of SQLite has open, in the pool's notes of the connection."""
MIGRATION_LOCK = 0x10_7105_5
"""The key of the PostgreSQL advisory lock that lets one process at a time migrate."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time: `timestamptz` on PostgreSQL, sortable text on SQLite."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the column type of each dialect."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC without a time zone on SQLite, which has none."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return a time that is aware and in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


class utc_now(FunctionElement[datetime]):  # noqa: N801  # reads as the SQL function it is
    """The time of the database's clock plus a number of seconds."""

    type = UtcDateTime()
    inherit_cache = True
    name = "utc_now"

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(bindparam("utc_now_seconds", seconds, type_=Float(), unique=True))


@compiles(utc_now, "sqlite")
def _utc_now_sqlite(element: utc_now, compiler: Any, **kw: Any) -> str:
    # Six digits after the point, as SQLAlchemy writes and reads them; SQLite's %f gives three.
    seconds = compiler.process(element.clauses, **kw)
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds') || '000'"


@compiles(utc_now, "postgresql")
def _utc_now_postgresql(element: utc_now, compiler: Any, **kw: Any) -> str:
    # clock_timestamp() advances inside a transaction, as leases require; now() does not.
    seconds = compiler.process(element.clauses, **kw)
    return f"(clock_timestamp() + make_interval(secs => {seconds}))"


class Database:
    """One process's access to the database: an engine and its transactions.

    New blobs go into the object store `blob_store`, `s3://BUCKET/PREFIX`, or without one into the
    database; those that are stored are read where they are.
    """

    def __init__(self, url: str, *, blob_store: str | None = None) -> None:
        self.url = complete_url(url)
        self.blob_store = blob_store
        self.engine = _create_engine(self.url)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session that may write; commit at the end, roll back on an error."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that only reads, from one snapshot, and never waits for a writer."""
        engine = self.engine.execution_options(read_only=True)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the schema up to date; safe when several processes start at once.

        Where it is, no lock is taken: on SQLite submits would wait for a worker that starts.
        """
        if self.is_ready():
            return
        with self.engine.execution_options(rebuilds_tables=True).begin() as connection:
            if not self.is_sqlite:
                # Another process may be at it, for as long as that takes.
                connection.execute(text("SET LOCAL lock_timeout = 0"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if self.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise RuntimeError("the migrated database has rows that refer to none")
        # On SQLite's connection, foreign keys are still off.
        self.engine.dispose()

    def prepare(self) -> None:
        """Bring the schema up to date at a process's start.

        Raise NotReady without a database, or without an object store where one is set.
        """
        try:
            self.migrate()
        except CommandError as error:
            raise NotReady(NEWER_SCHEMA) from error
        except OperationalError as error:
            url = self.url.render_as_string()
            reason = describe_error(error.orig or error)
            raise NotReady(f"the database {url} cannot be used: {reason}") from error
        if self.blob_store is not None:
            try:
                mark_store(self.blob_store)
            except ObjectStoreAway as error:
                raise NotReady(f"{self.blob_store} cannot be used: {error}") from error

    def is_ready(self) -> bool:
        """Return whether the database responds and has the schema of this version."""
        try:
            # Read-only: a probe must not wait for SQLite's one writer.
            with self.engine.execution_options(read_only=True).connect() as connection:
                revision = MigrationContext.configure(connection).get_current_revision()
                return revision == self._newest_revision
        except DBAPIError:
            return False

    def require_schema(self, session: Session) -> None:
        """Raise NotReady where another version has changed the schema since this process began."""
        if session.scalar(text("SELECT version_num FROM alembic_version")) != self._newest_revision:
            raise NotReady(NEWER_SCHEMA)

    @cached_property
    def _newest_revision(self) -> str | None:
        return ScriptDirectory.from_config(alembic_config()).get_current_head()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def alembic_config() -> Config:
    """Return Alembic's configuration: the packaged `migrations` folder."""
    import migrations

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def is_busy(error: BaseException) -> bool:
    """Return whether an error means that the database or object store is unavailable for now."""
    if isinstance(error, ObjectStoreAway):
        return True
    # SQLite uses the same class for a missing table, which waiting does not repair.
    is_operational = isinstance(error, OperationalError) and "no such" not in str(error)
    # PostgreSQL ends idle transactions, and stops, with errors of other classes, too.
    is_cut_off = isinstance(error, DBAPIError) and error.connection_invalidated
    return is_operational or is_cut_off or isinstance(error, PoolTimeout)


def describe_outage(error: BaseException) -> str:
    """Return what is unavailable, by an error that `is_busy`, as who waits for it says it."""
    return AWAY_OBJECTS if isinstance(error, ObjectStoreAway) else AWAY_DATABASE


def is_out_of_space(error: BaseException) -> bool:
    """Return whether an error means that the disk of a file or of the database is full."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    if not isinstance(error, DBAPIError):
        # Native code, such as HDF5 and TensorFlow, raises classes of its own.
        return os.strerror(errno.ENOSPC) in str(error)
    is_full = getattr(error.orig, "sqlstate", None) == POSTGRES_DISK_FULL
    return is_full or "database or disk is full" in str(error.orig)


def retry_on_conflict(write: Callable[[], T]) -> T:
    """Run a transaction; repeat it once if another one wrote between its read and its write."""
    try:
        return write()
    except IntegrityError:
        return write()


def complete_url(url: str) -> URL:
    """Read a database's URL, and name its driver; raise LowlossError for one of another kind."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise LowlossError("the database's URL cannot be read") from error
    if parsed.get_backend_name() not in {"sqlite", "postgres", "postgresql"}:
        raise LowlossError(
            f"the database's URL begins with {parsed.drivername}: "
            "it must be sqlite:///… or postgresql://…"
        )
    if parsed.drivername in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _create_engine(url: URL) -> Engine:
    # No NaN or Infinity in either database: PostgreSQL's json refuses them.
    to_json = partial(json.dumps, allow_nan=False, ensure_ascii=False)
    if url.get_backend_name() == "sqlite":
        if url.database:
            make_folder(Path(url.database).parent, "the database's folder")
        engine = create_engine(url, module=pysqlite3.dbapi2, json_serializer=to_json)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "connect", partial(_remember_file, url))
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(url, json_serializer=to_json, pool_pre_ping=True)
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _prepare_postgres(connection: Any, _record: object) -> None:
    # As SQLite: a supervisor that waited without end for its child's lock would not see it hang.
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {BUSY_TIMEOUT_MS}")
    connection.commit()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's implicit BEGIN is deferred; `_begin_sqlite` says whether it will write.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}").close()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    if not pages:
        # Before anything is written: free pages can be given back then (space.py). Of a file that
        # is there it would wait for the lock, and change nothing.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL").close()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _remember_file(url: URL, _connection: object, record: ConnectionPoolEntry) -> None:
    record.info[OPEN_FILE] = _identify_file(url.database)


def _require_file(connection: Connection) -> None:
    """Raise OperationalError where the file of a connection was deleted, moved or replaced.

    SQLite goes on with the file that it opened: what is committed would be lost, and nobody told.
    """
    path = connection.engine.url.database
    if _identify_file(path) != connection.connection.info[OPEN_FILE]:
        reason = f"{path} was deleted, moved or replaced: put it back, or restart what uses it"
        raise OperationalError("BEGIN", None, pysqlite3.dbapi2.OperationalError(reason))


def _identify_file(path: str | None) -> tuple[int, int] | None:
    """Return the device and the inode of a file; None where there is none."""
    try:
        status = Path(path or "").stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _begin_sqlite(connection: Connection) -> None:
    _require_file(connection)
    # A deferred transaction that reads first and writes later fails at once when another one has
    # written in between, despite the busy timeout; an immediate one waits.
    options = connection.get_execution_options()
    if options.get("rebuilds_tables", False):
        # SQLite rebuilds a table by dropping it, which would change all rows that refer to it.
        # The pragma has no effect inside a transaction, so it comes first
        # (sqlite.org/lang_altertable.html).
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    read_only = options.get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def insert_if_absent(session: Session, table: type[Any], rows: list[dict[str, Any]]) -> None:
    """Insert rows; skip those whose primary key exists."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert if is_sqlite else postgresql.insert
    session.execute(insert(table).on_conflict_do_nothing(), rows)
