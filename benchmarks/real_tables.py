"""Default jobs on real tables, each beside what it must beat: `python -m benchmarks.real_tables`.

Every table is uploaded to a server of its own making and tuned by a job that names nothing but the
dataset, the target, a seed and, where the table holds one, a column that gives the answer away.
Then CatBoost and a stock script of KerasTuner get the same rows and the job's time. What was
measured before is not measured again. Writes `benchmarks/real_tables.json` and docs/results.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.real.measurements import (
    JOB,
    Measurement,
    estimate_seconds,
    list_measurements,
)
from benchmarks.real.peers import PEERS
from benchmarks.real.tables import MAX_SEEDS, TABLES
from benchmarks.results_file import current_commit, write_results
from benchmarks.results_page import write_page
from lowloss.cli.demo import run_server
from lowloss.client.client import Client
from lowloss.errors import LowlossError
from lowloss.results import Job, JobState
from lowloss.spec import Task

RESULTS = Path(__file__).with_name("real_tables.json")
WRITTEN = ("benchmarks/real_tables.json", "docs/results.md")
"""What a run writes itself, from its first result on."""
METHODS_OF_BASELINES = {
    "ridge": "linear",
    "logistic_regression": "linear",
    "gradient_boosting": "boosting",
}
CONSTANTS = ("mean", "majority")
JOB_TIMEOUT_SECONDS, PEER_SPARE_SECONDS = 3 * 3600.0, 900.0
"""A peer ends later than its job did by an epoch or iteration, and by reading the table."""


class FailedError(Exception):
    """A job or a peer has no result."""


def run_job(
    name: str, seed: int, client: Client, path: Path, changes: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Upload a table and run its job; return what the table is, and the result of the run."""
    dataset = client.upload(path, name=name)
    request = TABLES[name].request(seed, changes)
    started = time.perf_counter()
    job = client.submit({"dataset": dataset.id} | request)
    job = client.wait(job.id, timeout=JOB_TIMEOUT_SECONDS)
    seconds = time.perf_counter() - started
    if job.state is not JobState.succeeded:
        raise FailedError(f"{job.state}, {job.reason}")
    entry = {
        "kind": TABLES[name].kind,
        "rows": dataset.rows,
        "columns": dataset.columns,
        "task": job.task.value,
        "metric": _metric_of(job),
    }
    run = {
        "set": changes,
        "seconds": {JOB: seconds},
        "trials": {JOB: job.progress.trials_done},
    }
    return entry, run | scores_of(job)


def _metric_of(job: Job) -> str:
    return "rmse" if job.task is Task.regression else "log_loss"


def scores_of(job: Job) -> dict[str, Any]:
    """Return the test metric of the model and of the job's baselines, and what refitting gained.

    `interval` is that of the model's metric over resampled test rows, `differences` those of the
    model's less each baseline's; both only where the job has them. A baseline that its time cut
    off is left out: it is none with its defaults.
    """
    outcome, metric = job.outcome, _metric_of(job)
    assert outcome.test_metrics is not None
    scores = {JOB: outcome.test_metrics[metric]}
    constant, differences = None, {}
    for baseline in outcome.baselines:
        if baseline.name in CONSTANTS:
            constant = baseline.test_metrics[metric]
        method = METHODS_OF_BASELINES.get(baseline.name)
        if method is None or baseline.note is not None:
            continue
        scores[method] = baseline.test_metrics[metric]
        if baseline.difference is not None:
            differences[method] = list(baseline.difference[metric])
    interval, gain = (outcome.test_intervals or {}).get(metric), outcome.final_gain
    return {
        "scores": scores,
        **({} if interval is None else {"interval": list(interval)}),
        **({"differences": differences} if differences else {}),
        "constant": constant,
        "gain": None if gain is None else [gain.before[metric], gain.after[metric]],
    }


def run_peer(
    peer: str, path: Path, request: dict[str, Any], run: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Run a peer in a process of its own, for as long as the job took; return what it measured."""
    seconds, out = run["seconds"][JOB], folder / "peer.json"
    command = [sys.executable, "-m", "benchmarks.real.peers", peer, str(path), str(out)]
    command += ["--request", json.dumps(request), "--seconds", str(seconds)]
    if run["constant"] is not None:
        command += ["--constant", str(run["constant"])]
    try:
        subprocess.run(command, check=True, timeout=2 * seconds + PEER_SPARE_SECONDS)
    except subprocess.SubprocessError as error:
        raise FailedError(str(error)) from error
    measured: dict[str, Any] = json.loads(out.read_text())
    return measured


class Benchmark:
    """Measures, and writes each result at once; keeps count of what failed.

    `commit` is the code's, when the run began: after hours the tree may have another one.
    """

    def __init__(self, out: Path, changes: dict[str, Any], commit: str) -> None:
        self.out, self.changes, self.commit = out, changes, commit
        self.results: dict[str, Any] = (
            json.loads(out.read_text()) if out.exists() else {"tables": {}}
        )
        self.failed: list[Measurement] = []

    def measure(self, table: str, measurements: Sequence[Measurement]) -> None:
        """Measure on a table: first its jobs on a fresh server, then the peers without one."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path = TABLES[table].write(folder)
            jobs = [measurement for measurement in measurements if measurement.method == JOB]
            peers = [measurement for measurement in measurements if measurement.method != JOB]
            if jobs:
                server_folder = folder / "server"
                server_folder.mkdir()
                with run_server(server_folder) as url, Client(url) as client:
                    for job in jobs:
                        self._try(job, partial(self._measure_job, job, client, path))
            for peer in peers:
                self._try(peer, partial(self._measure_peer, peer, path, folder))

    def _try(self, measurement: Measurement, measure: Callable[[], None]) -> None:
        try:
            measure()
        except (FailedError, LowlossError) as error:
            print(f"{measurement} failed: {error}", flush=True)
            self.failed.append(measurement)

    def _measure_job(self, measurement: Measurement, client: Client, path: Path) -> None:
        entry, run = run_job(measurement.table, measurement.seed, client, path, self.changes)
        run = {"commit": self.commit} | run
        runs = self.results["tables"].get(measurement.table, {}).get("runs", {})
        runs[str(measurement.seed)] = run
        self.results["tables"][measurement.table] = entry | {"runs": runs}
        self._write(measurement, run)

    def _measure_peer(self, measurement: Measurement, path: Path, folder: Path) -> None:
        entry = self.results["tables"].get(measurement.table, {})
        run = entry.get("runs", {}).get(str(measurement.seed))
        if run is None:
            raise FailedError("its job failed")
        request = TABLES[measurement.table].request(measurement.seed, run["set"])
        measured = run_peer(measurement.method, path, request, run, folder)
        for field, value in ({"peer_commits": self.commit} | measured).items():
            run.setdefault(field, {})[measurement.method] = value
        self._write(measurement, measured)

    def _write(self, measurement: Measurement, measured: dict[str, Any]) -> None:
        table, seed, method = measurement.table, measurement.seed, measurement.method
        print(table, seed, method, json.dumps(measured), flush=True)
        # A remark on what ran beside stays.
        self.results.setdefault("machine", {})["cores"] = len(os.sched_getaffinity(0))
        tables = self.results["tables"]
        self.results["tables"] = {name: tables[name] for name in TABLES if name in tables}
        write_results(self.out, self.results)


def main() -> None:
    """Measure what is missing of all tables, or of those that are named."""
    options = _parse()
    seeds = {name: min(TABLES[name].seeds, options.seeds) for name in options.only or TABLES}
    benchmark = Benchmark(options.out, json.loads(options.set), current_commit(*WRITTEN))
    measurements = list_measurements(
        benchmark.results,
        seeds,
        options.peers or list(PEERS),
        only_peers=options.peers is not None,
        again=options.again,
    )
    print(_say_plan(measurements, benchmark.results), flush=True)
    if options.plan:
        return
    try:
        for table in seeds:
            on_table = [measurement for measurement in measurements if measurement.table == table]
            if on_table:
                benchmark.measure(table, on_table)
    finally:
        # However a long run ends: the page says what the results say.
        if options.out == RESULTS:
            write_page(benchmark.results)
    if benchmark.failed:
        raise SystemExit(f"{len(benchmark.failed)} measurements failed: run it again")


def _say_plan(measurements: Sequence[Measurement], results: dict[str, Any]) -> str:
    seeds = {name: table.seeds for name, table in TABLES.items()}
    seconds, assumed = estimate_seconds(measurements, results, seeds)
    plan = f"{len(measurements)} measurements, up to {seconds / 3600:.1f} hours by recorded seconds"
    return f"{plan}; assumed for {', '.join(sorted(assumed))}" if assumed else plan


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--seeds", type=int, default=MAX_SEEDS, help="no more of a table")
    parser.add_argument("--peers", type=_parse_peers, help="measure only these, by commas; no jobs")
    parser.add_argument(
        "--again", action="store_true", help="measure what was measured before, too"
    )
    parser.add_argument("--plan", action="store_true", help="say what it will take, and stop")
    parser.add_argument("--set", default="{}", help="changes of the job, as JSON: an experiment")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    unknown = [name for name in options.only if name not in TABLES]
    if unknown:
        parser.error(f"unknown tables {unknown}; there are: {', '.join(TABLES)}")
    if json.loads(options.set) and options.out == RESULTS:
        parser.error("the page is of default jobs: name another file by --out, too")
    return options


def _parse_peers(text: str) -> list[str]:
    peers = text.split(",")
    unknown = [peer for peer in peers if peer not in PEERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown {unknown}; there are: {', '.join(PEERS)}")
    return peers


if __name__ == "__main__":
    main()
