"""Several epochs in one call of a program: the same bits as one by one; and leaving a call."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from typing import Any

import numpy as np
import pytest

from lowloss.spec.schedules import Plateau
from tests.builders.engines import a_cohort_engine
from tests.builders.slow import slow_but
from tests.builders.trainings import SEARCHED, a_plan, run, some_arrays, some_plans, with_targets
from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays, Fold, Loss
from worker.engine.cohort import cohort_engine
from worker.engine.cohort.buckets import slot_bytes
from worker.engine.cohort.cohort import Cohort
from worker.engine.cohort.cohort_engine import SLOTS_SHARE
from worker.engine.cohort.program import Program, Programs
from worker.engine.cohort.shape import Shape
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.protocol import TakeCheckpoint, next_plans_from
from worker.engine.results import TrainedPlan, TrainingOutcome


def many(_: Plan) -> int:
    return 1_000


def assert_same(left: TrainedPlan, right: TrainedPlan) -> None:
    # As text: losses that are not numbers are equal, too.
    assert str(left.epochs) == str(right.epochs)
    assert (left.outcome, left.reason, left.best_epoch) == (
        right.outcome,
        right.reason,
        right.best_epoch,
    )
    for mine, other in zip(left.weights, right.weights, strict=True):
        assert np.array_equal(mine, other)
    assert np.array_equal(left.val_output_MC, right.val_output_MC)
    if left.checkpoint is None or right.checkpoint is None:
        assert left.checkpoint is right.checkpoint
        return
    for mine, other in zip(saved(left.checkpoint), saved(right.checkpoint), strict=True):
        assert np.array_equal(mine, other)


def saved(checkpoint: Checkpoint) -> list[FloatArray]:
    return list(itertools.chain(checkpoint.weights, *checkpoint.moments, checkpoint.best_weights))


@pytest.mark.parametrize("loss", slow_but(SEARCHED, fast=[Loss.multiclass]))
def test_many_epochs_a_call_give_the_bits_of_one(loss: Loss) -> None:
    plans, arrays = some_plans(6, mixup=0.3, patience=2), some_arrays(loss)

    one = run(a_cohort_engine(arrays), plans)
    several = run(a_cohort_engine(arrays), plans, epochs_ahead=many)

    for number, trained in one.items():
        assert_same(several[number], trained)


def test_early_stopping_inside_a_call_gives_the_bits_of_one_epoch_a_call() -> None:
    noise = np.random.default_rng(1).normal(size=90).astype(np.float32)
    plans = [a_plan(number=n, seed=n, patience=n, max_epochs=200) for n in (1, 3)]
    arrays = with_targets(some_arrays(), noise)

    one = run(a_cohort_engine(arrays), plans)
    several = run(a_cohort_engine(arrays), plans, epochs_ahead=many)

    for number, trained in one.items():
        assert trained.reason == "early_stopping"
        assert_same(several[number], trained)


def test_divergence_inside_a_call_is_the_same_as_epoch_by_epoch() -> None:
    plan = a_plan(optimizer="sgd", learning_rate=0.9, widths=(4,), max_epochs=50, l2=0.3)
    calm = a_plan(number=2, optimizer="sgd", widths=(4,), max_epochs=40)

    one = run(a_cohort_engine(some_arrays()), [plan, calm])
    several = run(a_cohort_engine(some_arrays()), [plan, calm], epochs_ahead=many)

    assert one[1].outcome is TrainingOutcome.diverged
    for number in (1, 2):
        assert_same(several[number], one[number])


def test_nobody_is_trained_past_the_epoch_to_be_looked_at() -> None:
    looks: list[tuple[int, int]] = []

    def on_epoch(plan: Plan, epoch: Epoch, _: TakeCheckpoint) -> bool:
        looks.append((plan.number, epoch.epoch))
        return not (plan.number == 1 and epoch.epoch == 5)

    def to_fifth(plan: Plan) -> int:
        done = max((epoch for number, epoch in looks if number == plan.number), default=0)
        return 5 - done % 5

    plans = [a_plan(number=n, seed=n, max_epochs=12) for n in (1, 2)]
    ended = run(a_cohort_engine(some_arrays()), plans, on_epoch=on_epoch, epochs_ahead=to_fifth)

    assert [len(ended[n].epochs) for n in (1, 2)] == [5, 12]
    assert ended[1].outcome is TrainingOutcome.stopped


@pytest.mark.parametrize(
    "schedule", [{"schedule": "cosine"}, {"plateau": Plateau(0.5, 3, min_delta=0.1)}]
)
def test_checkpoint_between_calls_goes_on_with_the_same_bits(schedule: dict[str, object]) -> None:
    plan, arrays = a_plan(max_epochs=20, dropout=0.2, **schedule), some_arrays()
    whole = run(a_cohort_engine(arrays), [plan], epochs_ahead=many)[1]

    def stop(_: Plan, epoch: Epoch, __: TakeCheckpoint) -> bool:
        return epoch.epoch < 8

    first = run(a_cohort_engine(arrays), [plan], on_epoch=stop, epochs_ahead=lambda _: 8)[1]
    rest = dataclasses.replace(plan, checkpoint=first.checkpoint)

    assert_same(run(a_cohort_engine(arrays), [rest], epochs_ahead=many)[1], whole)


def test_checkpoint_is_taken_after_the_last_epoch_of_a_call_alone() -> None:
    plan, arrays = a_plan(max_epochs=20, dropout=0.2), some_arrays()
    taken: list[tuple[int, Checkpoint]] = []

    def take_all(_: Plan, epoch: Epoch, take: TakeCheckpoint) -> bool:
        if take is not None:
            taken.append((epoch.epoch, take()))
        return True

    whole = run(a_cohort_engine(arrays), [plan], on_epoch=take_all, epochs_ahead=lambda _: 6)[1]

    assert [epoch for epoch, _ in taken] == [6, 12, 18, 20]
    for epoch, checkpoint in taken:
        assert len(checkpoint.epochs) == epoch
        resumed = dataclasses.replace(plan, checkpoint=checkpoint)
        assert_same(run(a_cohort_engine(arrays), [resumed])[1], whole)


def test_folds_of_a_trial_train_side_by_side_as_they_train_alone() -> None:
    arrays = folded_arrays()
    folds = [a_plan(fold=fold, dropout=0.2, max_epochs=30, patience=3) for fold in range(3)]
    alone = [run(a_cohort_engine(arrays), [plan])[1] for plan in folds]
    signs: list[int] = []
    train = Cohort.train

    def counted(cohort: Cohort, count: int) -> Any:
        signs.append(count)
        return train(cohort, count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cohort, "train", counted)
        engine = a_cohort_engine(arrays, plans_together=3)
        ended = list(
            engine.run(
                next_plans_from(folds),
                on_epoch=lambda *_: True,
                on_wait=lambda: True,
                epochs_ahead=many,
            )
        )

    together = {end.plan.fold: end for end in ended if isinstance(end, TrainedPlan)}
    for plan, only in zip(folds, alone, strict=True):
        assert together[plan.fold].program.startswith("cohort of 3")
        beside, before = together[plan.fold].epochs, only.epochs
        assert [e.epoch for e in beside] == [e.epoch for e in before]
        assert [e.val_loss for e in beside] == pytest.approx([e.val_loss for e in before], rel=1e-4)
    assert len(signs) < max(len(end.epochs) for end in together.values())


def test_folds_that_do_not_fit_into_memory_together_train_one_after_the_other() -> None:
    arrays = folded_arrays()
    folds = [a_plan(fold=fold, widths=(32,)) for fold in range(3)]
    one = slot_bytes(Shape(1, (32,), 16, "relu", "adam"), arrays)
    engine = a_cohort_engine(arrays, plans_together=3, memory_bytes=int(one * 1.5 / SLOTS_SHARE))

    ended = list(engine.run(next_plans_from(folds), on_epoch=lambda *_: True, on_wait=lambda: True))

    assert sorted(end.plan.fold for end in ended) == [0, 1, 2]
    assert {end.program[:11] for end in ended if isinstance(end, TrainedPlan)} == {"cohort of 1"}


def folded_arrays() -> Arrays:
    arrays = some_arrays()
    rows = np.arange(120)
    folds = tuple(Fold(rows[rows % 3 != fold], rows[rows % 3 == fold]) for fold in range(3))
    return dataclasses.replace(arrays, folds=folds)


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort_engine, "LISTEN_SECONDS", 0.005)


@pytest.mark.usefixtures("_no_waiting")
def test_leaving_during_a_compile_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiles, may_end = threading.Event(), threading.Event()
    run_call = Program._run

    def long_compile(program: Program, *given: Any) -> Any:
        compiles.set()
        assert may_end.wait(timeout=60)
        return run_call(program, *given)

    monkeypatch.setattr(Program, "_run", long_compile)
    engine = a_cohort_engine(some_arrays(), programs=Programs())

    try:
        trained = run(engine, [a_plan()], on_wait=lambda: not compiles.is_set())[1]
    finally:
        may_end.set()

    assert (trained.outcome, trained.reason) == (TrainingOutcome.stopped, "stopped")
    assert (trained.epochs, trained.best_epoch, trained.weights) == ((), None, ())
    assert trained.checkpoint is not None


@pytest.mark.usefixtures("_no_waiting")
def test_leaving_a_call_goes_on_from_the_epoch_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, arrays = a_plan(max_epochs=6), some_arrays()
    whole = run(a_cohort_engine(arrays), [plan])[1]
    epochs: list[int] = []

    def on_epoch(_: Plan, epoch: Epoch, __: TakeCheckpoint) -> bool:
        epochs.append(epoch.epoch)
        return True

    train = Cohort.train

    def slow_fourth(cohort: Cohort, count: int) -> Any:
        if len(epochs) == 3:
            time.sleep(0.1)
        return train(cohort, count)

    monkeypatch.setattr(Cohort, "train", slow_fourth)
    left = run(a_cohort_engine(arrays), [plan], on_epoch=on_epoch, on_wait=lambda: len(epochs) < 3)[
        1
    ]
    monkeypatch.undo()

    assert (left.outcome, len(left.epochs)) == (TrainingOutcome.stopped, 3)
    rest = dataclasses.replace(plan, checkpoint=left.checkpoint)
    assert_same(run(a_cohort_engine(arrays), [rest])[1], whole)


@pytest.mark.usefixtures("_no_waiting")
def test_plans_that_wait_for_a_slot_end_too_where_all_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plans = [a_plan(number=n, seed=n, max_epochs=1_000) for n in range(1, 4)]
    memory = int(
        1.5 * slot_bytes(Shape(1, (32, 32), 16, "relu", "adam"), some_arrays()) / SLOTS_SHARE
    )
    seen: list[int] = []
    may_end = threading.Event()
    train = Cohort.train

    def on_epoch(plan: Plan, *_: object) -> bool:
        seen.append(plan.number)
        return True

    def train_three_epochs(cohort: Cohort, epochs: int) -> Any:
        # Else a plan might come to its own end before anybody waits for it.
        assert len(seen) < 3 or may_end.wait(timeout=60)
        return train(cohort, epochs)

    monkeypatch.setattr(Cohort, "train", train_three_epochs)
    engine = a_cohort_engine(some_arrays(), memory_bytes=memory, trials=1)
    try:
        ended = run(engine, plans, on_epoch=on_epoch, on_wait=lambda: len(seen) < 3)
    finally:
        may_end.set()

    assert all(end.outcome is TrainingOutcome.stopped for end in ended.values())
    # The first one had the only slot; the third was asked for after the others were left.
    assert len(ended) == 3
    assert (ended[2].epochs, ended[2].checkpoint) == ((), None)


@pytest.mark.usefixtures("_no_waiting")
def test_who_waits_hears_signs_of_life_while_a_program_compiles() -> None:
    heard: list[bool] = []

    def on_wait() -> bool:
        heard.append(True)
        return True

    run(a_cohort_engine(some_arrays(), programs=Programs()), [a_plan()], on_wait=on_wait)

    assert heard
