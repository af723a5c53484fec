"""Measures actors of a Ray cluster against this process: `python -m benchmarks.cluster`.

The nodes are processes of this machine, and each actor has one core. The same plans train in each;
the first run compiles and is not counted. `make ray` installs Ray.
"""

from __future__ import annotations

import json
import os
import pickle
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.measure import a_plan
from benchmarks.results_file import write_results
from benchmarks.tables import generated
from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import Reach
from worker.engine.cohort.cohort_engine import CohortEngine, Machine
from worker.engine.plans import Plan
from worker.engine.protocol import Engine, next_plans_from
from worker.engine.results import TrainedPlan

RESULTS = Path(__file__).with_name("cluster.json")
ROUNDS = 3
MEMORY_BYTES = 2**33
REACH = Reach(2, 64, frozenset({"dropout"}))


@dataclass(frozen=True)
class Work:
    """Plans on a generated table; each is looked at after every `epochs_ahead` epochs."""

    rows: int
    plans: int
    epochs: int
    epochs_ahead: int


WORKS = {
    "400 rows": Work(400, 96, 60, 5),
    "16,000 rows": Work(16_000, 48, 10, 5),
    "100,000 rows": Work(100_000, 96, 5, 5),
}


def make_plans(work: Work) -> list[Plan]:
    """Return plans of one shape, so that each actor compiles one program."""
    return [
        replace(a_plan(number, 64, work.epochs), l2=1e-4, dropout=0.1)
        for number in range(1, work.plans + 1)
    ]


def train(engine: Engine, plans: list[Plan], work: Work) -> tuple[float, dict[int, float]]:
    """Return the seconds that plans took, and their losses."""
    started = time.perf_counter()
    ended = engine.run(
        next_plans_from(plans),
        on_epoch=lambda *_: True,
        on_wait=lambda: True,
        epochs_ahead=lambda _: work.epochs_ahead,
    )
    trained = [result for result in ended if isinstance(result, TrainedPlan)]
    losses = {result.plan.number: result.epochs[-1].val_loss for result in trained}
    return time.perf_counter() - started, losses


def measure(executor: str, name: str) -> dict[str, Any]:
    """Train a work here on one core (`local`), or in so many actors of one core (`1`, `2`)."""
    work = WORKS[name]
    arrays = generated(work.rows, max(100, work.rows // 4))
    if executor == "local":
        return _measure(lambda: _local(arrays, work), work)
    import ray
    from ray.cluster_utils import Cluster

    from worker.execution.ray.executor import RayExecutor
    from worker.execution.ray.needs import ActorNeeds

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    for _ in range(int(executor)):
        cluster.add_node(num_cpus=1)
    try:
        on_ray = RayExecutor(cluster.address, ActorNeeds(cores=1))
        measured = _measure(
            # Each actor has as many plans open as the local engine.
            lambda: on_ray.build_engine(arrays, REACH, trials=work.plans * int(executor)),
            work,
        )
        on_ray.close()
        return measured | {"arrays_bytes": len(pickle.dumps(arrays))}
    finally:
        ray.shutdown()
        cluster.shutdown()


def _local(arrays: Arrays, work: Work) -> CohortEngine:
    return CohortEngine(arrays, REACH, Machine(1, MEMORY_BYTES), trials=work.plans)


def _measure(build: Callable[[], Engine], work: Work) -> dict[str, Any]:
    engine, plans = build(), make_plans(work)
    compiled, losses = train(engine, plans, work)
    seconds = [train(engine, plans, work)[0] for _ in range(ROUNDS)]
    if len(losses) != work.plans:
        raise SystemExit(f"{len(losses)} of {work.plans} plans have a loss")
    return {
        "seconds": statistics.median(seconds),
        "all": seconds,
        "with_compile": compiled,
        "loss": statistics.fmean(losses.values()),
    }


def main() -> None:
    """Measure each in a process of its own, by turns, and write what came out; or one of them."""
    if sys.argv[1:]:
        print("RESULT " + json.dumps(measure(sys.argv[1], sys.argv[2])))
        return
    results = {
        name: {executor: _measure_apart(executor, name) for executor in ("local", "1", "2")}
        for name in WORKS
    }
    for name, measured in results.items():
        losses = {round(one["loss"], 6) for one in measured.values()}
        if len(losses) != 1:
            raise SystemExit(f"{name}: the losses differ: {losses}")
    write_results(RESULTS, results)
    for name, measured in results.items():
        seconds = {executor: one["seconds"] for executor, one in measured.items()}
        print(
            f"{name}: {seconds}, two actors {seconds['1'] / seconds['2']:.2f} times one, "
            f"one {seconds['1'] / seconds['local'] - 1:+.1%} of local"
        )


def _measure_apart(executor: str, name: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cluster", executor, name],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise SystemExit(f"{executor}, {name} failed:\n{done.stderr[-3000:]}")
    print(f"{time.strftime('%H:%M:%S')} {name}, {executor}", flush=True)
    measured: dict[str, Any] = json.loads(lines[-1].removeprefix("RESULT "))
    return measured


if __name__ == "__main__":
    main()
