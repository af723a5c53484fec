"""Plans trained on every fold, with an engine that is told what happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from tests.trainings import a_plan, a_training
from worker.engine.plans import (
    Epoch,
    FailedTrial,
    NextPlans,
    OnBatch,
    OnEpoch,
    Outcome,
    Plan,
    TrainedTrial,
    hand_out,
)
from worker.folds import Folds, Training
from worker.report import as_curve

Key = tuple[int, int]
ENDS = {"diverged": Outcome.diverged, "stopped": Outcome.stopped}


class Scripted:
    """Trains one plan after the other, each for an epoch; `ends` says which end otherwise."""

    def __init__(self, ends: dict[Key, str] | None = None, at_once: int = 1) -> None:
        self.ends = ends or {}
        self.at_once = at_once
        self.trained: list[Key] = []
        self.told: dict[Key, bool] = {}

    def run(
        self, next_plans: NextPlans, *, on_epoch: OnEpoch, on_batch: OnBatch
    ) -> Iterator[TrainedTrial | FailedTrial]:
        while plans := next_plans(self.at_once):
            for plan in reversed(plans):
                key = plan.number, plan.fold
                self.trained.append(key)
                self.told[key] = on_epoch(plan, Epoch(1, 1.0, 1.0, 1.0))
                yield self._end(plan, self.ends.get(key))

    def _end(self, plan: Plan, end: str | None) -> TrainedTrial | FailedTrial:
        if end == "failed":
            return FailedTrial(plan, "ValueError", "no such thing")
        value = None if end == "diverged" else float(plan.fold)
        return a_training(plan, value, ENDS.get(end or "", Outcome.completed))


def run(engine: Scripted, plans: list[Plan], folds: int = 3) -> list[Training | FailedTrial]:
    return list(
        Folds(folds).run(
            engine, hand_out(plans), on_epoch=lambda _, __: True, on_batch=lambda: None
        )
    )


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_folds_are_put_together_in_their_order(at_once: int) -> None:
    engine = Scripted(at_once=at_once)

    ended = run(engine, [a_plan(number=1), a_plan(number=2)])

    assert sorted(engine.trained) == [(n, f) for n in (1, 2) for f in range(3)]
    for number, training in zip((1, 2), sorted(ended, key=lambda t: t.plan.number), strict=True):
        assert isinstance(training, Training)
        assert training.plan == a_plan(number=number)
        assert [fold.plan.fold for fold in training.folds] == [0, 1, 2]
        assert (training.is_good, training.best_epoch) == (True, 1)


def test_second_way_of_scaling_has_folds_of_its_own() -> None:
    engine = Scripted()

    (training,) = run(engine, [a_plan(number=1, fold=3)])

    assert engine.trained == [(1, 3), (1, 4), (1, 5)]
    assert training.plan.fold == 3


@pytest.mark.parametrize(("end", "outcome"), ENDS.items())
def test_fold_that_ends_badly_spares_the_others(end: str, outcome: Outcome) -> None:
    engine = Scripted({(1, 1): end})

    first, second = run(engine, [a_plan(number=1), a_plan(number=2)])

    assert engine.trained == [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    assert isinstance(first, Training)
    assert first.outcome is outcome
    assert first.worst.plan.fold == 1
    assert isinstance(second, Training)
    assert second.outcome is Outcome.completed


def test_folds_that_train_beside_a_lost_one_are_told_to_stop() -> None:
    engine = Scripted({(1, 2): "diverged"}, at_once=3)

    (training,) = run(engine, [a_plan(number=1)])

    # Fold 2 came first.
    assert engine.told == {(1, 2): True, (1, 1): False, (1, 0): False}
    assert isinstance(training, Training)
    assert len(training.folds) == 3


def test_failed_fold_fails_the_trial_once() -> None:
    engine = Scripted({(1, 0): "failed", (1, 1): "failed"}, at_once=2)

    ended = run(engine, [a_plan(number=1, seed=9), a_plan(number=2)])

    assert [type(each) for each in ended] == [FailedTrial, Training]
    assert ended[0].plan == a_plan(number=1, seed=9)


def test_best_epoch_is_the_median_of_the_folds() -> None:
    folds = tuple(
        dataclasses.replace(a_training(a_plan(fold=f)), best_epoch=best)
        for f, best in enumerate((3, 50, 10))
    )

    assert Training(a_plan(), folds).best_epoch == 10
    spoilt = dataclasses.replace(folds[0], best_epoch=None)
    assert Training(a_plan(), (spoilt, *folds[1:])).best_epoch is None


def test_curve_is_the_mean_of_the_folds_that_came_so_far() -> None:
    def epochs(*losses: float) -> list[Epoch]:
        return [Epoch(i, loss, loss, loss) for i, loss in enumerate(losses, start=1)]

    curve = as_curve({0: epochs(1.0, 3.0), 1: epochs(3.0), 2: epochs(2.0, 5.0, float("nan"))})

    assert curve.val_loss == (2.0, 4.0, None)
