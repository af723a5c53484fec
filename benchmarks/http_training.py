"""How much slower a job trains while clients poll it: with and without them, by turns."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.http_polls import CLIENTS, poll_steadily
from benchmarks.tables import generated_csv
from lowloss import Client
from lowloss.results import JobState
from tests.builders.processes import child_of, running, wait_for
from tests.builders.server_process import ServerProcess

ROWS, TRIALS = 10_000, 16
EPOCHS = 10_000
"""More than any trial reaches: the job is cancelled."""
WINDOWS, WINDOW_SECONDS = 4, 15
WARM_UP_SECONDS = 15


def measure_training(server: ServerProcess) -> dict[str, Any]:
    """Return what a job trains while nobody polls it, and while clients do."""
    database_url = f"sqlite:///{server.folder / 'lowloss.sqlite3'}"
    worker = running("worker.supervisor", data_dir=server.folder, database_url=database_url)
    with Client(server.url) as client, worker as supervisor:
        job_id = _submit(client, server.folder)
        wait_for(lambda: _count_epochs(client, job_id), what="an epoch", seconds=120)
        time.sleep(WARM_UP_SECONDS)
        child = child_of(supervisor)
        alone, polled = [], []
        for _ in range(WINDOWS):
            alone.append(_measure_window(server, client, job_id, child, clients=0))
            polled.append(_measure_window(server, client, job_id, child, clients=CLIENTS))
        client.cancel(job_id)
        client.wait(job_id, timeout=120)
    return _compare(alone, polled)


def _submit(client: Client, folder: Path) -> str:
    """Submit a job that trains the same networks for as long as it is let."""
    dataset = client.upload(generated_csv(folder, ROWS))
    request = {
        "dataset": dataset.id,
        "target": "y",
        "algorithm": "random",
        "pruning": None,
        "search_space": {
            "layers": 2,
            "width": 64,
            "batch_size": 32,
            "patience": EPOCHS,
            "learning_rate": {"min": 1e-4, "max": 1e-3, "scale": "log"},
        },
        "budget": {"max_trials": TRIALS, "max_epochs": EPOCHS, "diagnosis_seconds": 0},
        "validation": {"strategy": "holdout"},
        "preprocessing": {"scale_features": "standard"},
        "final": {"confirm_top": 1, "confirm_seeds": 1, "refit": False, "members": 1},
    }
    return client.submit(request).id


def _count_epochs(client: Client, job_id: str) -> int:
    assert client.job(job_id).state is not JobState.failed
    return sum(trial.epochs for trial in client.trials(job_id))


def _measure_window(
    server: ServerProcess, client: Client, job_id: str, child: psutil.Process, *, clients: int
) -> dict[str, float]:
    """Return the rates of a while: epochs a second, and the cores that each side had."""
    used_before = _processor_seconds(server, child)
    epochs_before, started_at = _count_epochs(client, job_id), time.perf_counter()
    if clients:
        latencies = asyncio.run(poll_steadily(server, job_id, seconds=WINDOW_SECONDS))
    else:
        latencies = {}
        time.sleep(WINDOW_SECONDS)
    epochs, seconds = _count_epochs(client, job_id), time.perf_counter() - started_at
    used = _processor_seconds(server, child)
    cores = {name: (used[name] - used_before[name]) / seconds for name in used}
    return latencies | cores | {"epochs_a_second": (epochs - epochs_before) / seconds}


def _processor_seconds(server: ServerProcess, child: psutil.Process) -> dict[str, float]:
    times = child.cpu_times()
    return {
        "server_cores": server.processor_seconds(),
        "training_cores": times.user + times.system,
        "client_cores": time.process_time(),
    }


def _compare(alone: list[dict[str, float]], polled: list[dict[str, float]]) -> dict[str, Any]:
    """Return the medians, and how much slower it is: as seen, and for each core that is left.

    The clients run on this machine, too: what is left is what they did not use.
    """
    medians = {
        name: {key: round(median(window[key] for window in windows), 4) for key in windows[0]}
        for name, windows in (("alone", alone), ("polled", polled))
    }
    cores = len(os.sched_getaffinity(0))
    seen = [window["epochs_a_second"] for window in (medians["alone"], medians["polled"])]
    free = [cores - window["client_cores"] for window in (medians["alone"], medians["polled"])]
    return medians | {
        "slower_percent": round(100 * (1 - seen[1] / seen[0]), 1),
        "slower_percent_a_free_core": round(100 * (1 - seen[1] / free[1] / (seen[0] / free[0])), 1),
    }
