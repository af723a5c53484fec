"""How learning rates that fall pay: `python -m benchmarks.schedules TABLE [TABLE …]`.

Trains one setting's networks on the folds of a default job, at some rates, each under the same
early stopping, and prints the mean of the least validation losses with its standard error.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.jobs import job_of, prepared_of
from benchmarks.small_tables import submit_table
from lowloss.results import Hyperparameters
from lowloss.spec.schedules import Plateau
from worker.engine.cohort.buckets import Reach
from worker.engine.cohort.cohort_engine import CohortEngine, Machine
from worker.engine.plans import Plan
from worker.engine.protocol import train_plans
from worker.engine.results import TrainedPlan
from worker.search.plans import to_plan

RATES, SEEDS, WIDTHS = (0.001, 0.003, 0.01), (1, 2, 3), (128, 128)
SETTING = {
    "layers": len(WIDTHS),
    "widths": WIDTHS,
    "l2": 1e-5,
    "l1": 0.0,
    "dropout": 0.05,
    "patience": 15,
    "batch_size": 128,
    "activation": "relu",
    "optimizer": "adam",
    "weight_decay": 0.0,
    "schedule": "constant",
    "clip_norm": None,
    "noise": 0.0,
    "mixup": 0.0,
    "scale_features": "quantile",
}
SCHEDULES: dict[str, Plateau | None] = {
    "constant": None,
    "0.3 after 3": Plateau(0.3, 3),
    "0.3 after 5": Plateau(0.3, 5),
    "0.3 after 8": Plateau(0.3, 8),
    "0.3 after 12": Plateau(0.3, 12),
    "0.1 after 8": Plateau(0.1, 8),
    "0.5 after 8": Plateau(0.5, 8),
}


def main() -> None:
    """Print a row for each rate and schedule of the tables that are named."""
    for table in sys.argv[1:]:
        for rate, name, losses, epochs in measure(table):
            error = statistics.stdev(losses) / math.sqrt(len(losses))
            mean = statistics.fmean(losses)
            sys.stdout.write(f"{table} | {rate:g} | {name} | {mean:.4g} ± {error:.2g} | {epochs}\n")
            sys.stdout.flush()


def measure(table: str) -> Iterator[tuple[float, str, list[float], int]]:
    """Yield rate, schedule, the least validation losses of all networks, and their mean epochs."""
    with tempfile.TemporaryDirectory() as folder:
        database = submit_table(table, Path(folder))
        prepared, spec = prepared_of(database, Path(folder)), job_of(database).search
    folds = len(prepared.splits.folds)
    reach = Reach(len(WIDTHS), max(WIDTHS), frozenset({"dropout"}))
    engine = CohortEngine(prepared.arrays, reach, Machine(2, 2**33), trials=150, slots=folds)
    for rate in RATES:
        for name, plateau in SCHEDULES.items():
            setting = Hyperparameters.model_validate(SETTING | {"learning_rate": rate})
            plans: list[Plan] = []
            for seed in SEEDS:
                plan = replace(to_plan(seed, seed, setting, spec), plateau=plateau)
                plans += [replace(plan, fold=plan.fold + fold) for fold in range(folds)]
            numbered = [replace(plan, number=number) for number, plan in enumerate(plans, start=1)]
            ended = [*train_plans(engine, numbered, lambda: True)]
            trained = [result for result in ended if isinstance(result, TrainedPlan)]
            losses = [min(epoch.val_loss for epoch in result.epochs) for result in trained]
            epochs = statistics.fmean(len(result.epochs) for result in trained)
            yield rate, name, losses, round(epochs)


if __name__ == "__main__":
    main()
