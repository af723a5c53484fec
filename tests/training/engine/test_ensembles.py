"""A model of networks with the settings of several trials."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from lowloss.spec import Final
from tests.builders.finals import (
    FOLDS,
    Case,
    FakeReport,
    FakeSearch,
    a_case,
    a_prepared,
    confirmed_on,
    trained,
)
from tests.builders.tables import checked_frame
from tests.builders.trainings import a_plan
from worker.data.input_choices import InputChoice
from worker.data.prepare import prepare, prepare_refit
from worker.data.scores import scores
from worker.engine.cohort.buckets import COMPILE_SECONDS
from worker.engine.protocol import train_plans
from worker.engine.results import TrainedPlan, TrainingOutcome
from worker.execution.local import LocalExecutor
from worker.jobs.search_job import new_engine
from worker.trials.folds import TrainingResult
from worker.trials.pace import Pace
from worker.winner.refit_time import refit_seconds


def an_ensemble(*, refit: bool, **given: Any) -> Case:
    """A winner whose answers are too high, and a trial scaled another way whose are too low."""
    scalings = {"scale_features": {"choices": ["standard", "quantile"]}}
    final = {"refit": refit, "members": 4, "ensemble": True} | given.pop("final", {})
    case = a_case(final=final, preprocessing=scalings, **given)
    plan = a_plan(number=8, max_epochs=20, widths=(4,), fold=FOLDS)
    case.search.scaling_of[8] = 1
    folds = [
        trained(case.prepared.arrays, plan_of_fold, 6, TrainingOutcome.completed)
        for plan_of_fold in (dataclasses.replace(plan, fold=FOLDS + f) for f in range(FOLDS))
    ]
    low = []
    for fold in folds:
        y_M1 = case.prepared.arrays.rows(fold.plan.fold).y_val_M[:, None]
        # A little nearer than the winner's: it is chosen first.
        output_MC = y_M1 - np.float32(0.9) * (fold.val_output_MC - y_M1)
        low.append(dataclasses.replace(fold, val_output_MC=output_MC))
    case.candidates = [
        TrainingResult(plan, tuple(low)),
        # One fold of a trial that was stopped says nothing of the others.
        TrainingResult(dataclasses.replace(plan, number=9), tuple(low[:1])),
    ]
    return case


def test_networks_of_an_ensemble_are_refitted_each_for_its_own_epochs() -> None:
    case = an_ensemble(refit=True)

    final, gain = case.make()

    # As they were chosen: one of each predicts best.
    assert gain.trials == (8, 3, 8, 3)
    assert [plan.number for plan in case.refits[0].started] == [8, 3, 8, 3]
    assert [len(member.epochs) for member in final.members] == [
        {3: 5, 8: 6}[number] for number in gain.trials
    ]
    by_trial = {member.plan.number: final.fit_of(member) for member in final.members}
    assert by_trial[3].features.scaling == "standard"
    assert by_trial[8].features.scaling == "quantile"
    assert len({(member.plan.number, member.plan.seed) for member in final.members}) == 4
    assert np.array_equal(by_trial[8].split.train, case.prepared.splits.non_test_rows)
    assert gain.after == scores(final.fit.target, case.prepared.y_test, final.predict_test())


class ShortReport(FakeReport):
    """Looks at a time that becomes shorter: what is left at each look."""

    def __init__(self, *seconds: float) -> None:
        super().__init__()
        self._seconds = iter(seconds)

    @property
    def seconds_left(self) -> float:
        return next(self._seconds)

    @seconds_left.setter
    def seconds_left(self, _: float) -> None:
        """Each look takes the next one."""


@pytest.fixture
def no_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs be ready at once."""
    monkeypatch.setattr("worker.trials.pace.COMPILE_SECONDS", 0.0)


@pytest.mark.parametrize(("compiles", "trials"), [(2.01, (8, 3, 8, 3)), (1.99, (8,))])
def test_refits_that_train_at_once_have_time_for_a_compile_of_each_setting(
    compiles: float, trials: tuple[int, ...]
) -> None:
    seconds = compiles * COMPILE_SECONDS

    _, gain = an_ensemble(refit=True).make(ShortReport(seconds, 0.0))

    assert gain.trials == trials


@pytest.mark.parametrize(
    ("shares", "trials"),
    [
        ((1.01,), (8, 3, 8, 3)),
        ((0.95, 0.0), (8, 3, 8)),
        ((0.3, 0.0), (8,)),
        ((0.0, 0.0), (8,)),
        ((0.6, 0.3, 0.0), (8, 3, 8)),
        ((0.6, 0.6), (8, 3, 8, 3)),
    ],
)
def test_ensemble_has_the_first_of_its_networks_that_the_time_is_enough_for(
    shares: tuple[float, ...], trials: tuple[int, ...], no_compiles: None
) -> None:
    case = an_ensemble(refit=True)
    case.make()
    both = [case.candidates[0], case.confirmed.winner]
    needed = refit_seconds(both * 2, case.prepared, case.search.spec.final, Pace())

    final, gain = case.make(ShortReport(*(share * needed for share in shares)))

    assert len(final.members) == gain.members == len(trials)
    assert gain.trials == trials
    assert [plan.number for plan in case.refits[-1].started] == list(trials)


def test_refits_on_all_rows_have_their_time_before_more_networks(no_compiles: None) -> None:
    case = an_ensemble(refit=True, final={"use_test_rows": True})
    both = [case.candidates[0], case.confirmed.winner]
    needed = refit_seconds(both * 2, case.prepared, case.search.spec.final, Pace())

    _, gain = case.make(ShortReport(0.9 * needed, 0.0))

    assert gain.trials == (8, 3, 8)


@pytest.mark.parametrize(
    ("seconds", "shares", "trials"),
    [(1e6, (0.6, 0.3, 0.0), (8, 3)), (0.0, (0.6, 0.01), (8, 3, 8, 3))],
    ids=["slow", "fast"],
)
def test_a_part_of_the_refits_says_how_long_the_next_one_takes(
    seconds: float,
    shares: tuple[float, ...],
    trials: tuple[int, ...],
    no_compiles: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.trials.pace.PRIOR_SECONDS", 1e-12)
    case = an_ensemble(refit=True)
    both = [case.candidates[0], case.confirmed.winner]
    needed = refit_seconds(both * 2, case.prepared, case.search.spec.final, Pace())
    clock = itertools.count(0.0, seconds)

    _, gain = case.make(
        ShortReport(*(share * needed for share in shares)), Pace(clock=lambda: next(clock))
    )

    assert gain.trials == trials


def test_temperature_is_fitted_to_the_networks_that_there_are(
    no_compiles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []

    def fit(members: Sequence[TrainingResult], *_: Any, seed: int) -> float:
        fitted.extend(member.plan.number for member in members)
        return 1.0

    monkeypatch.setattr("worker.winner.refit.fit_temperature", fit)

    an_ensemble(refit=True).make(ShortReport(0.0, 0.0))

    assert fitted == [8]


@pytest.mark.parametrize(("fails", "trials"), [((1,), (8, 3)), ((0,), (8, 3)), ((0, 1), None)])
def test_refits_that_failed_are_replaced_by_those_of_other_seeds(
    fails: tuple[int, ...], trials: tuple[int, ...] | None
) -> None:
    _, gain = an_ensemble(refit=True, fails=fails).make()

    assert (gain.trials if gain else None) == trials


def test_refits_of_the_winner_are_the_model_where_the_first_chosen_setting_has_none() -> None:
    final, gain = an_ensemble(refit=True, fails=((8, 0), (8, 1))).make()

    assert gain.trials == (3, 3)
    assert [member.plan.seed for member in final.members] == [0, 1]


def test_networks_that_confirmed_the_winner_cost_no_time() -> None:
    case = a_case(final={"members": 2})

    final, _ = case.make(FakeReport(seconds_left=1e-9))

    assert len(final.members) == 2
    assert case.engine.started == []


def test_refits_on_all_rows_are_in_the_time_that_refits_need(no_compiles: None) -> None:
    prepared, spec = a_prepared()
    training = confirmed_on(prepared, FakeSearch(spec, 0)).winner
    once, twice = (
        refit_seconds([training], prepared, Final(use_test_rows=value), Pace())
        for value in (False, True)
    )

    rows = len(prepared.splits.non_test_rows)
    assert twice == pytest.approx(once * (2 * rows + len(prepared.splits.test)) / rows)


def test_networks_of_an_ensemble_without_refit_are_of_the_winners_fold() -> None:
    case = an_ensemble(refit=False)

    final, gain = case.make()

    assert sorted(gain.trials) == [3, 3, 8, 8]
    assert {member.plan.fold % FOLDS for member in final.members} == {1}
    assert {member.plan.fold // FOLDS for member in final.members} == {0, 1}
    assert sorted((p.number, p.seed) for p in case.engine.started) == [(8, 0), (8, 1)]


def test_refits_of_several_settings_train_in_one_engine() -> None:
    prepared, spec = a_prepared()
    refit = prepare_refit(prepared, spec, (InputChoice("standard"), InputChoice("piecewise")))
    widths = [(8,), (160,), (40, 40), (8,)]
    plans = [
        a_plan(number=number, seed=number, widths=width, fold=number % 2, max_epochs=2)
        for number, width in enumerate(widths, start=1)
    ]

    ended = list(train_plans(new_engine(spec, LocalExecutor(), refit), plans, lambda: True))

    assert [type(result) for result in ended] == [TrainedPlan] * 4
    assert sorted(result.plan.number for result in ended) == [1, 2, 3, 4]


def test_refits_train_in_the_programs_of_the_search() -> None:
    x = np.random.default_rng(0).normal(size=150)
    validation = {"strategy": "kfold", "folds": 5}
    table, check = checked_frame({"x": x, "y": x + 1}, "y", validation=validation)
    prepared, spec = prepare(table, check, max_levels=100), check.spec
    executor = LocalExecutor()
    plan = a_plan(widths=(8,), max_epochs=2)
    folds = [dataclasses.replace(plan, fold=fold) for fold in range(len(prepared.splits.folds))]
    of_search = list(train_plans(new_engine(spec, executor, prepared), folds, lambda: True))
    compile_seconds = executor.compile_seconds

    refit = prepare_refit(prepared, spec, (InputChoice("standard"),))
    plans = [dataclasses.replace(plan, number=number) for number in range(1, 9)]
    refits = list(train_plans(new_engine(spec, executor, refit), plans, lambda: True))

    assert compile_seconds > 0
    assert executor.compile_seconds == compile_seconds
    assert [type(result) for result in (*of_search, *refits)] == [TrainedPlan] * 13
