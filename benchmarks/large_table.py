"""A default job on a table of many rows, through a server and a worker whose jobs have a bound.

`python -m benchmarks.large_table ROWS COLUMNS`: prints what server, parser and job took of memory,
without pages of files and with them, the seconds of each phase, and how near the model's error
comes to the noise of the generated target, whose standard deviation is 1.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil

from lowloss import Client
from lowloss.results import Event, Job
from lowloss.wording import format_bytes
from tests.builders.processes import free_port, running, wait_until_ready

SAMPLE_SECONDS = 0.1
WAIT_SECONDS = 4 * 3600.0


def write_table(path: Path, rows: int, columns: int) -> None:
    """Write features of float32 and a target: bends of every third one, waves of every fifth."""
    rng = np.random.default_rng(0)
    features = {}
    y = rng.normal(size=rows).astype(np.float32)
    for number in range(columns - 1):
        x = features[f"x{number}"] = rng.normal(size=rows).astype(np.float32)
        if number % 3 == 0:
            y += np.maximum(x, 0) / 2
        if number % 5 == 0:
            y += np.sin(x)
    pl.DataFrame(features | {"y": y}).write_parquet(path)


class MemoryWatch:
    """The largest memory of each kind of process of ours, sampled: its own, and all of it."""

    def __init__(self) -> None:
        self.peaks: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(SAMPLE_SECONDS):
            for process in psutil.Process().children(recursive=True):
                # It may end between two looks.
                with suppress(psutil.Error):
                    self._note(process.cmdline(), process.memory_info())

    def _note(self, command: Sequence[str], memory: Any) -> None:
        module = next((word for word in command if word.startswith(("service.", "worker."))), "")
        if module:
            private, resident = self.peaks[module]
            private = max(private, memory.rss - memory.shared)
            self.peaks[module] = private, max(resident, memory.rss)


def run(options: argparse.Namespace, folder: Path) -> tuple[Job, dict[str, float]]:
    """Upload the table and run its job; return it, and seconds."""
    path = folder / "table.parquet"
    write_table(path, options.rows, options.columns)
    url, port = f"sqlite:///{folder / 'lowloss.sqlite3'}", free_port()
    limits = {"TMPDIR": str(folder), "LOWLOSS_JOB_MEMORY_BYTES": str(int(options.memory))}
    budget = {"max_seconds": options.seconds, "diagnosis_seconds": options.diagnosis_seconds}
    with (
        running("service.app", data_dir=folder, database_url=url, LOWLOSS_PORT=str(port)),
        running("worker.supervisor", data_dir=folder, database_url=url, **limits),
        Client(f"http://127.0.0.1:{port}", timeout=600) as client,
    ):
        wait_until_ready(client)
        started = time.perf_counter()
        dataset = client.upload(path)
        uploaded = time.perf_counter()
        job = client.submit({"dataset": dataset.id, "target": "y", "budget": budget})
        job = client.wait(job.id, timeout=WAIT_SECONDS)
        ended = time.perf_counter()
        events = [event for event in client.follow(job.id) if event.kind == "job.phase"]
    return job, {"upload": uploaded - started, "job": ended - uploaded} | phase_seconds(job, events)


def phase_seconds(job: Job, events: list[Event]) -> dict[str, float]:
    """Return how long each phase of a job took."""
    assert job.finished_at is not None
    begun = [(one.data["phase"], one.created_at) for one in events if "within" not in one.data]
    ends = [*(at for _, at in begun[1:]), job.finished_at]
    pairs = zip(begun, ends, strict=True)
    return {phase: (end - at).total_seconds() for (phase, at), end in pairs}


def main() -> None:
    """Run one job, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("columns", type=int)
    parser.add_argument("--seconds", type=float, default=600, help="budget.max_seconds")
    parser.add_argument("--diagnosis-seconds", type=float, default=30)
    parser.add_argument("--memory", type=float, default=8e9, help="bytes that the job may take")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lowloss-") as name, MemoryWatch() as watch:
        job, seconds = run(options, Path(name))
    outcome = job.outcome
    print(json.dumps(seconds, indent=1))
    for module, (private, resident) in sorted(watch.peaks.items()):
        print(f"{module}: {format_bytes(private)}, {format_bytes(resident)} with pages of files")
    print(f"{job.state} ({job.reason}), {job.progress.trials_done} trials", *job.errors)
    print(f"rows {outcome.rows}, test {outcome.test_metrics}")
    print("baselines", {one.name: one.test_metrics["rmse"] for one in outcome.baselines})
    print("missing", outcome.missing_baselines, outcome.missing_artifacts)
    print("remarks", *outcome.remarks, sep="\n  ")


if __name__ == "__main__":
    main()
