"""The cohort engine: the same numbers as stock Keras, step by step, and no slot touches another."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

from lowloss.spec import Activation
from lowloss.spec.optimizers import OPTIMIZERS
from lowloss.spec.schedules import Plateau
from tests.builders.engines import a_cohort, a_cohort_engine, train_epoch
from tests.builders.slow import slow_but
from tests.builders.trainings import SEARCHED, a_plan, run, some_arrays, some_plans
from worker.engine.arrays import Arrays, Loss
from worker.engine.cohort import call_size, feed
from worker.engine.cohort.buckets import step_seconds
from worker.engine.cohort.cohort import Cohort
from worker.engine.cohort.program import Program
from worker.engine.cohort.shape import Shape
from worker.engine.keras.keras_engine import KerasEngine
from worker.engine.keras.network import build_network
from worker.engine.optimizers import RULES
from worker.engine.plans import Epoch, Plan
from worker.engine.results import TrainedPlan, TrainingOutcome

ROWS = 90
ACTIVATIONS = get_args(Activation)


def losses_of(epochs: tuple[Epoch, ...]) -> np.ndarray:
    """[epochs, 3]"""
    return np.array([(e.loss, e.val_loss, e.penalised_loss) for e in epochs])


def weights_of(trained: TrainedPlan) -> np.ndarray:
    return np.concatenate([weight.ravel() for weight in trained.weights])


def train_in(state: Cohort, plans: list[Plan]) -> dict[int, TrainedPlan]:
    """Train plans side by side in a cohort, refilling it, without the engine around it."""
    waiting, ended = list(plans), {}
    while waiting or state.plans:
        while waiting and state.free_slots:
            state.start(waiting.pop(0))
        for trained in train_epoch(state):
            assert isinstance(trained, TrainedPlan)
            ended[trained.plan.number] = trained
    return ended


# What shares a program trains side by side in one cohort.
RECIPES: dict[str, list[dict[str, Any]]] = {
    **{name: [{"activation": name, "l2": 0.01}] for name in ACTIVATIONS if name != "relu"},
    "adam": [
        {"clip_norm": 0.05, "l2": 0.1, "l1": 0.001, "widths": (30, 3, 17)},
        {"schedule": "cosine", "weight_decay": 0.125, "widths": (5,)},
    ],
    "adam, one option each": [{"l1": 0.01}, {"l2": 0.01}, {"weight_decay": 0.125}],
    "a rate that falls": [
        {"plateau": Plateau(0.5, 2, min_delta=0.1)},
        {"plateau": Plateau(0.3, 3, 0.5, cooldown=2, min_rate=1e-4), "widths": (5,)},
    ],
    "adamw": [{"optimizer": "adamw", "weight_decay": 0.125}],
    "rmsprop": [{"optimizer": "rmsprop", "clip_norm": 0.5, "schedule": "cosine"}],
    **{
        name: [{"optimizer": name, "weight_decay": 0.125, "clip_norm": 0.05, "l1": 1e-3}]
        for name in OPTIMIZERS
        if name not in {"adam", "adamw", "rmsprop"}
    },
}


def plans_of(name: str, **given: Any) -> list[Plan]:
    recipes = enumerate(RECIPES[name], start=1)
    return [a_plan(**{"number": n, "seed": n, "patience": 1000, **r, **given}) for n, r in recipes]


def train_beside(plans: list[Plan], arrays: Arrays, dtype: str) -> dict[int, TrainedPlan]:
    """Train plans together, padded to the deepest and widest of them."""
    first = plans[0]
    state = a_cohort(
        arrays,
        dtype=dtype,
        slots=len(plans),
        widths=(32,) * max(len(plan.widths) for plan in plans),
        batch_size=first.batch_size,
        activation=first.activation,
        optimizer=first.optimizer,
    )
    return train_in(state, plans)


@pytest.fixture
def float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keras in double precision, throughout."""
    cast = keras.src.ops.cast

    def exact_cast(x: Any, dtype: Any) -> Any:
        # Keras 3.15 takes Python's numbers, an optimizer's constants, through float32.
        return tf.constant(x, dtype) if isinstance(x, float) else cast(x, dtype)

    monkeypatch.setattr(keras.src.ops, "cast", exact_cast)
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")
    # Layers built later take the policy that was made of it.
    keras.backend.clear_session()


@pytest.mark.usefixtures("float64")
# Each takes up to a minute.
@pytest.mark.parametrize("name", slow_but(RECIPES, fast=["sgd"]))
def test_100_steps_are_keras_own_in_double_precision(name: str) -> None:
    # An epoch is one step: every loss is compared before and after every update.
    # As Python's number, a schedule would take the rate through float32.
    exact: dict[str, Any] = {"learning_rate": np.float64(0.01)}
    plans, arrays = plans_of(name, batch_size=ROWS, max_epochs=100, **exact), some_arrays()

    ours = train_beside(plans, arrays, "float64")

    for plan in plans:
        stock = run(KerasEngine(arrays), [plan])[plan.number]
        assert bool(stock.rate_falls) == (plan.plateau is not None)
        assert ours[plan.number].rate_falls == stock.rate_falls
        assert np.allclose(
            losses_of(ours[plan.number].epochs), losses_of(stock.epochs), rtol=1e-9, atol=0
        )
        assert np.allclose(weights_of(ours[plan.number]), weights_of(stock), rtol=1e-6)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("loss", slow_but(SEARCHED, fast=[Loss.multiclass]))
@pytest.mark.parametrize("is_weighted", slow_but([False, True], fast=[True]))
def test_losses_and_weights_are_keras_own_with_a_last_partial_batch(
    loss: Loss, is_weighted: bool
) -> None:
    weights = np.linspace(0.1, 1.9, ROWS, dtype=np.float32) if is_weighted else None
    arrays = some_arrays(loss, weight_N=weights)
    plan = a_plan(l2=1e-3, max_epochs=17)  # of 6 steps, the last with 10 of 16 rows

    ours = train_beside([plan], arrays, "float64")[1]

    stock = run(KerasEngine(arrays), [plan])[1]
    # Keras keeps probabilities 1e-7 away from 0 and 1 where it has no logits.
    rel = 1e-9 if loss is Loss.mse else 1e-6
    assert np.allclose(losses_of(ours.epochs), losses_of(stock.epochs), rtol=rel, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam", "sgd", "gelu"])
def test_100_steps_are_keras_own_in_single_precision(name: str) -> None:
    plans, arrays = plans_of(name, batch_size=ROWS, max_epochs=100)[-2:], some_arrays()

    ours = train_beside(plans, arrays, "float32")

    for plan in plans:
        stock = losses_of(run(KerasEngine(arrays), [plan])[plan.number].epochs)
        mine = losses_of(ours[plan.number].epochs)
        assert np.allclose(mine[:10], stock[:10], rtol=1e-5, atol=0)
        assert np.allclose(mine, stock, rtol=1e-3, atol=0)


def test_engine_trains_many_plans_as_keras_trains_each() -> None:
    plans, arrays = some_plans(4), some_arrays()
    plans = [dataclasses.replace(plan, dropout=0.0) for plan in plans]
    plans[-1] = dataclasses.replace(plans[-1], shuffle=False)

    together = run(a_cohort_engine(arrays), plans)

    assert sorted(together) == list(range(1, 5))
    stock = run(KerasEngine(arrays), plans)
    for number, trained in together.items():
        assert trained.program.startswith("cohort")
        assert np.allclose(
            losses_of(trained.epochs), losses_of(stock[number].epochs), rtol=1e-3, atol=0
        )
        assert trained.best_epoch == stock[number].best_epoch


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slots", "widths"),
    [(1, (32, 32)), (4, (32, 32)), (2, (64, 128)), (3, (32, 32, 64))],
)
def test_cohort_size_and_padding_change_nothing_but_rounding(
    slots: int, widths: tuple[int, ...]
) -> None:
    arrays = some_arrays()
    plan = a_plan(widths=(20, 9), dropout=0.3, l2=1e-3, max_epochs=17)
    neighbours = [dataclasses.replace(plan, number=n, seed=n) for n in range(2, slots + 1)]
    exact = train_in(a_cohort(arrays, dtype="float64", slots=1, widths=(20, 9)), [plan])[1]

    state = a_cohort(arrays, dtype="float64", slots=slots, widths=widths)
    padded = train_in(state, [*neighbours, plan])[1]

    assert np.allclose(losses_of(padded.epochs), losses_of(exact.epochs), rtol=1e-9, atol=0)
    assert np.allclose(weights_of(padded), weights_of(exact), rtol=1e-6)


@pytest.mark.parametrize(
    ("activation", "optimizer"),
    slow_but(
        [
            *((name, "adam") for name in ACTIVATIONS if name != "gelu"),
            *(("gelu", name) for name in OPTIMIZERS),
        ],
        fast=[("gelu", "adam")],
    ),
)
def test_padding_stays_exactly_as_it_began(activation: str, optimizer: str) -> None:
    state = a_cohort(widths=(32, 32, 32), slots=2, activation=activation, optimizer=optimizer)
    given: dict[str, Any] = {
        "activation": activation,
        "optimizer": optimizer,
        "l1": 1e-3,
        "l2": 1e-3,
        "weight_decay": 1e-2,
        "clip_norm": 1.0,
        "dropout": 0.3,
        "max_epochs": 50,
    }
    state.start(a_plan(widths=(5,), **given))

    for _ in range(17):  # of 6 steps each
        train_epoch(state)

    parameters, moments = state.values.state.parameters, state.values.state.moments
    assert np.any(parameters[0][0, :, :5].numpy() != 0)
    starts = (0.0, *map(np.float32, RULES[optimizer].moments))
    for start, (kernel, bias, *rest) in zip(starts, (parameters, *moments), strict=True):
        inner, head = rest[:-2], rest[-2]
        assert np.all(kernel[0, :, 5:].numpy() == start)
        assert np.all(bias[0, :, 5:].numpy() == start)
        assert all(np.all(tensor[0].numpy() == start) for tensor in inner)
        assert np.all(head[0, 5:].numpy() == start)


def test_diverged_slot_harms_no_successor() -> None:
    wild = a_plan(number=1, optimizer="sgd", learning_rate=1e30, max_epochs=9)
    calm = [a_plan(number=n, seed=n, optimizer="sgd") for n in (2, 3)]

    ended = train_in(a_cohort(slots=1, widths=(8, 4), optimizer="sgd"), [wild, *calm])
    alone = train_in(a_cohort(slots=1, widths=(8, 4), optimizer="sgd"), calm)

    assert ended[1].outcome is TrainingOutcome.diverged
    assert all(ended[number].epochs == alone[number].epochs for number in (2, 3))


@pytest.mark.slow
def test_wide_cohorts_on_all_cores_give_the_same_bits_twice() -> None:
    # Wide enough for XLA to share a matrix product between threads.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 3000, 26)).astype(np.float32)
    fold = dataclasses.replace(
        some_arrays().folds[0], train_N=np.arange(2500), validation_M=np.arange(2500, 3000)
    )
    arrays = Arrays(x, x[0, :, 0], Loss.mse, 1, (fold,))
    plans = [
        a_plan(number=n, seed=n, widths=(512, 256), dropout=0.2, batch_size=256, max_epochs=2)
        for n in range(1, 7)
    ]

    first, again = (run(a_cohort_engine(arrays), plans) for _ in range(2))

    for number, trained in first.items():
        assert trained.epochs == again[number].epochs
        assert np.array_equal(weights_of(trained), weights_of(again[number]))


@pytest.mark.parametrize("loss", slow_but([Loss.mse, Loss.multiclass], fast=[Loss.multiclass]))
def test_data_fed_in_pieces_gives_the_same_losses(
    loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = some_arrays(loss, weight_N=np.linspace(0.1, 1.9, ROWS, dtype=np.float32))
    plans = some_plans(5, optimizer="sgd")
    whole = run(a_cohort_engine(arrays), plans)
    # Four batches of 16 rows of 3 columns a piece, and 64 rows of validation at once.
    monkeypatch.setattr(call_size, "PIECE_BYTES", 4 * 4 * 16 * 3 * 4)

    pieces = run(a_cohort_engine(arrays, memory_bytes=100), plans)

    for number, trained in pieces.items():
        assert losses_of(trained.epochs) == pytest.approx(
            losses_of(whole[number].epochs), rel=1e-6, abs=1e-9
        )


@pytest.mark.slow
def test_long_epochs_are_several_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, arrays = a_plan(max_epochs=2), some_arrays()
    whole = run(a_cohort_engine(arrays), [plan])[1]
    monkeypatch.setattr(call_size, "CALL_SECONDS", 2.5 * step_seconds(_shape(8, 4), arrays))

    state = Cohort(Program(_shape(8, 4), arrays), arrays, feed.Feed(arrays, is_resident=True))
    parts = train_in(state, [plan])[1]

    assert state.signs == 2 * (3 + 1)  # calls of 2 of the 6 steps, and the validation
    assert np.allclose(losses_of(parts.epochs), losses_of(whole.epochs), rtol=1e-5)


def _shape(*widths: int) -> Shape:
    return Shape(1, widths, 16, "relu", "adam")


def test_slot_past_its_last_batch_does_nothing() -> None:
    arrays = some_arrays()
    (whole,) = arrays.folds
    short = dataclasses.replace(whole, train_N=whole.train_N[:50])
    both = dataclasses.replace(arrays, folds=(whole, short))
    plans = [a_plan(number=n, seed=n, widths=(8,), fold=n - 1, max_epochs=5) for n in (1, 2)]

    beside = train_in(a_cohort(both, dtype="float64"), plans)[2]

    only = dataclasses.replace(arrays, folds=(short,))
    alone = train_in(a_cohort(only, dtype="float64"), [dataclasses.replace(plans[1], fold=0)])[2]
    assert np.allclose(losses_of(beside.epochs), losses_of(alone.epochs), rtol=1e-12)


@pytest.mark.slow
def test_dropout_trains_the_same_in_distribution_as_keras() -> None:
    plan = a_plan(widths=(24,), dropout=0.4, max_epochs=8)
    arrays = some_arrays()
    plans = [dataclasses.replace(plan, number=n, seed=n) for n in range(1, 21)]

    ours = run(a_cohort_engine(arrays), plans)
    stock = run(KerasEngine(arrays), plans)

    # Equal seeds share initial weights and row orders: only dropout differs. A paired t-test.
    last = [(ours[n].epochs[-1].val_loss, stock[n].epochs[-1].val_loss) for n in range(1, 21)]
    difference = np.array([mine - keras_own for mine, keras_own in last])
    t = difference.mean() / (difference.std(ddof=1) / math.sqrt(len(difference)))
    assert abs(t) < 3.0
    assert np.mean([mine for mine, _ in last]) == pytest.approx(
        np.mean([keras_own for _, keras_own in last]), rel=0.1
    )


def test_programs_leave_no_gradients_in_tensorflows_registry() -> None:
    registry = ops.gradient_registry._registry
    before = set(registry)
    state = a_cohort(slots=1, widths=(64,), batch_size=8)
    state.start(a_plan(widths=(8,), batch_size=8))

    train_epoch(state)

    assert not {name for name in set(registry) - before if name.startswith("CustomGradient")}


def test_programs_take_what_tensorflow_would_check() -> None:
    # `Compiled` calls past TensorFlow's own checks: wrong shapes must still be refused.
    state = a_cohort(slots=1)
    state.start(a_plan(widths=(8,)))
    train_epoch(state)

    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        state.program.run(*[tf.zeros((7, 7))] * 4)


def test_slot_as_a_keras_model_predicts_what_the_cohort_measured() -> None:
    arrays = some_arrays()
    plans = [a_plan(number=n, seed=n, widths=(9, 4), dropout=0.2, max_epochs=6) for n in (1, 2, 3)]

    for plan, trained in zip(plans, run(a_cohort_engine(arrays), plans).values(), strict=True):
        model = build_network(plan, arrays)
        model.set_weights(trained.weights)
        rows = arrays.rows()
        predicted = model.predict(rows.x_val_MD, verbose=0)
        sd = float(rows.y_val_M.std())
        assert np.allclose(predicted, trained.val_output_MC, rtol=1e-5, atol=1e-6 * sd)
        assert trained.best_epoch is not None
        mse = float(np.mean((predicted[:, 0] - rows.y_val_M) ** 2))
        assert mse == pytest.approx(trained.epochs[trained.best_epoch - 1].val_loss, rel=1e-5)


def test_rows_of_no_slot_never_reach_a_training() -> None:
    # The last batch of 10 rows is filled up: not with a row that another split holds.
    arrays = some_arrays()
    (fold,) = arrays.folds
    apart = dataclasses.replace(fold, train_N=fold.train_N[1:])
    x_VND = arrays.x_VND.copy()
    x_VND[0, 0] = 3e38
    calm, wild = (
        dataclasses.replace(arrays, folds=(apart,), x_VND=x) for x in (arrays.x_VND, x_VND)
    )

    first, second = (run(a_cohort_engine(data), [a_plan()])[1] for data in (calm, wild))

    assert first.epochs == second.epochs
