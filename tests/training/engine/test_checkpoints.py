"""A training that is stopped and goes on comes to the same end, in every engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lowloss.spec.schedules import Plateau
from tests.builders.engines import a_cohort_engine
from tests.builders.trainings import a_plan, run, some_arrays, some_plans
from worker.engine.arrays import Arrays, Embedding, Loss
from worker.engine.keras.keras_engine import KerasEngine
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.protocol import Engine, TakeCheckpoint
from worker.engine.results import TrainedPlan, TrainingOutcome

NewEngine = Callable[[Arrays], Engine]


@pytest.fixture(params=["cohort", pytest.param("keras", marks=pytest.mark.slow)])
def new_engine(request: pytest.FixtureRequest) -> NewEngine:
    return a_cohort_engine if request.param == "cohort" else KerasEngine


def stop_at(last: int) -> Callable[[Plan, Epoch, TakeCheckpoint], bool]:
    return lambda _, epoch, __: epoch.epoch != last


def in_parts(engine: NewEngine, arrays: Arrays, plan: Plan, *stops: int) -> TrainedPlan:
    """Train a plan, leave it after each of some epochs, and go on in another engine."""
    for last in stops:
        part = run(engine(arrays), [plan], on_epoch=stop_at(last))[plan.number]
        assert (part.outcome, len(part.epochs)) == (TrainingOutcome.stopped, last)
        plan = dataclasses.replace(plan, checkpoint=part.checkpoint)
    return run(engine(arrays), [plan])[plan.number]


def never(*_: object) -> bool:
    raise AssertionError("no epoch was to be trained")


def assert_same(one: TrainedPlan, other: TrainedPlan) -> None:
    assert one.epochs == other.epochs
    assert (one.outcome, one.reason, one.best_epoch) == (
        other.outcome,
        other.reason,
        other.best_epoch,
    )
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.val_output_MC, other.val_output_MC)


RECIPES: dict[str, dict[str, Any]] = {
    "adam": {"dropout": 0.3, "l2": 0.01},
    "adamw, cosine": {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine"},
    "rmsprop, clipped": {"optimizer": "rmsprop", "clip_norm": 0.05},
    "sgd, noise": {"optimizer": "sgd", "noise": 0.2},
    "mixup": {"mixup": 0.4, "widths": (30, 3, 17)},
    "a rate that falls": {
        "learning_rate": 0.2,
        "plateau": Plateau(0.3, 2, min_delta=0.05, cooldown=1),
        "max_epochs": 12,
    },
    "a rate that overfits": {"learning_rate": 0.3, "patience": 4, "max_epochs": 60},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_training_in_parts_gives_the_same_bits(
    new_engine: NewEngine, recipe: dict[str, Any]
) -> None:
    arrays = some_arrays(loss_unit=3.0)
    plan = a_plan(**{"max_epochs": 7} | recipe)

    parts = in_parts(new_engine, arrays, plan, 1, 3)

    assert_same(parts, run(new_engine(arrays), [plan])[1])


@pytest.mark.parametrize("loss", [Loss.binary, Loss.multiclass])
def test_classifiers_go_on_with_their_embeddings(new_engine: NewEngine, loss: Loss) -> None:
    arrays = some_arrays(loss)
    codes = np.random.default_rng(1).integers(0, 5, arrays.x_VND.shape[1])
    codes_VN1 = codes.astype(np.float32).reshape(1, -1, 1)
    x_VND = np.concatenate([arrays.x_VND, codes_VN1], axis=2)
    arrays = dataclasses.replace(arrays, x_VND=x_VND, embeddings=(Embedding(5, 2),))
    plan = a_plan(max_epochs=5, dropout=0.2)

    assert_same(in_parts(new_engine, arrays, plan, 2), run(new_engine(arrays), [plan])[1])


def test_training_without_validation_rows_goes_on(new_engine: NewEngine) -> None:
    arrays = some_arrays()
    fold = dataclasses.replace(arrays.folds[0], validation_M=np.empty(0, dtype=np.int64))
    arrays = dataclasses.replace(arrays, folds=(fold,))
    plan = a_plan(max_epochs=4)

    parts, whole = in_parts(new_engine, arrays, plan, 2), run(new_engine(arrays), [plan])[1]

    assert [e.loss for e in parts.epochs] == [e.loss for e in whole.epochs]
    for a, b in zip(parts.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_checkpoint_is_taken_while_the_training_goes_on(new_engine: NewEngine) -> None:
    taken: list[Checkpoint] = []

    def take_second(_: Plan, epoch: Epoch, take: TakeCheckpoint) -> bool:
        if epoch.epoch == 2:
            assert take is not None
            taken.append(take())
        return True

    plan = a_plan(max_epochs=5, dropout=0.2)
    whole = run(new_engine(some_arrays()), [plan], on_epoch=take_second)[1]
    resumed = dataclasses.replace(plan, checkpoint=taken[0])

    assert len(taken[0].epochs) == 2
    assert_same(run(new_engine(some_arrays()), [resumed])[1], whole)


def test_ended_training_ends_at_once_with_what_it_was(new_engine: NewEngine) -> None:
    for plan in (a_plan(), a_plan(learning_rate=0.5, patience=2, max_epochs=90)):
        ended = run(new_engine(some_arrays()), [plan])[1]
        again = dataclasses.replace(plan, checkpoint=ended.checkpoint)

        same = run(new_engine(some_arrays()), [again], on_epoch=never)[1]

        assert_same(same, ended)


def test_training_told_to_stop_as_its_patience_runs_out_has_completed(
    new_engine: NewEngine,
) -> None:
    plan = a_plan(learning_rate=0.5, patience=2, max_epochs=90)
    whole = run(new_engine(some_arrays()), [plan])[1]

    stopped = run(new_engine(some_arrays()), [plan], on_epoch=stop_at(len(whole.epochs)))[1]

    assert (stopped.outcome, stopped.reason) == (TrainingOutcome.completed, "early_stopping")
    assert_same(stopped, whole)


def test_diverged_training_has_no_checkpoint(new_engine: NewEngine) -> None:
    plan = a_plan(learning_rate=1e30, optimizer="sgd", max_epochs=9)

    assert run(new_engine(some_arrays()), [plan])[1].checkpoint is None


@pytest.mark.parametrize(
    ("optimizer", "momentum"),
    [
        ("adam", 0.9),
        pytest.param("rmsprop", 0.9, marks=pytest.mark.slow),
        pytest.param("sgd", 0.9, marks=pytest.mark.slow),
        pytest.param("sgd", 0.0, marks=pytest.mark.slow),
    ],
)
def test_engines_go_on_from_each_others_checkpoints(optimizer: str, momentum: float) -> None:
    arrays = some_arrays()
    engines: list[NewEngine] = [a_cohort_engine, KerasEngine]
    plan = a_plan(max_epochs=6, optimizer=optimizer, momentum=momentum)
    whole = run(a_cohort_engine(arrays), [plan])[1]

    for first, second in (engines, engines[::-1]):
        part = run(first(arrays), [plan], on_epoch=stop_at(3))[1]
        rest = dataclasses.replace(plan, checkpoint=part.checkpoint)
        ended = run(second(arrays), [rest])[1]

        losses = [e.val_loss for e in ended.epochs]
        assert losses == pytest.approx([e.val_loss for e in whole.epochs], rel=1e-4)


def test_slots_around_one_that_goes_on_are_not_touched() -> None:
    arrays, plans = some_arrays(), some_plans(5)
    alone = run(a_cohort_engine(arrays), plans)
    part = run(a_cohort_engine(arrays), [a_plan(number=9, max_epochs=8)], on_epoch=stop_at(4))[9]
    resumed = a_plan(number=9, max_epochs=8, checkpoint=part.checkpoint)

    together = run(a_cohort_engine(arrays), [*plans[:2], resumed, *plans[2:]])

    for number, trained in alone.items():
        assert_same(together[number], trained)
