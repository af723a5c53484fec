"""Writes and reads a blob of 96 MiB in SQLite, PostgreSQL and an object store, in turns.

`python -m benchmarks.blobs`: the object store is moto's server, in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from service.store.blobs import hash_file, read_blob, write_blob
from service.store.database import Database
from tests.builders import postgres
from tests.builders.processes import free_port

MEBIBYTES, ROUNDS = 96, 3
STORE = "s3://bench/blobs"


@contextmanager
def serve_objects() -> Iterator[None]:
    """Serve an object store to this process."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }
    command = [str(Path(sys.executable).with_name("moto_server")), "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(100):
                try:
                    request = urllib.request.Request(f"{endpoint}/bench", method="PUT")
                    urllib.request.urlopen(request).close()
                    break
                except OSError:
                    time.sleep(0.2)
            yield
        finally:
            server.terminate()


def main() -> None:
    """Print the medians of seconds, and their ratios to SQLite's."""
    seconds: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lowloss-")))
        folder.chmod(0o755)
        stack.enter_context(serve_objects())
        server = stack.enter_context(postgres.postgres_18(folder))
        url = postgres.create_database(server, "bench").render_as_string(hide_password=False)
        homes = {
            "SQLite": Database(f"sqlite:///{folder}/chunks.sqlite3"),
            "PostgreSQL": Database(url),
            "object store": Database(f"sqlite:///{folder}/rows.sqlite3", blob_store=STORE),
        }
        for database in homes.values():
            database.prepare()
            stack.callback(database.close)
        path = folder / "blob"
        for _ in range(ROUNDS):
            path.write_bytes(os.urandom(MEBIBYTES * 1024**2))
            sha256 = hash_file(path)
            for name, database in homes.items():
                began = time.perf_counter()
                write_blob(database, path, sha256=sha256)
                written = time.perf_counter()
                size = sum(map(len, read_blob(database, sha256)))
                read = time.perf_counter()
                assert size == MEBIBYTES * 1024**2
                seconds.setdefault((name, "write"), []).append(written - began)
                seconds.setdefault((name, "read"), []).append(read - written)
    for (name, action), measured in seconds.items():
        ratio = median(measured) / median(seconds["SQLite", action])
        print(f"{name:13}{action:6}{median(measured):7.2f} s  {ratio:5.2f} of SQLite's")


if __name__ == "__main__":
    main()
