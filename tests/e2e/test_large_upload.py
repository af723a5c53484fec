"""A 500 MB upload: bounded memory in the server, and leases renewed all the while, on SQLite."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from lowloss import Client
from service.store.database import Database
from service.store.queue import Fence, renew_lease
from tests.builders.processes import free_port, running, wait_until_ready
from tests.builders.store import a_claim, a_job

SIZE_BYTES = 500_000_000
MAX_RESIDENT_BYTES = 150_000_000
MAX_RENEWAL_SECONDS = 5.0


def write_table(path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = "\n".join(",".join(f"{v:.6f}" for v in row) for row in rng.normal(size=(5000, 50)))
    block = (lines + "\n").encode()
    with path.open("wb") as file:
        file.write((",".join(f"c{i}" for i in range(50)) + "\n").encode())
        while file.tell() < SIZE_BYTES:
            file.write(block)


@contextmanager
def repeated(act: object, seconds: float) -> Iterator[None]:
    """Something done again and again by a thread of its own."""
    done = threading.Event()

    def loop() -> None:
        while not done.wait(seconds):
            act()  # type: ignore[operator]

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.slow
def test_large_upload_is_bounded_in_memory_and_disturbs_no_lease(
    sqlite_database: Database, tmp_path: Path
) -> None:
    a_job(sqlite_database)
    fence: Fence = a_claim(sqlite_database).fence
    table = tmp_path / "large.csv"
    write_table(table)
    port = str(free_port())
    resident: list[int] = []
    renewals: list[float] = []

    def renew() -> None:
        started = time.monotonic()
        with sqlite_database.transaction() as session:
            renew_lease(session, fence, lease_seconds=30)
        renewals.append(time.monotonic() - started)

    with (
        running(
            "service.app",
            data_dir=tmp_path,
            database_url=sqlite_database.url.render_as_string(),
            LOWLOSS_PORT=port,
        ) as server,
        Client(f"http://127.0.0.1:{port}") as client,
    ):
        wait_until_ready(client)
        process = psutil.Process(server.pid)
        with (
            repeated(lambda: resident.append(process.memory_info().rss), 0.02),
            repeated(renew, 0.1),
        ):
            dataset = client.upload(table)

    table.unlink()
    assert dataset.size_bytes > SIZE_BYTES
    assert max(resident) < MAX_RESIDENT_BYTES
    assert len(renewals) > 20
    assert max(renewals) < MAX_RENEWAL_SECONDS
