"""A whole search: a job of 30 trials on diamonds, and its trials through the peers."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import prepare
from benchmarks.tables import diamonds_csv
from lowloss.results import Job, TableFormat, Trial
from lowloss.spec import JobSpec, Task
from service.settings import Limits
from service.store.blobs import write_blob
from service.store.database import Database
from service.store.datasets import NewDataset, add_dataset
from service.store.jobs import list_jobs
from service.store.queue import Fence, claim_job, enqueue_job
from service.store.trials import list_trials
from service.tables.options import ParseOptions
from service.tables.profile import profile_table
from service.tables.read import read_table
from worker.engine.arrays import Arrays, Fold
from worker.engine.cohort.program import Programs
from worker.engine.protocol import next_plans_from
from worker.engine.results import TrainedPlan
from worker.jobs.loading import JobResources, load_job, prepare_data
from worker.jobs.main import run_safely
from worker.search.space import to_plan

TRIALS, EPOCHS = 30, 30
SPACE = {
    "layers": 2,
    "width": {"min": 16, "max": 128, "step": 16},
    "learning_rate": {"min": 3e-4, "max": 1e-2, "scale": "log"},
    "patience": {"min": 5, "max": 10},
    "batch_size": 32,
}


class _Channel:
    """Stands in for the pipes to a supervisor: nobody asks for anything."""

    is_stopping = must_finish = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def alive(self) -> None:
        """Do nothing: nobody listens."""


def lowloss(folder: Path) -> dict[str, Any]:
    """Run the job as a worker's child does, on SQLite; the database stays in the folder."""
    database = Database(f"sqlite:///{folder / 'bench.db'}")
    database.prepare()
    _submit(database)
    with database.transaction() as session:
        claim = claim_job(session, "bench", lease_seconds=3600)
    assert claim is not None
    started = time.perf_counter()
    with _timed() as seconds:
        channel, resources = _Channel(folder), JobResources(Limits(), Programs(), folder)
        ended = run_safely(database, claim.fence, channel, resources)  # type: ignore[arg-type]
    whole = time.perf_counter() - started
    assert ended.ending == "succeeded", ended
    trials = _trials(database)
    return {
        "job_seconds": whole,
        "search_seconds": seconds.pop("search"),
        "parts": seconds,
        "trials": len(trials),
        "epochs": sum(trial.epochs for trial in trials),
        "val_losses": {trial.number: trial.metrics.get("val_loss") for trial in trials},
    }


def peer(folder: Path, name: str, every: int) -> dict[str, Any]:
    """Train every so-manieth trial of the job with a peer."""
    database = Database(f"sqlite:///{folder / 'bench.db'}")
    chosen = _trials(database)[::every]
    arrays = _arrays(database, folder)
    plans = [to_plan(t.number, t.seed, t.hyperparameters, _job(database).search) for t in chosen]
    train = prepare(name, arrays)
    started = time.perf_counter()
    losses = train(plans)
    return {
        "seconds": time.perf_counter() - started,
        "share": sum(t.epochs for t in chosen) / sum(t.epochs for t in _trials(database)),
        "val_losses": losses,
    }


def folds(arrays: Arrays) -> dict[str, Any]:
    """Compare five-fold cross-validation of 30 trials with one holdout."""
    from benchmarks.measure import a_plan
    from worker.engine.cohort.buckets import Reach
    from worker.execution.local import local_engine

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
        engine = local_engine(split, Reach(2, 64, frozenset({"dropout"})), trials=len(plans))
        started = time.perf_counter()
        ended = list(
            engine.run(next_plans_from(plans), on_epoch=lambda *_: True, on_wait=lambda: True)
        )
        seconds[count] = time.perf_counter() - started
        assert len(ended) == TRIALS * count
        assert all(isinstance(trained, TrainedPlan) for trained in ended)
    return {"holdout_seconds": seconds[1], "folds_seconds": seconds[5]}


def _submit(database: Database) -> None:
    path, limits, options = diamonds_csv(), Limits(), ParseOptions()
    table = read_table(path, TableFormat.csv, options, limits=limits)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    write_blob(database, path, sha256=sha256)
    new = NewDataset(
        name="diamonds",
        sha256=sha256,
        format=TableFormat.csv,
        options=options.model_dump(),
        size_bytes=path.stat().st_size,
        rows=table.frame.height,
        columns=table.frame.width,
        profile=profile_table(table, limits=limits),
    )
    spec = JobSpec.model_validate(
        {
            "dataset": new.id,
            "target": "price",
            "search_space": SPACE,
            "budget": {"max_trials": TRIALS, "max_epochs": EPOCHS, "max_seconds": None},
            "preprocessing": {"scale_features": "standard"},
            "final": {"confirm_top": 1, "confirm_seeds": 1, "refit": False, "members": 1},
        }
    )
    with database.transaction() as session:
        add_dataset(session, new)
        enqueue_job(session, spec, task=Task.regression, max_attempts=1)


def _trials(database: Database) -> tuple[Trial, ...]:
    with database.reading() as session:
        return list_trials(session, _job(database).id).items


def _job(database: Database) -> Job:
    with database.reading() as session:
        (job,) = list_jobs(session, state=None, cursor=None, limit=1).items
    return job


def _arrays(database: Database, folder: Path) -> Arrays:
    """Return the job's own arrays."""
    job = load_job(database, Fence(_job(database).id, "bench", 1))
    resources = JobResources(Limits(), Programs(), folder)
    return prepare_data(database, job, resources)[0].arrays


def _adding_to(
    seconds: dict[str, float], call: Callable[..., Any], part: str, lock: threading.Lock
) -> Callable[..., Any]:
    """Return the same call, whose seconds are added to a part's."""

    def measured(*given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return call(*given, **named)
        finally:
            with lock:
                seconds[part] += time.perf_counter() - started

    return measured


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Return where a job's time goes: seconds inside its parts, of all threads."""
    from worker.engine.cohort.compiled import Compiled
    from worker.progress.reporter import Reporter
    from worker.search.tuner import SearchTuner
    from worker.trials.loop import SearchLoop

    seconds: dict[str, float] = defaultdict(float)
    lock = threading.Lock()
    places: list[tuple[Any, str, str]] = [
        (SearchLoop, "run", "search"),
        (SearchTuner, "ask", "oracle"),
        (SearchTuner, "tell", "oracle"),
        (Reporter, "_write_once", "store"),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    before += [(Compiled, "__call__", Compiled.__call__)]

    def timed(call: Callable[..., Any], part: str) -> Callable[..., Any]:
        return _adding_to(seconds, call, part, lock)

    call = Compiled.__call__

    def compiled_call(compiled: Any, *given: Any) -> Any:
        part = "train" if compiled._traced is not None else "compile"
        return timed(call, part)(compiled, *given)

    for owner, name, part in places:
        setattr(owner, name, timed(getattr(owner, name), part))
    Compiled.__call__ = compiled_call  # type: ignore[method-assign,assignment]
    try:
        yield seconds
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
