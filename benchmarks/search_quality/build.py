"""Trains the settings of a lookup with the cohort engine."""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import keras_tuner
import numpy as np

from benchmarks.search_quality.lookup import Lookup
from benchmarks.search_quality.tables import MAX_EPOCHS, ROWS, TABLES, a_spec
from lowloss.results import Dataset, TableFormat
from lowloss.spec import CountRange, JobSpec
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from lowloss.tables.table import Table
from service.settings import Limits
from service.tables.check import check_job
from service.tables.profile import profile_table
from worker.data.prepare import prepare
from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import pad, step_seconds
from worker.engine.cohort.shape import Shape
from worker.engine.plans import Plan
from worker.engine.protocol import next_plans_from
from worker.engine.results import TrainedPlan
from worker.execution.local import LocalExecutor
from worker.search.plans import to_plan, trial_seed
from worker.search.reach import reach_of_space
from worker.search.space import Space, define_space, to_hyperparameters


def build(name: str, settings: int) -> Lookup:
    """Train random settings of a table; says now and then how far it is."""
    spec = a_spec(name)
    with tempfile.TemporaryDirectory() as folder:
        arrays = _arrays(name, spec, Path(folder))
    plans = [_draw(spec, number) for number in range(1, settings + 1)]
    reach = reach_of_space(spec.search_space)
    engine = LocalExecutor().build_engine(arrays, reach, trials=settings)
    started, started_cpu = time.perf_counter(), time.process_time()
    trained = engine.run(next_plans_from(plans), on_epoch=lambda *_: True, on_wait=lambda: True)
    ended: dict[int, TrainedPlan] = {}
    for done, result in enumerate(trained, start=1):
        assert isinstance(result, TrainedPlan), result
        ended[result.plan.number] = result
        if done % 100 == 0:
            print(f"{name}: {done} in {time.perf_counter() - started:.0f} s", flush=True)
    val_loss_SE = np.full((len(plans), MAX_EPOCHS), np.nan)
    for row_E, plan in zip(val_loss_SE, plans, strict=True):
        curve = [epoch.val_loss for epoch in ended[plan.number].epochs]
        row_E[: len(curve)] = curve
    return Lookup(
        space=spec.search_space,
        plans=tuple(plans),
        epochs_S=np.array([len(ended[plan.number].epochs) for plan in plans]),
        val_loss_SE=val_loss_SE,
        epoch_seconds_S=np.array([_epoch_seconds(plan, arrays) for plan in plans]),
        cpu_seconds=time.process_time() - started_cpu,
    )


def _draw(spec: JobSpec, number: int) -> Plan:
    """Return a random setting, as patient as the space allows.

    The same whatever oracles come to do.
    """
    rng = random.Random(trial_seed(spec.seed, number))
    drawn = keras_tuner.HyperParameters()
    for hp in define_space(Space.of(spec)).space:
        drawn.merge([hp])
        if drawn.is_active(hp):
            drawn.values[hp.name] = hp.prob_to_value(rng.random())
    seed = trial_seed(spec.seed, number)
    plan = to_plan(number, seed, to_hyperparameters(drawn.values), spec)
    return replace(plan, patience=_longest(spec))


def _arrays(name: str, spec: JobSpec, folder: Path) -> Arrays:
    """Return a sample of a table's rows, as a job prepares them."""
    path, limits = TABLES[name].write(folder), Limits()
    format_ = TableFormat(path.suffix.removeprefix("."))
    frame = read_table(path, format_, ParseOptions(), limits=limits).frame
    table = Table(frame.sample(min(ROWS, frame.height), seed=0))
    dataset = Dataset(
        id=name,
        name=name,
        sha256="",
        format=format_,
        size_bytes=0,
        rows=table.frame.height,
        columns=table.frame.width,
        created_at=datetime.now(UTC),
        profile=profile_table(table, limits=limits),
    )
    checked = check_job(spec, dataset, limits=limits)
    return prepare(table, checked, max_levels=limits.max_levels).arrays


def _longest(spec: JobSpec) -> int:
    match spec.search_space.patience:
        case CountRange(max=longest):
            return longest
    raise ValueError("the space has no range of patience")


def _epoch_seconds(plan: Plan, arrays: Arrays) -> float:
    """Estimate what an epoch takes on one core.

    In a program of the plan's own size.
    """
    widths = tuple(pad(width) for width in plan.widths)
    shape = Shape(1, widths, plan.batch_size, plan.activation, plan.optimizer, frozenset())
    return arrays.steps(plan) * step_seconds(shape, arrays)
