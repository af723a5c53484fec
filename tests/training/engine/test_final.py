"""The model that is handed out: a run of the winner, several of them, or new ones on all rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.builders.finals import (
    FOLDS,
    FakeReport,
    a_case,
    a_prepared,
    trained,
)
from tests.builders.trainings import a_plan
from worker.data.scores import scores
from worker.engine.results import TrainingOutcome
from worker.winner.final_model import FinalModel
from worker.winner.importance import importances


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
    final, gain = case.make(FakeReport(looks=25))

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


def test_rate_of_a_refit_falls_where_it_did_before_the_winners_best_epoch() -> None:
    case = a_case(final={"refit": True, "members": 2})
    winner = case.confirmed.winner
    folds = tuple(replace(fold, rate_falls=(2, 3, 9)) for fold in winner.folds)
    case.confirmed = replace(case.confirmed, winner=replace(winner, folds=folds))

    case.make()

    assert [plan.rate_falls for plan in case.refits[0].started] == [(2, 3), (2, 3)]


def test_refit_scales_features_as_the_winner_did() -> None:
    scalings = {"scale_features": {"choices": ["standard", "quantile"]}}
    case = a_case(final={"refit": True}, preprocessing=scalings, scaling=1)

    final, _ = case.make()

    assert [fit.features.scaling for fit in case.prepared.fits] == ["standard"] * 3 + [
        "quantile"
    ] * 3
    assert final.fit.features.scaling == "quantile"


@pytest.mark.parametrize("looks", [0, 1, 3, 5])
def test_refit_that_is_cancelled_midway_leaves_the_winners_run(
    monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    case = a_case(final={"refit": True, "members": 2})

    final, gain = case.make(FakeReport(looks))

    assert final.members == (case.confirmed.winner.folds[1],)
    assert final.prepared is case.prepared
    assert gain is None


def test_refit_that_is_cancelled_later_keeps_the_members_that_ended() -> None:
    case = a_case(final={"refit": True, "members": 3})

    final, gain = case.make(FakeReport(looks=9))

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
