"""How long trainings will take, by those that have ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from tests.builders.finals import a_prepared, trained
from tests.builders.trainings import a_checkpoint, a_plan
from worker.data.prepare import Prepared
from worker.engine.cohort.buckets import plan_seconds
from worker.engine.results import TrainingOutcome
from worker.trials.folds import TrainingResult
from worker.trials.pace import Pace


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return a_prepared()[0]


def a_training(prepared: Prepared, epochs: int, epochs_before: int = 0) -> TrainingResult:
    plan = a_plan(widths=(4,))
    if epochs_before:
        plan = dataclasses.replace(plan, checkpoint=a_checkpoint(epochs_before))
    return TrainingResult(
        plan, (trained(prepared.arrays, plan, epochs, TrainingOutcome.completed),)
    )


def seconds() -> Iterator[float]:
    """Ten seconds pass between two looks at the clock."""
    return iter([0.0, 10.0])


def test_without_a_training_an_estimate_is_the_best_guess() -> None:
    assert Pace().expect(3.0) == 3.0


def test_trainings_take_as_long_for_each_estimated_second_as_those_before(
    prepared: Prepared,
) -> None:
    pace, clock = (
        Pace(clock=seconds().__next__),
        plan_seconds(a_plan(widths=(4,)), prepared.arrays, 6),
    )

    with pace.measure():
        pace.count(a_training(prepared, 4), prepared.arrays)
        pace.count(a_training(prepared, 2), prepared.arrays)

    assert pace.expect(clock) == pytest.approx(10.0)
    assert pace.expect(2 * clock) == pytest.approx(20.0)


def test_epochs_of_an_earlier_attempt_do_not_count(prepared: Prepared) -> None:
    pace = Pace(clock=seconds().__next__)

    with pace.measure():
        pace.count(a_training(prepared, 9, epochs_before=6), prepared.arrays)

    three_epochs = plan_seconds(a_plan(widths=(4,)), prepared.arrays, 3)
    assert pace.expect(three_epochs) == pytest.approx(10.0)


def test_estimate_grows_with_epochs_width_and_rows(prepared: Prepared) -> None:
    plan, arrays = a_plan(widths=(4,)), prepared.arrays
    one = plan_seconds(plan, arrays, 1)

    assert plan_seconds(plan, arrays, 3) == pytest.approx(3 * one)
    assert plan_seconds(a_plan(widths=(400,)), arrays, 1) > one
    assert plan_seconds(dataclasses.replace(plan, fold=2), arrays, 1) > one
