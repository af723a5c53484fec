"""A search whose space asks for many programs: 6 activations, 3 optimizers and 3 batch sizes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.jobs import run_job, submit
from benchmarks.tables import generated_csv
from service.store.database import Database

TRIALS = 150
EPOCHS = {400: 30, 16_000: 3}
"""Of each trial, by training rows."""


def search(rows: int) -> dict[str, Any]:
    """Train 150 random trials of the space to their last epoch, on so many training rows."""
    choices = {
        "activation": ["relu", "tanh", "gelu", "elu", "selu", "silu"],
        "optimizer": ["adam", "sgd", "rmsprop"],
        "batch_size": [32, 64, 128],
    }
    request = {
        "target": "y",
        "algorithm": "random",
        "pruning": None,
        "search_space": {name: {"choices": values} for name, values in choices.items()},
        "budget": {
            "max_trials": TRIALS,
            "max_epochs": EPOCHS[rows],
            "max_seconds": None,
            "diagnosis_seconds": 0,
        },
        "validation": {"strategy": "holdout"},
        "preprocessing": {"scale_features": "standard"},
        "final": {"confirm_top": 1, "confirm_seeds": 1, "refit": False, "members": 1},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(f"sqlite:///{folder / 'bench.db'}")
        database.prepare()
        submit(database, generated_csv(folder, rows * 5 // 3), request)
        return run_job(database, folder)
