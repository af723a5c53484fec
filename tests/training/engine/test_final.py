"""The model that is handed out: a run of the winner, several of them, or new ones on all rows."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest

from lowloss.spec import JobSpec
from tests.builders.tables import checked_frame
from tests.builders.trainings import a_checkpoint, a_plan
from worker.data.prepare import Prepared, prepare, prepare_refit
from worker.data.scores import scores
from worker.engine.arrays import Arrays
from worker.engine.cohort.program import Programs
from worker.engine.plans import Epoch, Plan
from worker.engine.protocol import (
    EpochsAhead,
    NextPlans,
    OnEpoch,
    OnWait,
    look_at_every_epoch,
    train_plans,
)
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.jobs.search_job import new_engine
from worker.progress.reporter import Reporter, StopCause
from worker.search.tuner import SearchTuner
from worker.trials.folds import TrainingResult
from worker.winner.confirm import Confirmed
from worker.winner.final_model import FinalModel
from worker.winner.importance import importances
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


class Engine:
    """Trains plans one after the other, all of their epochs unless it is told to stop."""

    def __init__(self, arrays: Arrays, fails: tuple[int, ...] = ()) -> None:
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
        if plan.seed in self.fails:
            return FailedPlan(plan, "ValueError", "the test says so")
        for epoch in range(1, plan.max_epochs + 1):
            if not on_epoch(plan, Epoch(epoch, 1.0, 1.0, 1.0), a_checkpoint):
                return trained(self.arrays, plan, epoch, TrainingOutcome.stopped)
        return trained(self.arrays, plan, plan.max_epochs, TrainingOutcome.completed)


class Search:
    """What is known of the winner: how its plan is repeated on other seeds."""

    def __init__(self, spec: JobSpec, scaling: int) -> None:
        self.spec, self.scaling = spec, scaling
        self.scaling_of: dict[int, int] = {}

    def repeats(self, number: int, n: int) -> tuple[Plan, ...]:
        scaling = self.scaling_of.get(number, self.scaling)
        first = a_plan(number=number, max_epochs=20, widths=(4,), fold=scaling * FOLDS)
        return tuple(dataclasses.replace(first, seed=seed) for seed in range(n))


class Report:
    """Says that the job is cancelled after some looks."""

    def __init__(self, looks: float = float("inf")) -> None:
        self.looks = looks

    @property
    def stop_cause(self) -> StopCause | None:
        return None if self.looks > 0 else StopCause.cancel

    def poll(self) -> None:
        self.looks -= 1


def confirmed_on(prepared: Prepared, search: Search, seeds: int = 2) -> Confirmed:
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
    search: Search
    engine: Engine
    new_engine: NewEngine
    refits: list[Engine]
    candidates: list[TrainingResult] = dataclasses.field(default_factory=list)

    def make(self, report: Report | None = None) -> tuple[FinalModel, Any]:
        tuner = cast("SearchTuner", self.search)
        return make_final_model(
            self.confirmed,
            self.candidates,
            tuner,
            self.prepared,
            cast("Reporter", report or Report()),
            engines=Engines(self.engine, self.new_engine),
        )


def a_case(*, fails: tuple[int, ...] = (), scaling: int = 0, **given: Any) -> Case:
    final = {"refit": False, "members": 1, "ensemble": False} | given.pop("final", {})
    given = {"preprocessing": {"scale_features": "standard"}} | given
    prepared, spec = a_prepared(final=final, **given)
    search = Search(spec, scaling)
    refits: list[Engine] = []

    def new_engine(prepared: Prepared) -> Engine:
        refits.append(Engine(prepared.arrays, fails))
        return refits[-1]

    engine = Engine(prepared.arrays, fails)
    return Case(prepared, confirmed_on(prepared, search), search, engine, new_engine, refits)


@pytest.mark.parametrize("objective", ["val_loss", "val_rmse", "val_r2"])
def test_winners_best_fold_is_handed_out(objective: str) -> None:
    case = a_case(objective=objective)

    final, gain = case.make()

    assert gain is None
    assert final.members == (case.confirmed.winner.folds[1],)
    assert final.members[0].plan.fold == 1
    assert case.engine.started == []


def test_members_are_the_confirmed_repeats_and_as_many_more_as_are_missing() -> None:
    case = a_case(final={"members": 4})

    final, gain = case.make()

    assert [member.plan.seed for member in final.members] == [0, 1, 2, 3]
    assert [member.plan.fold for member in final.members] == [1] * 4
    assert final.members[1] is case.confirmed.winner.folds[1]
    assert [plan.seed for plan in case.engine.started] == [2, 3]
    assert case.engine.ahead == [20, 20]
    assert case.refits == []
    assert (gain.refit, gain.members) == (False, 4)


def test_fewer_members_than_repeats_train_nothing() -> None:
    case = a_case(final={"members": 2})

    final, _ = case.make()

    assert [member.plan.seed for member in final.members] == [0, 1]
    assert case.engine.started == []


def test_model_answers_the_mean_of_its_members() -> None:
    case = a_case(final={"members": 3})
    final, gain = case.make()

    alone = [FinalModel(case.prepared, (member,)).predict_test() for member in final.members]

    assert np.allclose(final.predict_test(), np.mean(alone, axis=0), rtol=1e-6)
    y, target = case.prepared.y_test, final.fit.target
    assert gain.after == scores(target, y, final.predict_test())
    assert gain.before == scores(target, y, alone[1])


def test_members_that_failed_are_left_out() -> None:
    case = a_case(final={"members": 4}, fails=(2,))

    final, gain = case.make()

    assert [member.plan.seed for member in final.members] == [0, 1, 3]
    assert gain.members == 3


def test_cancelled_among_members_it_averages_those_that_ended() -> None:
    case = a_case(final={"members": 4})

    # The first new member looks before it starts and after each of its 20 epochs.
    final, gain = case.make(Report(looks=25))

    assert [member.plan.seed for member in final.members] == [0, 1, 2]
    assert [plan.seed for plan in case.engine.started] == [2, 3]
    assert case.engine.ahead == [20, 20]
    assert gain.members == 3


def test_refit_trains_on_all_known_rows_for_the_median_of_the_best_epochs() -> None:
    case = a_case(final={"refit": True, "members": 2})

    final, gain = case.make()

    (engine,) = case.refits
    (fold,) = engine.arrays.folds
    assert np.array_equal(fold.train_N, case.prepared.splits.non_test_rows)
    assert not fold.is_validated
    assert case.engine.started == []
    # Of 4, 7 and 5. A schedule still leads to the plan's own last epoch.
    assert [len(member.epochs) for member in final.members] == [5, 5]
    assert engine.ahead == [5, 5]
    assert [member.plan.max_epochs for member in final.members] == [20, 20]
    assert [member.plan.seed for member in final.members] == [0, 1]
    assert [member.plan.fold for member in final.members] == [0, 0]
    assert (gain.refit, gain.members) == (True, 2)
    assert len(final.predict_test()) == len(case.prepared.y_test)


def test_refit_scales_features_as_the_winner_did() -> None:
    scalings = {"scale_features": {"choices": ["standard", "quantile"]}}
    case = a_case(final={"refit": True}, preprocessing=scalings, scaling=1)

    final, _ = case.make()

    assert [fit.features.scaling for fit in case.prepared.fits] == ["standard"] * 3 + [
        "quantile"
    ] * 3
    assert final.fit.features.scaling == "quantile"


def an_ensemble(*, refit: bool, **given: Any) -> Case:
    """A winner whose answers are too high, and a trial scaled another way whose are too low."""
    scalings = {"scale_features": {"choices": ["standard", "quantile"]}}
    case = a_case(
        final={"refit": refit, "members": 4, "ensemble": True}, preprocessing=scalings, **given
    )
    plan = a_plan(number=8, max_epochs=20, widths=(4,), fold=FOLDS)
    case.search.scaling_of[8] = 1
    folds = [
        trained(case.prepared.arrays, plan_of_fold, 6, TrainingOutcome.completed)
        for plan_of_fold in (dataclasses.replace(plan, fold=FOLDS + f) for f in range(FOLDS))
    ]
    low = [
        dataclasses.replace(
            fold,
            val_output_MC=2 * case.prepared.arrays.rows(fold.plan.fold).y_val_M[:, None]
            - fold.val_output_MC,
        )
        for fold in folds
    ]
    case.candidates = [
        TrainingResult(plan, tuple(low)),
        # One fold of a trial that was stopped says nothing of the others.
        TrainingResult(dataclasses.replace(plan, number=9), tuple(low[:1])),
    ]
    return case


def test_networks_of_an_ensemble_are_refitted_each_for_its_own_epochs() -> None:
    case = an_ensemble(refit=True)

    final, gain = case.make()

    assert sorted(gain.trials) == [3, 3, 8, 8]
    assert [len(member.epochs) for member in final.members] == [
        {3: 5, 8: 6}[number] for number in gain.trials
    ]
    by_trial = {member.plan.number: final.fit_of(member) for member in final.members}
    assert by_trial[3].features.scaling == "standard"
    assert by_trial[8].features.scaling == "quantile"
    assert len({(member.plan.number, member.plan.seed) for member in final.members}) == 4
    assert np.array_equal(by_trial[8].split.train, case.prepared.splits.non_test_rows)
    assert gain.after == scores(final.fit.target, case.prepared.y_test, final.predict_test())


def test_incomplete_ensemble_is_that_of_the_winner_alone() -> None:
    case = an_ensemble(refit=True, fails=(1,))

    final, gain = case.make()

    # The first networks of both trials ended: nobody chose these two to go together.
    assert [(member.plan.number, member.plan.seed) for member in final.members] == [(3, 0)]
    assert gain.trials == (3,)


def test_networks_of_an_ensemble_without_refit_are_of_the_winners_fold() -> None:
    case = an_ensemble(refit=False)

    final, gain = case.make()

    assert sorted(gain.trials) == [3, 3, 8, 8]
    assert {member.plan.fold % FOLDS for member in final.members} == {1}
    assert {member.plan.fold // FOLDS for member in final.members} == {0, 1}
    assert sorted((p.number, p.seed) for p in case.engine.started) == [(8, 0), (8, 1)]


@pytest.mark.parametrize("looks", [0, 1, 3, 5])
def test_refit_that_is_cancelled_midway_leaves_the_winners_run(
    monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    case = a_case(final={"refit": True, "members": 2})

    final, gain = case.make(Report(looks))

    assert final.members == (case.confirmed.winner.folds[1],)
    assert final.prepared is case.prepared
    assert gain is None


def test_refit_that_is_cancelled_later_keeps_the_members_that_ended() -> None:
    case = a_case(final={"refit": True, "members": 3})

    final, gain = case.make(Report(looks=9))

    assert [member.plan.seed for member in final.members] == [0]
    assert gain.members == 1


def test_refit_that_fails_leaves_the_winners_run() -> None:
    case = a_case(final={"refit": True, "members": 2}, fails=(0, 1))

    final, gain = case.make()

    assert final.members == (case.confirmed.winner.folds[1],)
    assert gain is None


@pytest.mark.parametrize("fold", range(FOLDS))
def test_importances_are_of_every_fold_however_few_levels_it_knows(fold: int) -> None:
    prepared, _ = a_prepared()
    plan = a_plan(widths=(4,), fold=fold)
    final = FinalModel(prepared, (trained(prepared.arrays, plan, 3, TrainingOutcome.completed),))

    found = importances(final, seed=0)

    assert {each.column for each in found} == {"x", "t", "level"}
    assert all(np.isfinite([each.increase, each.sd]).all() for each in found)
    assert [each.increase for each in found] == sorted((e.increase for e in found), reverse=True)
    # The levels of the last rows are new to every fold: shuffled, they are what they were.
    assert {each.column: each.increase for each in found}["level"] == pytest.approx(0.0, abs=1e-9)


def test_refits_of_several_settings_train_in_one_engine() -> None:
    prepared, spec = a_prepared()
    refit = prepare_refit(prepared, spec, ("standard", "piecewise"))
    widths = [(8,), (160,), (40, 40), (8,)]
    plans = [
        a_plan(number=number, seed=number, widths=width, fold=number % 2, max_epochs=2)
        for number, width in enumerate(widths, start=1)
    ]

    ended = list(train_plans(new_engine(spec, Programs(), refit), plans, lambda: True))

    assert [type(result) for result in ended] == [TrainedPlan] * 4
    assert sorted(result.plan.number for result in ended) == [1, 2, 3, 4]
