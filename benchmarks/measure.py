"""One measurement in a process of its own: `python -m benchmarks.measure NAME ARGUMENTS…`.

Prints JSON: what was measured, and the process's peak memory.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.peers import prepare
from benchmarks.tables import diamonds, generated
from benchmarks.uploads import upload
from lowloss.spec.activations import usual_initializers
from worker.engine.arrays import Arrays
from worker.engine.plans import Plan

BATCH = 32
EPOCHS = {"lowloss": (1, 5), "sklearn": (2, 5), "matmul": (2, 8)}
"""Runs of few and of more epochs: their difference is free of compiles and other beginnings."""
TRIALS = {"lowloss": 16, "sklearn": 2, "matmul": 2}
MAX_STEPS = 40_000
"""Of one trial, in a run of the longer kind."""


def a_plan(number: int, width: int, epochs: int) -> Plan:
    """Return one of many alike."""
    return Plan(
        number=number,
        seed=number,
        widths=(width, width),
        activation="relu",
        optimizer="adam",
        learning_rate=1e-3,
        schedule="constant",
        weight_decay=0.0,
        clip_norm=None,
        l1=0.0,
        l2=1e-5,
        dropout=0.2,
        batch_size=BATCH,
        patience=10_000,
        max_epochs=epochs,
        initializers=usual_initializers(("relu", "relu")),
    )


def step_seconds(peer: str, width: int, arrays: Arrays) -> dict[str, Any]:
    """Return seconds of one training step of one trial, its share of the validation included."""
    steps = arrays.steps(a_plan(1, width, 1))
    few, more = EPOCHS.get(peer, (1, 3))
    # A small table's epoch is short: train more of them.
    times = max(1, min(50, MAX_STEPS // 10 // (steps * (more - few))))
    more = few + (more - few) * times
    trials = (
        max(2, TRIALS.get(peer, 1) * 64 // max(64, width))
        if peer == "lowloss"
        else TRIALS.get(peer, 1)
    )
    train = prepare(peer, arrays)

    def seconds(epochs: int) -> tuple[float, dict[int, float]]:
        plans = [a_plan(number, width, epochs) for number in range(1, trials + 1)]
        started = time.perf_counter()
        losses = train(plans)
        return time.perf_counter() - started, losses

    seconds(1)  # compiles, starts processes, warms caches
    short, _ = seconds(few)
    long, losses = seconds(more)
    measured = (long - short) / (more - few) / steps / trials
    return {"step_seconds": measured, "epochs": more, "losses": list(losses.values())}


def _module(name: str) -> Any:
    """Import a module that imports TensorFlow, which not every peer needs."""
    return importlib.import_module(f"benchmarks.{name}")


def main(arguments: Sequence[str]) -> dict[str, Any]:
    """Measure what the arguments name."""
    measures: dict[str, Callable[..., dict[str, Any]]] = {
        "steps": lambda peer, width: step_seconds(peer, int(width), diamonds(16_000, 4_000)),
        "rows": lambda peer, rows: step_seconds(peer, 64, generated(int(rows), int(rows) // 4)),
        "search": lambda folder: _module("search").lowloss(Path(folder)),
        "search_peer": lambda folder, peer, every: _module("search").peer(
            Path(folder), peer, int(every)
        ),
        "small": lambda table: _module("small_tables").default_job(table),
        "small_stock": lambda table: _module("small_tables").stock_script(table),
        "spaces": lambda rows: _module("spaces").search(int(rows)),
        "upload": lambda rows: upload(int(rows)),
        "folds": lambda: _module("search").folds(diamonds(16_000, 4_000)),
    }
    measured = measures[arguments[0]](*arguments[1:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return measured | {"peak_bytes": peak}


if __name__ == "__main__":
    print("RESULT " + json.dumps(main(sys.argv[1:])))
