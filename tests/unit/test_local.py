"""The executor of this process."""

from __future__ import annotations

import numpy as np
import pytest

from lowloss.errors import LeaseLost
from worker.engine.plans import (
    Arrays,
    Epoch,
    Loss,
    OnBatch,
    OnEpoch,
    Outcome,
    Plan,
    TrainedTrial,
)
from worker.execution import local
from worker.execution.local import FailedTrial

ROWS = np.zeros((2, 1), np.float32)
ARRAYS = Arrays(ROWS, ROWS[:, 0], None, ROWS, ROWS[:, 0], Loss.mse, 1)


def a_plan(number: int) -> Plan:
    return Plan(number, 1, (4,), "relu", "adam", 0.1, "constant", 0.0, None, 0.0, 0.0, 0.0, 8, 5, 9)


class Engine:
    """Trains for two epochs, or raises what it was given for a trial."""

    def __init__(self, **errors: BaseException) -> None:
        self.errors = {int(name.removeprefix("trial_")): error for name, error in errors.items()}

    def __call__(
        self, plan: Plan, arrays: Arrays, *, on_epoch: OnEpoch, on_batch: OnBatch
    ) -> TrainedTrial:
        assert arrays is ARRAYS
        if plan.number in self.errors:
            raise self.errors[plan.number]
        on_batch()
        epochs = tuple(Epoch(plan.number, epoch, 1.0, 1.0, 1.0) for epoch in (1, 2))
        went_on = [on_epoch(epoch) for epoch in epochs]
        outcome = Outcome.completed if all(went_on) else Outcome.stopped
        return TrainedTrial(plan, outcome, "max_epochs", epochs, 1, (), ROWS, 0.0)


class Search:
    """Hands out trials 1 to n, and hears what becomes of them."""

    def __init__(self, trials: int) -> None:
        self.left = [a_plan(number) for number in range(1, trials + 1)]
        self.epochs: list[tuple[int, int]] = []
        self.batches = 0

    def next_plans(self, n: int) -> list[Plan]:
        plans, self.left = self.left[:n], self.left[n:]
        return plans

    def on_epoch(self, epoch: Epoch) -> bool:
        self.epochs.append((epoch.number, epoch.epoch))
        return True

    def on_batch(self) -> None:
        self.batches += 1

    def run(self, engine: Engine) -> list[TrainedTrial | FailedTrial]:
        return list(
            local.run(
                self.next_plans,
                ARRAYS,
                train=engine,
                on_epoch=self.on_epoch,
                on_batch=self.on_batch,
            )
        )


def test_plans_are_trained_one_after_the_other_until_there_are_none() -> None:
    search = Search(trials=2)

    results = search.run(Engine())

    assert [result.plan.number for result in results] == [1, 2]
    assert all(isinstance(result, TrainedTrial) for result in results)
    assert search.epochs == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert search.batches == 2


def test_next_plan_is_asked_for_only_when_the_result_before_was_taken() -> None:
    search = Search(trials=3)

    results = local.run(
        search.next_plans,
        ARRAYS,
        train=Engine(),
        on_epoch=search.on_epoch,
        on_batch=search.on_batch,
    )
    next(results)

    assert [plan.number for plan in search.left] == [2, 3]


def test_trial_that_raises_fails_with_its_reason_and_the_search_goes_on() -> None:
    results = Search(trials=3).run(Engine(trial_2=ValueError("no such layer")))

    first, failed, last = results
    assert isinstance(first, TrainedTrial)
    assert isinstance(last, TrainedTrial)
    assert isinstance(failed, FailedTrial)
    assert (failed.plan.number, failed.reason) == (2, "ValueError")
    assert "Traceback" in failed.error
    assert "no such layer" in failed.error


@pytest.mark.parametrize(
    "error", [LeaseLost("taken"), MemoryError(), KeyboardInterrupt()], ids=repr
)
def test_what_concerns_the_job_ends_the_search(error: BaseException) -> None:
    search = Search(trials=2)

    with pytest.raises(type(error)):
        search.run(Engine(trial_1=error))

    assert [plan.number for plan in search.left] == [2]
