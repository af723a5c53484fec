"""Backups of the whole database, taken while server and workers run, and restored into none.

SQLite's is a database file, PostgreSQL's an archive of `pg_dump` in its custom format.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from lowloss.errors import LowlossError
from lowloss.wording import describe_error
from service.machine import make_folder
from service.store.database import BUSY_TIMEOUT_MS, Database, complete_url

SQLITE_MARK, POSTGRES_MARK = b"SQLite format 3\0", b"PGDMP"
COUNT_TABLES = (
    "SELECT count(*) FROM information_schema.tables "
    "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
)


def back_up(url: str, file: Path) -> int:
    """Write a checked backup of a database into a new file, and return its size in bytes.

    Raise LowlossError where the file is there, or where it cannot be done; no file is left then.
    """
    source = complete_url(url)
    if os.path.lexists(file):
        raise LowlossError(f"{file} is there already: name a new file")
    try:
        with _new_file(file) as part:
            if source.get_backend_name() == "sqlite":
                path = path_of(source)
                if not path.exists():
                    raise LowlossError(f"there is no database {path}")
                _copy_sqlite(path, part)
            else:
                _run("pg_dump", "--format=custom", f"--file={part}", url=source)
                _run("pg_restore", f"--file={os.devnull}", str(part), url=None)
    except OSError as error:
        raise LowlossError(f"{file} cannot be written: {error.strerror}") from error
    return file.stat().st_size


def restore(url: str, file: Path) -> None:
    """Restore a backup into a database that is not there yet, or is empty.

    Raise LowlossError where it has anything, where the file is no backup of its kind, or where it
    cannot be done; the database is as it was then.
    """
    target = complete_url(url)
    is_sqlite = target.get_backend_name() == "sqlite"
    _check_kind(file, SQLITE_MARK if is_sqlite else POSTGRES_MARK, is_sqlite=is_sqlite)
    if not is_sqlite:
        _require_empty(url)
        _run("pg_restore", "--single-transaction", "--exit-on-error", str(file), url=target)
        return
    path = path_of(target)
    make_folder(path.parent, "the database's folder")
    for name in (path.name, f"{path.name}-wal", f"{path.name}-journal"):
        if os.path.lexists(path.with_name(name)):
            raise LowlossError(f"{path.with_name(name)} is there: restore into an empty folder")
    try:
        with _new_file(path) as part:
            _copy_sqlite(file, part)
    except OSError as error:
        raise LowlossError(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """Make a file beside `path`, for this user alone, that takes its name once it is whole.

    Raise OSError where there is one of that name by then, and LowlossError where it is being made.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise LowlossError(
            f"{part} is there: another run writes it, or one that was killed has left it; "
            "delete it where none runs"
        ) from error
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        # Unlike a rename it replaces nothing.
        os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


def path_of(url: URL) -> Path:
    """Return the file of a database of SQLite; raise LowlossError for one in memory."""
    if not url.database:
        raise LowlossError("the database is in memory: it has no file")
    return Path(url.database)


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database with its last transactions, as of one moment, and check the copy."""
    try:
        with connecting(source) as reading, connecting(target) as writing:
            # In one step: a copy that takes pauses begins anew with each write of others.
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode=DELETE")
            faults = [row[0] for row in writing.execute("PRAGMA integrity_check(3)")]
            has_schema = writing.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone()
    except pysqlite3.dbapi2.DatabaseError as error:
        raise LowlossError(f"{source} cannot be copied: {error}") from error
    if faults != ["ok"]:
        raise LowlossError(f"{source} is damaged: {'; '.join(faults)}")
    if not has_schema:
        raise LowlossError(f"{source} is no database of lowloss")


@contextmanager
def connecting(path: Path) -> Iterator[Any]:
    """Open a connection of SQLite's driver to a file, without what a server sets."""
    connection = pysqlite3.dbapi2.connect(str(path), timeout=BUSY_TIMEOUT_MS / 1000)
    try:
        yield connection
    finally:
        connection.close()


def _check_kind(file: Path, mark: bytes, *, is_sqlite: bool) -> None:
    try:
        with file.open("rb") as backup:
            first = backup.read(len(mark))
    except OSError as error:
        raise LowlossError(f"{file} cannot be read: {error.strerror}") from error
    if first != mark:
        kind = "SQLite" if is_sqlite else "PostgreSQL"
        raise LowlossError(
            f"{file} is no backup of {kind}, which LOWLOSS_DATABASE_URL and LOWLOSS_DATA_DIR name"
        )


def _require_empty(url: str) -> None:
    database = Database(url)
    try:
        with database.reading() as session:
            tables = session.scalar(text(COUNT_TABLES))
    except DBAPIError as error:
        reason = describe_error(error.orig or error)
        raise LowlossError(f"the database cannot be used: {reason}") from error
    finally:
        database.close()
    if tables:
        raise LowlossError(f"the database has {tables} tables: restore into an empty one")


def _run(program: str, *options: str, url: URL | None) -> None:
    """Run a program of PostgreSQL; its password is not among the arguments, which others see."""
    path = shutil.which(program)
    if path is None:
        raise LowlossError(
            f"{program} is not installed: install PostgreSQL's client programs, of the server's "
            "version or a newer one"
        )
    env, line = dict(os.environ), [path, *options]
    if url is not None:
        plain = url.set(drivername="postgresql")._replace(password=None)
        line += ["--no-owner", "--no-privileges", f"--dbname={plain.render_as_string()}"]
        if url.password:
            env["PGPASSWORD"] = str(url.password)
    done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        # The first line says what is wrong, the others what was going on.
        first = (done.stderr.strip().splitlines() or [f"code {done.returncode}"])[0]
        raise LowlossError(f"{program} failed: {first}")
