"""What polls, lists and event streams cost the server: `python -m benchmarks.http_load [PART …]`.

Prints processor time, memory and delays of one server process over SQLite, and the processor time
of the clients, which are in this process. Parts are `polls`, `streams`, `jobs` (lists beside many
jobs), `peers` (MLflow's server and optuna-dashboard, asked by the same clients) and `training` (a
worker that trains while clients poll); all of them where none is named.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.http_many_jobs import POINTS_A_CURVE, measure_many_jobs
from benchmarks.http_peers import measure_peers, measure_rate
from benchmarks.http_polls import CLIENTS, poll_steadily
from benchmarks.http_training import measure_training
from lowloss.results import JobState, TrialState
from service.store.database import Database
from service.store.queue import Fence, finish_job
from service.store.trials import TrialEnd, finish_trial, start_trial
from tests.builders.server_process import ServerProcess, a_server_process
from tests.builders.store import a_claim, a_curve, a_job, a_trial, some_hyperparameters

POLLS, POLL_SECONDS, STREAMS = 2000, 10, 1000
TRIALS = 100
EVENTS, EVENT_SECONDS = 20, 0.5


def main() -> None:
    """Measure, and print the figures as JSON."""
    parts = sys.argv[1:] or ["polls", "streams", "jobs", "peers", "training"]
    with tempfile.TemporaryDirectory() as name, a_server_process(Path(name)) as server:
        store, fence = a_running_job(server)
        own_before = time.process_time()
        figures: dict[str, Any] = {}
        if "polls" in parts:
            figures |= measure_job(server, fence.job_id)
        if "streams" in parts:
            figures[f"{STREAMS}_streams"] = asyncio.run(follow(server, store, fence))
        if "peers" in parts:
            figures["closed_loop"] = measure_beside_peers(server, fence.job_id)
        if "jobs" in parts:
            figures["many_jobs"] = measure_many_jobs(server, store, a_finished_job(store))
        figures["clients_processor_s"] = round(time.process_time() - own_before, 2)
        store.close()
    if "training" in parts:
        with tempfile.TemporaryDirectory() as name, a_server_process(Path(name)) as server:
            figures["training"] = measure_training(server)
    print(json.dumps(figures, indent=2))


def measure_job(server: ServerProcess, job_id: str) -> dict[str, Any]:
    """Return what polls of a job and of the list cost."""
    return {
        "poll_ms": measure_polls(server, job_id),
        "poll_with_etag_ms": measure_polls(server, job_id, with_etag=True),
        "list_ms": measure_polls(server, ""),
        f"{CLIENTS}_clients_once_a_second": asyncio.run(
            poll_steadily(server, job_id, seconds=POLL_SECONDS)
        ),
    }


def measure_beside_peers(server: ServerProcess, job_id: str) -> dict[str, dict[str, float]]:
    """Return rates of clients that ask again at once, of this server and of its peers."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            "lowloss_job": measure_rate(server.pid, server.port, f"/v1/jobs/{job_id}"),
            "lowloss_list": measure_rate(server.pid, server.port, "/v1/jobs"),
            **measure_peers(Path(folder)),
        }


def a_finished_job(store: Database) -> str:
    """Return a job that has ended, with one trial and its curve."""
    job_id = a_job(store)
    fence = a_claim(store).fence
    curve = a_curve(POINTS_A_CURVE)
    with store.transaction() as session:
        start_trial(session, fence, 1, seed=1, hyperparameters=some_hyperparameters())
        end = TrialEnd(
            number=1,
            state=TrialState.completed,
            reason=None,
            score=1.0,
            metrics={"val_loss": 1.0},
            best_epoch=1,
            seconds=0.1,
            program="keras_fit",
        )
        finish_trial(session, fence, end, curve)
        finish_job(session, fence, state=JobState.succeeded)
    return job_id


def a_running_job(server: ServerProcess) -> tuple[Database, Fence]:
    """Return a server's store, and the claim of a job with trials in it."""
    store = Database(f"sqlite:///{server.folder}/lowloss.sqlite3")
    a_job(store)
    fence = a_claim(store).fence
    for number in range(1, TRIALS + 1):
        a_trial(store, fence, number)
    return store, fence


def measure_polls(server: ServerProcess, job_id: str, *, with_etag: bool = False) -> float:
    """Return the server's processor time for one poll of one client, in milliseconds."""
    path = f"/v1/jobs/{job_id}".rstrip("/")
    with server.client() as client:
        etag = client.get(path).headers.get("etag", "")
        headers = {"If-None-Match": etag} if with_etag else {}
        before = server.processor_seconds()
        for _ in range(POLLS):
            client.get(path, headers=headers)
        return round(1000 * (server.processor_seconds() - before) / POLLS, 3)


async def follow(
    server: ServerProcess, store: Database, fence: Fence, *, events: int = EVENTS
) -> dict[str, Any]:
    """Follow one job on many streams while events happen; return memory and delays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, STREAMS + 500)), hard))
    memory_before = server.reset_peak_memory()
    request = f"GET /v1/jobs/{fence.job_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    connections = [
        await asyncio.open_connection("127.0.0.1", server.port, limit=2**22) for _ in range(STREAMS)
    ]
    for _, writer in connections:
        writer.write(request)
    last = f'event: trial.finished\ndata: {{"trial":{TRIALS}'.encode()
    await asyncio.gather(*(reader.readuntil(last) for reader, _ in connections))
    before, delays = server.processor_seconds(), list[float]()
    for number in range(TRIALS + 1, TRIALS + 1 + events):
        await asyncio.sleep(EVENT_SECONDS)
        await asyncio.to_thread(_start_trial, store, fence, number)
        happened_at = time.perf_counter()
        mark = f'"trial":{number}'.encode()
        waits = [_await_mark(reader, mark, happened_at) for reader, _ in connections]
        delays += await asyncio.gather(*waits)
    for _, writer in connections:
        writer.close()
    delays.sort()
    return {
        "memory_mb": round((server.peak_memory() - memory_before) / 1e6, 1),
        "delay_p50_s": round(delays[len(delays) // 2], 3),
        "delay_max_s": round(delays[-1], 3),
        "processor_ms_for_an_event_on_all": round(
            1000 * (server.processor_seconds() - before) / events, 1
        ),
    }


def _start_trial(store: Database, fence: Fence, number: int) -> None:
    with store.transaction() as session:
        start_trial(session, fence, number, seed=number, hyperparameters=some_hyperparameters())


async def _await_mark(reader: asyncio.StreamReader, mark: bytes, happened_at: float) -> float:
    await asyncio.wait_for(reader.readuntil(mark), 60)
    return time.perf_counter() - happened_at


if __name__ == "__main__":
    main()
