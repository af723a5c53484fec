"""Which trials go on after an epoch: the pruner's word, the budget's, and the job's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lowloss.spec import JobSpec
from tests.builders.trainings import a_plan
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.progress.reporter import StopCause
from worker.search.pruning import make_pruner
from worker.trials.stopping import CutReason, TrialStopping

KFOLD = {"strategy": "kfold", "folds": 2}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def a_stopping(clock: Clock | None = None, **given: Any) -> TrialStopping:
    plain = {"dataset": "d", "target": "y", "pruning": {"reduction": 3, "min_epochs": 2}}
    spec = JobSpec.model_validate(plain | given)
    return TrialStopping(spec, make_pruner(spec), clock=clock or Clock())


def start(stopping: TrialStopping, *numbers: int) -> list[Plan]:
    plans = [a_plan(number=number, max_epochs=100, patience=3) for number in numbers]
    for plan in plans:
        stopping.start(plan, {})
    return plans


def train(
    stopping: TrialStopping,
    plan: Plan,
    losses: Sequence[float],
    *,
    first: int = 1,
    cause: StopCause | None = None,
) -> list[bool]:
    return [
        stopping.on_epoch(plan, Epoch(epoch, loss, loss, loss), cause)
        for epoch, loss in enumerate(losses, start=first)
    ]


def fold_of(plan: Plan, fold: int) -> Plan:
    return a_plan(number=plan.number, max_epochs=100, patience=3, fold=fold)


def a_checkpoint(*losses: float, seconds: float = 0.0) -> Checkpoint:
    epochs = tuple(Epoch(n, loss, loss, loss) for n, loss in enumerate(losses, start=1))
    return Checkpoint(epochs, 1, 0, seconds, (), (), ())


def test_trial_that_is_worse_at_a_rung_is_pruned_there() -> None:
    stopping = a_stopping()
    good, bad = start(stopping, 1, 2)
    train(stopping, good, [1.0, 0.5])

    assert train(stopping, bad, [0.4, 0.6]) == [True, True]
    assert train(stopping, start(stopping, 3)[0], [0.1, 0.45]) == [True, True]
    assert train(stopping, start(stopping, 4)[0], [0.9, 0.8]) == [True, False]
    assert stopping.cut == {4: CutReason.pruned}


def test_without_pruning_nothing_is_compared() -> None:
    stopping = a_stopping(pruning=None)
    for number, plan in enumerate(start(stopping, 1, 2, 3)):
        assert all(train(stopping, plan, [float(number)] * 50))


def test_trial_on_folds_is_compared_once_all_have_come_to_the_rung() -> None:
    stopping = a_stopping(validation=KFOLD)
    first, second = start(stopping, 1, 2)
    for fold in (0, 1):
        assert all(train(stopping, fold_of(first, fold), [1.0, 1.0]))

    # Alone this fold is worse: it goes on until the other is there, and the mean is better.
    assert train(stopping, fold_of(second, 0), [1.2, 1.1, 1.1]) == [True, True, True]
    assert train(stopping, fold_of(second, 1), [0.7, 0.7]) == [True, True]


def test_mean_over_folds_that_is_worse_is_pruned_though_one_fold_is_ahead() -> None:
    stopping = a_stopping(validation=KFOLD)
    first, second = start(stopping, 1, 2)
    for fold in (0, 1):
        train(stopping, fold_of(first, fold), [1.0, 1.0])
    train(stopping, fold_of(second, 0), [0.9, 0.9, 0.9])

    assert train(stopping, fold_of(second, 1), [1.5, 1.5]) == [True, False]
    # The fold that is ahead hears of it at its next epoch.
    assert train(stopping, fold_of(second, 0), [0.1], first=4) == [False]


def test_fold_that_ended_early_counts_with_its_best() -> None:
    stopping = a_stopping(validation=KFOLD, pruning={"reduction": 3, "min_epochs": 6})
    first, second = start(stopping, 1, 2)
    for fold in (0, 1):
        train(stopping, fold_of(first, fold), [1.0] * 3)
        train(stopping, fold_of(first, fold), [0.9, 0.9, 0.9], first=4)

    # Its patience of 3 is over after 4 epochs.
    train(stopping, fold_of(second, 0), [0.5, 0.6, 0.6, 0.6])

    assert train(stopping, fold_of(second, 1), [1.2, 1.1, 1.0, 0.9, 0.9, 0.9])[-1]
    third = start(stopping, 3)[0]
    train(stopping, fold_of(third, 0), [0.8, 0.9, 0.9, 0.9])
    assert not train(stopping, fold_of(third, 1), [2.0, 1.9, 1.8, 1.7, 1.6, 1.5])[-1]


def test_trial_that_goes_on_from_a_checkpoint_is_not_compared_twice() -> None:
    stopping = a_stopping()
    plan = a_plan(number=1, max_epochs=100, patience=3)

    stopping.start(plan, {0: a_checkpoint(1.0, 0.9, 0.8)})

    assert stopping.epochs == 3
    assert train(stopping, plan, [0.7], first=4) == [True]
    assert train(stopping, start(stopping, 2)[0], [1.0, 0.95]) == [True, False]


def test_trial_ends_as_its_time_is_up() -> None:
    clock = Clock()
    stopping = a_stopping(clock, budget={"max_trial_seconds": 10})
    (plan,) = start(stopping, 1)
    clock.now = 9.0
    assert train(stopping, plan, [1.0]) == [True]

    clock.now = 10.0

    assert train(stopping, plan, [0.9], first=2) == [False]
    assert stopping.cut == {1: CutReason.trial_time}


def test_time_before_a_stop_counts() -> None:
    clock = Clock()
    stopping = a_stopping(clock, budget={"max_trial_seconds": 10})
    plan = a_plan(number=1, max_epochs=100)
    stopping.start(plan, {0: a_checkpoint(1.0, seconds=8.0)})

    clock.now = 2.0

    assert train(stopping, plan, [0.9], first=2) == [False]


def test_all_trials_end_as_the_epochs_are_used_up() -> None:
    stopping = a_stopping(budget={"max_total_epochs": 5}, pruning=None)
    first, second = start(stopping, 1, 2)

    assert train(stopping, first, [1.0, 0.9, 0.8, 0.7]) == [True] * 4
    assert not stopping.is_out_of_epochs
    assert train(stopping, second, [1.0]) == [False]
    assert stopping.is_out_of_epochs
    assert stopping.cut == {2: CutReason.total_epochs}


def test_trials_are_promised_no_more_epochs_than_there_are() -> None:
    stopping = a_stopping(budget={"max_total_epochs": 100}, pruning=None)
    first, second = start(stopping, 1, 2)

    assert stopping.epochs_ahead(first) == 100
    assert stopping.epochs_ahead(second) == 1

    train(stopping, first, [1.0] * 60)
    assert stopping.epochs_ahead(second) == 1
    assert stopping.epochs_ahead(first) == 39


def test_trial_is_trained_to_its_next_rung_at_once() -> None:
    stopping = a_stopping()
    (plan,) = start(stopping, 1)

    assert stopping.epochs_ahead(plan) == 2
    train(stopping, plan, [1.0])
    assert stopping.epochs_ahead(plan) == 1
    train(stopping, plan, [0.9], first=2)
    assert stopping.epochs_ahead(plan) == 4


def test_trial_that_is_cut_trains_no_further_epoch() -> None:
    stopping = a_stopping()
    (plan,) = start(stopping, 1)
    train(stopping, plan, [1.0])

    stopping.cut_all(StopCause.cancel)

    assert stopping.epochs_ahead(plan) == 0
    assert stopping.cut == {1: StopCause.cancel}


def test_epochs_of_a_trial_on_folds_count_once() -> None:
    stopping = a_stopping(validation=KFOLD)
    (plan,) = start(stopping, 1)

    train(stopping, fold_of(plan, 0), [1.0, 0.9, 0.8])
    train(stopping, fold_of(plan, 1), [1.0, 0.9])

    assert stopping.epochs == 3


def test_epochs_of_a_trial_that_was_left_count_as_it_goes_on() -> None:
    stopping = a_stopping()
    (plan,) = start(stopping, 1)
    train(stopping, plan, [1.0, 0.9])

    stopping.put_back(1)
    stopping.start(plan, {0: a_checkpoint(1.0, 0.9)})

    assert stopping.epochs == 2


def test_target_that_is_hit_ends_the_others() -> None:
    stopping = a_stopping()
    (plan,) = start(stopping, 1)

    stopping.has_hit_target = True

    assert train(stopping, plan, [1.0]) == [False]
    assert stopping.cut == {1: CutReason.target}


@pytest.mark.parametrize("later", [StopCause.pause, StopCause.cancel, None])
def test_pruned_trial_stays_pruned_whatever_comes_then(later: StopCause | None) -> None:
    stopping = a_stopping()
    first, second = start(stopping, 1, 2)
    train(stopping, first, [1.0, 0.5])
    train(stopping, second, [1.0, 0.9])

    assert train(stopping, second, [0.1], first=3, cause=later) == [False]
    assert stopping.cut == {2: CutReason.pruned}


def test_pause_gives_way_to_a_cancel() -> None:
    stopping = a_stopping()
    (plan,) = start(stopping, 1)
    train(stopping, plan, [1.0], cause=StopCause.pause)

    train(stopping, plan, [1.0], first=2, cause=StopCause.cancel)

    assert stopping.cut == {1: StopCause.cancel}


def test_trial_that_starts_again_is_not_cut_any_more() -> None:
    stopping = a_stopping()
    (plan,) = start(stopping, 1)
    train(stopping, plan, [1.0], cause=StopCause.pause)
    stopping.put_back(1)

    stopping.start(plan, {0: a_checkpoint(1.0)})

    assert stopping.cut == {}
    assert train(stopping, plan, [0.9], first=2) == [True]
