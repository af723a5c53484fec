"""What the final model is made from: a confirmed winner, a pretended engine and search."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from lowloss.spec import JobSpec
from tests.builders.tables import checked_frame
from tests.builders.trainings import a_checkpoint, a_plan
from worker.data.prepare import Prepared, prepare
from worker.engine.arrays import Arrays
from worker.engine.plans import Epoch, Plan
from worker.engine.protocol import (
    EpochsAhead,
    NextPlans,
    OnEpoch,
    OnWait,
    look_at_every_epoch,
)
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.progress.reporter import Reporter, StopCause
from worker.search.tuner import SearchTuner
from worker.trials.folds import TrainingResult
from worker.trials.pace import Pace
from worker.winner.confirm import Confirmed
from worker.winner.final_model import FinalModel
from worker.winner.refit import Engines, NewEngine, make_final_model

FOLDS = 3
BEST_EPOCHS = (4, 7, 5)


def a_prepared(**given: Any) -> tuple[Prepared, JobSpec]:
    """Folds by time, the first of which know fewer levels than the last."""
    rng = np.random.default_rng(0)
    columns = {
        "x": rng.normal(size=150),
        "t": np.arange(150) * 0.5,
        "level": [f"l{i // 30}" for i in range(150)],
        "y": rng.normal(size=150) * 5 + 100,
    }
    validation = {"strategy": "ordered", "column": "t", "folds": FOLDS}
    table, check = checked_frame(columns, "y", validation=validation, **given)
    return prepare(table, check, max_levels=100), check.spec


def trained(arrays: Arrays, plan: Plan, epochs: int, outcome: TrainingOutcome) -> TrainedPlan:
    """A training with weights that follow from the seed; its answers are best on the second fold.

    They are off by a standard deviation on the second fold, by two and three on the others.
    """
    rng = np.random.default_rng(plan.seed)
    sizes = [arrays.features, 4, arrays.outputs]
    shapes = [shape for pair in itertools.pairwise(sizes) for shape in (pair, pair[1:])]
    off = [2.0, 1.0, 3.0][plan.fold % FOLDS]
    rows = arrays.rows(plan.fold)
    return TrainedPlan(
        plan=plan,
        outcome=outcome,
        reason="max_epochs",
        epochs=tuple(Epoch(e, 1.0, off**2, 1.0) for e in range(1, epochs + 1)),
        best_epoch=epochs,
        weights=tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes),
        val_output_MC=rows.y_val_M[:, None] + np.float32(off),
        seconds=0.0,
        program="a test",
    )


Fails = int | tuple[int, int]
"""A seed that fails for all trials, or a trial's number and its seed."""


class FakeEngine:
    """Trains plans one after the other, all of their epochs unless it is told to stop."""

    threads = max_open = 1

    def __init__(self, arrays: Arrays, fails: tuple[Fails, ...] = ()) -> None:
        self.arrays, self.fails = arrays, fails
        self.started: list[Plan] = []
        self.ahead: list[int] = []
        """Epochs that each plan was to be trained for at once."""

    def run(
        self,
        next_plans: NextPlans,
        *,
        on_epoch: OnEpoch,
        on_wait: OnWait,
        epochs_ahead: EpochsAhead = look_at_every_epoch,
    ) -> Iterator[TrainedPlan | FailedPlan]:
        while plans := next_plans(1):
            (plan,) = plans
            self.started.append(plan)
            self.ahead.append(epochs_ahead(plan))
            yield self._train(plan, on_epoch)

    def _train(self, plan: Plan, on_epoch: OnEpoch) -> TrainedPlan | FailedPlan:
        if plan.seed in self.fails or (plan.number, plan.seed) in self.fails:
            return FailedPlan(plan, "ValueError", "the test says so")
        for epoch in range(1, plan.max_epochs + 1):
            if not on_epoch(plan, Epoch(epoch, 1.0, 1.0, 1.0), a_checkpoint):
                return trained(self.arrays, plan, epoch, TrainingOutcome.stopped)
        return trained(self.arrays, plan, plan.max_epochs, TrainingOutcome.completed)


class FakeSearch:
    """What is known of the winner: how its plan is repeated on other seeds."""

    def __init__(self, spec: JobSpec, scaling: int) -> None:
        self.spec, self.scaling = spec, scaling
        self.scaling_of: dict[int, int] = {}

    def repeats(self, number: int, n: int) -> tuple[Plan, ...]:
        scaling = self.scaling_of.get(number, self.scaling)
        first = a_plan(number=number, max_epochs=20, widths=(4,), fold=scaling * FOLDS)
        return tuple(dataclasses.replace(first, seed=seed) for seed in range(n))


class FakeReport:
    """Says that the job is cancelled after some looks."""

    def __init__(self, looks: float = float("inf"), seconds_left: float = math.inf) -> None:
        self.looks = looks
        self.seconds_left = seconds_left

    @property
    def stop_cause(self) -> StopCause | None:
        return None if self.looks > 0 else StopCause.cancel

    def poll(self) -> None:
        self.looks -= 1


def confirmed_on(prepared: Prepared, search: FakeSearch, seeds: int = 2) -> Confirmed:
    """A winner that was confirmed on some seeds; its second repeat was the best."""

    def run(plan: Plan) -> TrainingResult:
        plans = [dataclasses.replace(plan, fold=plan.fold + f) for f in range(FOLDS)]
        folds = [
            trained(prepared.arrays, each, epochs, TrainingOutcome.completed)
            for each, epochs in zip(plans, BEST_EPOCHS, strict=True)
        ]
        return TrainingResult(plan, tuple(folds))

    repeats = tuple(run(plan) for plan in search.repeats(3, seeds))
    return Confirmed(repeats[-1], repeats, (), None)


@dataclasses.dataclass
class Case:
    """What `make_final_model` is given, and the engines that it trained on."""

    prepared: Prepared
    confirmed: Confirmed
    search: FakeSearch
    engine: FakeEngine
    new_engine: NewEngine
    refits: list[FakeEngine]
    candidates: list[TrainingResult] = dataclasses.field(default_factory=list)

    def make(
        self, report: FakeReport | None = None, pace: Pace | None = None
    ) -> tuple[FinalModel, Any]:
        tuner = cast("SearchTuner", self.search)
        return make_final_model(
            self.confirmed,
            self.candidates,
            tuner,
            self.prepared,
            cast("Reporter", report or FakeReport()),
            engines=Engines(self.engine, self.new_engine, pace or Pace()),
        )


def a_case(*, fails: tuple[Fails, ...] = (), scaling: int = 0, **given: Any) -> Case:
    final = {"refit": False, "members": 1, "ensemble": False} | given.pop("final", {})
    given = {"preprocessing": {"scale_features": "standard"}} | given
    prepared, spec = a_prepared(final=final, **given)
    search = FakeSearch(spec, scaling)
    refits: list[FakeEngine] = []

    def new_engine(prepared: Prepared) -> FakeEngine:
        refits.append(FakeEngine(prepared.arrays, fails))
        return refits[-1]

    engine = FakeEngine(prepared.arrays, fails)
    return Case(prepared, confirmed_on(prepared, search), search, engine, new_engine, refits)
