"""What polls and event streams cost the real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.http_load import a_running_job, follow, measure_polls
from tests.builders.server_process import a_server_process


@pytest.mark.slow
def test_poll_of_a_job_takes_a_millisecond_of_the_servers_processor_time(tmp_path: Path) -> None:
    with a_server_process(tmp_path) as server:
        store, fence = a_running_job(server)
        milliseconds = measure_polls(server, fence.job_id, with_etag=True)
        store.close()

    # As measured alone: 0.7; caches are shared with whatever else the machine does.
    assert milliseconds < 1.5


@pytest.mark.slow
def test_thousand_event_streams_are_in_time_and_take_less_than_150_mb(tmp_path: Path) -> None:
    with a_server_process(tmp_path) as server:
        store, fence = a_running_job(server)
        figures = asyncio.run(follow(server, store, fence, events=5))
        store.close()

    assert figures["memory_mb"] < 150
    assert figures["delay_max_s"] < 2.0
