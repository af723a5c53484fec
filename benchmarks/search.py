"""A whole search: a job of 30 trials on diamonds, and its trials through the peers."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.jobs import job_of, prepared_of, run_job, submit, trials_of
from benchmarks.peers import prepare
from benchmarks.tables import diamonds_csv
from service.store.database import Database
from worker.engine.arrays import Arrays, Fold
from worker.engine.protocol import next_plans_from
from worker.engine.results import TrainedPlan
from worker.search.plans import to_plan

TRIALS, EPOCHS = 30, 30
SPACE = {
    "layers": 2,
    "width": {"min": 16, "max": 128, "step": 16},
    "learning_rate": {"min": 3e-4, "max": 1e-2, "scale": "log"},
    "patience": {"min": 5, "max": 10},
    "batch_size": 32,
    # Peers train at one rate.
    "schedule": "constant",
}
REQUEST = {
    "target": "price",
    "search_space": SPACE,
    # Peers train every trial to its end.
    "algorithm": "tpe",
    "pruning": None,
    "budget": {"max_trials": TRIALS, "max_epochs": EPOCHS, "max_seconds": None},
    "preprocessing": {"scale_features": "standard"},
    "final": {"confirm_top": 1, "confirm_seeds": 1, "refit": False, "members": 1},
}


def lowloss(folder: Path) -> dict[str, Any]:
    """Run the job as a worker's child does, on SQLite; the database stays in the folder."""
    database = Database(f"sqlite:///{folder / 'bench.db'}")
    database.prepare()
    submit(database, diamonds_csv(), REQUEST)
    measured = run_job(database, folder)
    losses = {trial.number: trial.metrics.get("val_loss") for trial in trials_of(database)}
    return measured | {"val_losses": losses}


def peer(folder: Path, name: str, every: int) -> dict[str, Any]:
    """Train every so-manieth trial of the job with a peer."""
    database = Database(f"sqlite:///{folder / 'bench.db'}")
    trials, spec = trials_of(database), job_of(database).search
    chosen = trials[::every]
    arrays = prepared_of(database, folder).arrays
    plans = [to_plan(t.number, t.seed, t.hyperparameters, spec) for t in chosen]
    train = prepare(name, arrays)
    started = time.perf_counter()
    losses = train(plans)
    return {
        "seconds": time.perf_counter() - started,
        "share": sum(t.epochs for t in chosen) / sum(t.epochs for t in trials),
        "val_losses": losses,
    }


def folds(arrays: Arrays) -> dict[str, Any]:
    """Compare five-fold cross-validation of 30 trials with one holdout."""
    from benchmarks.measure import a_plan
    from worker.engine.cohort.buckets import Reach
    from worker.execution.local import LocalExecutor

    rows = np.random.default_rng(0).permutation(arrays.x_VND.shape[1])
    parts = np.array_split(rows, 5)
    five = tuple(
        Fold(np.concatenate([part for i, part in enumerate(parts) if i != k]), parts[k])
        for k in range(5)
    )
    seconds = {}
    for count in (1, 5):
        split = dataclasses.replace(arrays, folds=five[:count])
        plans = [
            dataclasses.replace(a_plan(number, 64, 10), fold=fold)
            for number in range(1, TRIALS + 1)
            for fold in range(count)
        ]
        reach = Reach(2, 64, frozenset({"dropout"}))
        engine = LocalExecutor().build_engine(
            split, reach, trials=len(plans), plans_together=count, slots=count
        )
        started = time.perf_counter()
        ended = list(
            engine.run(
                next_plans_from(plans),
                on_epoch=lambda *_: True,
                on_wait=lambda: True,
                epochs_ahead=lambda plan: plan.max_epochs,
            )
        )
        seconds[count] = time.perf_counter() - started
        assert len(ended) == TRIALS * count
        assert all(isinstance(trained, TrainedPlan) for trained in ended)
    return {"holdout_seconds": seconds[1], "folds_seconds": seconds[5]}
