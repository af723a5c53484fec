"""What training on the test rows gains: `python -m benchmarks.all_rows [TABLE …] --seeds 3`.

A fifth of each small table is hidden from its job. These rows score the model that the
job's own test rows score, and the one that it hands out, which was trained on these, too. Writes
`benchmarks/all_rows.json`, one entry a job; what was measured before is not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import numpy as np

from benchmarks.jobs import claim_job_of, submit
from benchmarks.real.tables import TABLES
from lowloss.results import TableFormat
from lowloss.spec import Task
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from service.settings import Limits
from service.store.database import Database
from worker.data.columns import read_columns
from worker.data.prepare import keep_classes, keep_labelled
from worker.data.scores import scores
from worker.data.target import read_target
from worker.jobs import search_job
from worker.winner import refit
from worker.winner.final_model import FinalModel, FinalModels

RESULTS = Path(__file__).with_name("all_rows.json")
SMALL = (
    *("diabetes", "wine", "breast cancer", "digits", "penguins", "loan applications"),
    *("arrests", "houses of Boston"),
)
OUTER_SHARE = 0.2
SPLIT_STREAM = 11


def measure(name: str, seed: int, trials: int) -> dict[str, Any]:
    """Run a job on four fifths of a table, and score both of its models on the others."""
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        inner, outer = split_lines(TABLES[name].write(folder), folder, seed)
        changes = {
            "budget": {"max_trials": trials, "max_seconds": None, "diagnosis_seconds": 0},
            "final": {"use_test_rows": True},
        }
        models, refit_seconds = run_until_export(inner, TABLES[name].request(seed, changes), folder)
        assert models.all_rows_refit == "complete", models.all_rows_refit
        before = score_rows(models.scored, outer)
        after = score_rows(models.handed_out, outer)
    return {
        "rows": len(models.scored.prepared.labelled.y),
        "members": len(models.scored.members),
        "before": before,
        "after": after,
        "refit_seconds": refit_seconds,
    }


def split_lines(path: Path, folder: Path, seed: int) -> tuple[Path, Path]:
    """Write the lines of a CSV into one for the job, and one of the rows that it never sees."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    order = np.random.default_rng([seed, SPLIT_STREAM]).permutation(len(lines))
    outer_rows = set(order[: round(OUTER_SHARE * len(lines))].tolist())
    parts = {
        "inner": [line for row, line in enumerate(lines) if row not in outer_rows],
        "outer": [line for row, line in enumerate(lines) if row in outer_rows],
    }
    paths = []
    for part, part_lines in parts.items():
        paths.append(folder / f"{part}.csv")
        paths[-1].write_text("\n".join([header, *part_lines]) + "\n", encoding="utf-8")
    return paths[0], paths[1]


class CaughtModels(Exception):
    """A job's models, which end it: it would hand out only one of the two."""

    def __init__(self, models: FinalModels) -> None:
        super().__init__()
        self.models = models


def run_until_export(
    path: Path, request: dict[str, Any], folder: Path
) -> tuple[FinalModels, float]:
    """Run a job up to its export; return its models, and the seconds of the refit on all rows."""
    database = Database(f"sqlite:///{folder / 'jobs.db'}")
    database.prepare()
    submit(database, path, request)
    reporter, resources = claim_job_of(database, folder)
    train, seconds = refit.refit_on_all_rows, math.nan

    def catch(models: FinalModels, *_: Any, **__: Any) -> NoReturn:
        raise CaughtModels(models)

    def train_timed(*arguments: Any) -> FinalModels:
        nonlocal seconds
        started = time.perf_counter()
        models = train(*arguments)
        seconds = time.perf_counter() - started
        return models

    try:
        with (
            patch.object(search_job, "export_model", catch),
            patch.object(refit, "refit_on_all_rows", train_timed),
        ):
            search_job.run_search_job(reporter, resources)
    except CaughtModels as caught:
        return caught.models, seconds
    raise AssertionError("the job ended without an export")


def score_rows(model: FinalModel, path: Path) -> dict[str, float]:
    """Score a model on the rows of a file that have a target; read as its training table was."""
    labelled, target = model.prepared.labelled, model.fit.target
    earlier = {c.name: c.reading for c in labelled.columns if c.reading is not None}
    table = read_table(path, TableFormat.csv, ParseOptions(), limits=Limits(), earlier=earlier)
    frame, words = keep_labelled(table.frame, target.name), table.words.get(target.name)
    if target.task is not Task.regression:
        frame = keep_classes(frame, target.name, target.labels, words)
    y_M = read_target(frame[target.name], target.task, target.labels, words)
    raw = read_columns(frame, labelled.columns, with_offsets=True)
    return scores(target, y_M, model.predict(raw))


def summarise(results: dict[str, dict[str, Any]]) -> None:
    """Print the mean ratio of the error after the refit to that before it, by table and of all."""
    ratios_of: dict[str, list[float]] = {}
    print("| table | rows | metric | before | after | ratio | seconds |\n" + "| --- " * 7 + "|")
    for name in SMALL:
        runs = [run for key, run in results.items() if key.rpartition(" ")[0] == name]
        if not runs:
            continue
        metric = "rmse" if "rmse" in runs[0]["before"] else "log_loss"
        ratios_of[name] = [run["after"][metric] / run["before"][metric] for run in runs]
        before, after, seconds = (
            float(np.mean(values))
            for values in (
                [run["before"][metric] for run in runs],
                [run["after"][metric] for run in runs],
                [run["refit_seconds"] for run in runs],
            )
        )
        ratio = geometric_mean(ratios_of[name])
        print(
            f"| {name} | {runs[0]['rows']:,} | {metric.replace('_', ' ')} | {before:.4g} | "
            f"{after:.4g} | {ratio:.3f} | {seconds:.1f} |"
        )
    of_tables = np.log([geometric_mean(ratios) for ratios in ratios_of.values()])
    error = float(np.std(of_tables, ddof=1) / np.sqrt(len(of_tables)))
    of_jobs = np.array([ratio for ratios in ratios_of.values() for ratio in ratios])
    print(
        f"mean ratio over tables: {np.exp(of_tables.mean()):.3f}, standard error of its logarithm "
        f"{error:.3f}; median over jobs: {np.median(of_jobs):.3f}, below 1 in "
        f"{np.sum(of_jobs < 1)} of {len(of_jobs)}"
    )


def geometric_mean(ratios: list[float]) -> float:
    """Return the mean of ratios: 2 and 1/2 are 1."""
    return float(np.exp(np.mean(np.log(ratios))))


def main() -> None:
    """Measure what is missing, and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", metavar="TABLE", help=", ".join(SMALL))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=20, help="a job's max_trials")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for seed in range(options.seeds):
        for name in options.only or SMALL:
            key = f"{name} {seed}"
            if key not in results:
                results[key] = measure(name, seed, options.trials)
                print(key, json.dumps(results[key]), flush=True)
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    summarise(results)


if __name__ == "__main__":
    main()
