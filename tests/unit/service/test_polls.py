"""What polls and event streams cost the real server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from benchmarks.http_load import a_finished_job, a_running_job, follow, measure_polls
from benchmarks.http_many_jobs import copy_job
from lowloss.results import JobState
from lowloss.spec import DEFAULT_PROJECT
from service.store.database import Database
from service.store.jobs import list_jobs
from tests.builders.server_process import a_server_process


@pytest.mark.slow
def test_poll_of_a_job_takes_a_millisecond_of_the_servers_processor_time(tmp_path: Path) -> None:
    with a_server_process(tmp_path) as server:
        store, fence = a_running_job(server)
        milliseconds = measure_polls(server, fence.job_id, with_etag=True)
        store.close()

    # As measured: 0.3; caches are shared with whatever else the machine does.
    assert milliseconds < 1.0


@pytest.mark.slow
def test_thousand_event_streams_are_in_time_and_take_less_than_150_mb(tmp_path: Path) -> None:
    with a_server_process(tmp_path) as server:
        store, fence = a_running_job(server)
        figures = asyncio.run(follow(server, store, fence, events=5))
        store.close()

    assert figures["memory_mb"] < 150
    assert figures["delay_max_s"] < 2.0


def time_list(database: Database) -> float:
    """The least processor time of some lists of jobs in a state."""
    seconds = []
    for _ in range(5):
        with database.reading() as session:
            started_at = time.process_time()
            list_jobs(session, DEFAULT_PROJECT, state=JobState.succeeded, cursor=None, limit=50)
            seconds.append(time.process_time() - started_at)
    return min(seconds)


def test_list_of_a_state_takes_no_longer_beside_many_jobs(sqlite_database: Database) -> None:
    job_id = a_finished_job(sqlite_database)
    copy_job(sqlite_database, job_id, 1, 100)
    few = time_list(sqlite_database)

    copy_job(sqlite_database, job_id, 101, 20_000)

    # It took 10 times as long when all that the sort saw was computed.
    assert time_list(sqlite_database) < 3 * few
