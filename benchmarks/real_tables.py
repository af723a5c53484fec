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

from benchmarks.real.peers import PEERS
from benchmarks.real.tables import FEW_ROWS, MAX_SEEDS, TABLES
from benchmarks.real.work import JOB, Work, estimate_seconds, list_work
from benchmarks.results_file import current_commit, write_results
from benchmarks.results_page import write_page
from lowloss.cli.demo import run_server
from lowloss.client.client import Client
from lowloss.errors import LowlossError
from lowloss.results import Dataset, Job, JobState
from lowloss.spec import Task

RESULTS = Path(__file__).with_name("real_tables.json")
WRITTEN = ("benchmarks/real_tables.json", "docs/results.md")
"""What a run writes itself, from its first result on."""
METHODS_OF_BASELINES = {
    "ridge": "linear",
    "logistic_regression": "linear",
    "gradient_boosting": "boosting",
}
JOB_TIMEOUT, PEER_SPARE_SECONDS = 3 * 3600.0, 900.0
"""A peer ends later than its job did by an epoch or iteration, and by reading the table."""


class FailedError(Exception):
    """A job or a peer has no result."""


def run_job(
    name: str, seed: int, client: Client, path: Path, changes: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Upload a table and run its job; return what the table is, and the result of the run."""
    dataset = client.upload(path, name=name)
    _check_seeds(name, dataset)
    request = TABLES[name].request(seed, changes)
    started = time.perf_counter()
    job = client.submit({"dataset": dataset.id} | request)
    job = client.wait(job.id, timeout=JOB_TIMEOUT)
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
        "commit": current_commit(*WRITTEN),
        "set": changes,
        "seconds": {JOB: seconds},
        "trials": {JOB: job.progress.trials_done},
        "epochs": job.progress.epochs,
    }
    return entry, run | scores_of(job)


def _check_seeds(name: str, dataset: Dataset) -> None:
    has_few_rows = dataset.rows < FEW_ROWS
    if has_few_rows != (TABLES[name].seeds > 1):
        raise SystemExit(f"{name} has {dataset.rows} rows: give it another number of seeds")


def _metric_of(job: Job) -> str:
    return "rmse" if job.task is Task.regression else "log_loss"


def scores_of(job: Job) -> dict[str, Any]:
    """Return the test metric of the model and of the job's baselines, and what refitting gained."""
    outcome, metric = job.outcome, _metric_of(job)
    assert outcome.test_metrics is not None
    of_baselines = {one.name: one.test_metrics[metric] for one in outcome.baselines}
    scores = {JOB: outcome.test_metrics[metric]}
    for name, score in of_baselines.items():
        if name in METHODS_OF_BASELINES:
            scores[METHODS_OF_BASELINES[name]] = score
    gain = outcome.final_gain
    return {
        "scores": scores,
        "constant": of_baselines.get("mean", of_baselines.get("majority")),
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
    """Measures work, and writes each result at once; keeps count of what failed."""

    def __init__(self, out: Path, changes: dict[str, Any]) -> None:
        self.out, self.changes = out, changes
        self.results: dict[str, Any] = (
            json.loads(out.read_text()) if out.exists() else {"tables": {}}
        )
        self.failed: list[Work] = []

    def measure(self, table: str, work: Sequence[Work]) -> None:
        """Measure all work on a table: first its jobs on a fresh server, then the peers without."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path = TABLES[table].write(folder)
            jobs = [one for one in work if one.method == JOB]
            if jobs:
                server_folder = folder / "server"
                server_folder.mkdir()
                with run_server(server_folder) as url, Client(url) as client:
                    for job in jobs:
                        self._try(job, partial(self._measure_job, job, client, path))
            for one in work:
                if one.method != JOB:
                    self._try(one, partial(self._measure_peer, one, path, folder))

    def _try(self, work: Work, measure: Callable[[], None]) -> None:
        try:
            measure()
        except (FailedError, LowlossError) as error:
            print(f"{work} failed: {error}", flush=True)
            self.failed.append(work)

    def _measure_job(self, work: Work, client: Client, path: Path) -> None:
        entry, run = run_job(work.table, work.seed, client, path, self.changes)
        runs = self.results["tables"].get(work.table, {}).get("runs", {})
        runs[str(work.seed)] = run
        self.results["tables"][work.table] = entry | {"runs": runs}
        self._write(work, run)

    def _measure_peer(self, work: Work, path: Path, folder: Path) -> None:
        entry = self.results["tables"].get(work.table, {})
        run = entry.get("runs", {}).get(str(work.seed))
        if run is None:
            raise FailedError("its job failed")
        request = TABLES[work.table].request(work.seed, run["set"])
        measured = run_peer(work.method, path, request, run, folder)
        run["scores"][work.method] = measured["score"]
        run["seconds"][work.method] = measured["seconds"]
        run["trials"][work.method] = measured["trials"]
        self._write(work, measured)

    def _write(self, work: Work, measured: dict[str, Any]) -> None:
        print(work.table, work.seed, work.method, json.dumps(measured), flush=True)
        self.results["machine"] = {"cores": len(os.sched_getaffinity(0))}
        tables = self.results["tables"]
        self.results["tables"] = {name: tables[name] for name in TABLES if name in tables}
        write_results(self.out, self.results)


def main() -> None:
    """Measure what is missing of all tables, or of those that are named."""
    options = _parse()
    seeds = {name: min(TABLES[name].seeds, options.seeds) for name in options.only or TABLES}
    benchmark = Benchmark(options.out, json.loads(options.set))
    work = list_work(
        benchmark.results,
        seeds,
        options.peers or list(PEERS),
        only_peers=options.peers is not None,
        again=options.again,
    )
    print(_say_plan(work, benchmark.results), flush=True)
    if options.plan:
        return
    try:
        for table in seeds:
            of_table = [one for one in work if one.table == table]
            if of_table:
                benchmark.measure(table, of_table)
    finally:
        # However a long run ends: the page says what the results say.
        if options.out == RESULTS:
            write_page(benchmark.results)
    if benchmark.failed:
        raise SystemExit(f"{len(benchmark.failed)} measurements failed: run it again")


def _say_plan(work: Sequence[Work], results: dict[str, Any]) -> str:
    seeds = {name: table.seeds for name, table in TABLES.items()}
    seconds, assumed = estimate_seconds(work, results, seeds)
    plan = f"{len(work)} measurements, up to {seconds / 3600:.1f} hours by recorded seconds"
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
