"""A job outlives a worker that stands still past its lease, and the restart of everything in turn."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from lowloss import Client
from service.store.database import Database
from tests.builders.processes import child_of, free_port, running, wait_for, wait_until_ready
from tests.chaos.test_crashes import (
    SERVER,
    WORKER,
    assert_nothing_lost,
    database,
    finished_trials,
    job_id,
    read_job,
    url,
    wait_for_end,
    wait_for_trials,
)

__all__ = ["database", "job_id"]
pytestmark = pytest.mark.slow


def stands_still(process: psutil.Process) -> bool:
    """Whether a process has heard that it is to stand still: a thread may still be writing.

    Raise NoSuchProcess where it has ended, and its parent, which stands still, has not heard of it.
    """
    status = process.status()
    if status == psutil.STATUS_ZOMBIE:
        raise psutil.NoSuchProcess(process.pid)
    return bool(status == psutil.STATUS_STOPPED)


def suspend(processes: list[psutil.Process], database: Database) -> None:
    """Let processes stand still, none of them within a transaction: SQLite has one writer."""
    while True:
        for process in processes:
            process.suspend()
        wait_for(lambda: all(map(stands_still, processes)), what="processes that stand still")
        try:
            with database.transaction() as session:
                session.execute(text("SELECT 1"))  # begins, and so takes SQLite's lock
            return
        except OperationalError:
            for process in processes:
                process.resume()


def test_worker_that_stood_still_past_its_lease_changes_nothing_when_it_goes_on(
    database: Database, job_id: str, tmp_path: Path
) -> None:
    where = url(database)
    with running(WORKER, data_dir=tmp_path, database_url=where) as first:
        wait_for_trials(database, job_id, 2)
        still = [psutil.Process(first.pid), child_of(first)]
        suspend(still, database)
        before = finished_trials(database, job_id)
        try:
            with running(WORKER, data_dir=tmp_path, database_url=where) as second:
                wait_for(lambda: read_job(database, job_id).attempt == 2, what="a second attempt")
                for process in still:
                    process.resume()
                job = wait_for_end(database, job_id)
                # It goes on as a worker, with a child of its own.
                assert first.poll() is None
                assert second.poll() is None
        finally:
            for process in still:
                if process.is_running():
                    process.resume()

    assert_nothing_lost(database, job, before, attempts=2)
    assert (job.failures, job.errors[0].outcome) == (1, "lease_expired")


def test_job_and_its_waiting_client_outlive_a_rolling_restart(
    database: Database, job_id: str, tmp_path: Path
) -> None:
    where, port = url(database), str(free_port())

    with (
        Client(f"http://127.0.0.1:{port}") as client,
        ThreadPoolExecutor(1) as pool,
        running(SERVER, data_dir=tmp_path, database_url=where, LOWLOSS_PORT=port) as server,
        running(WORKER, data_dir=tmp_path, database_url=where) as old,
    ):
        wait_until_ready(client)
        waiting = pool.submit(client.wait, job_id, timeout=200)
        wait_for_trials(database, job_id, 2)
        with running(WORKER, data_dir=tmp_path, database_url=where):
            old.send_signal(signal.SIGTERM)
            assert old.wait(60) == 0
            before = finished_trials(database, job_id)
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
            with running(SERVER, data_dir=tmp_path, database_url=where, LOWLOSS_PORT=port):
                job = waiting.result(200)

    assert_nothing_lost(database, job, before, attempts=2)
    assert job.failures == 0
