"""The cohort engine: the same numbers as stock Keras, and no slot touches another."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import tensorflow as tf

from lowloss.spec import Activation
from tests.engine.test_keras_fit import a_plan, some_arrays, train
from worker.engine import cohort
from worker.engine.draws import dropout_keep, dropout_key, initial_weights, row_order
from worker.engine.keras_fit import forward
from worker.engine.plans import Arrays, Epoch, Loss, OnEpoch, Outcome, Plan, TrainedTrial
from worker.engine.program import Program, Shape


def run(
    plans: list[Plan],
    arrays: Arrays,
    *,
    on_epoch: OnEpoch = lambda _: True,
    slots: int | None = None,
) -> dict[int, TrainedTrial]:
    """Train plans in cohorts; answers the trials by number."""
    waiting = list(plans)

    def next_plans(n: int) -> list[Plan]:
        some, waiting[:] = waiting[:n], waiting[n:]
        return some

    ended = cohort.run(next_plans, arrays, on_epoch=on_epoch, on_batch=lambda: None, slots=slots)
    return {trained.plan.number: trained for trained in ended}


def assert_same_training(ours: TrainedTrial, keras: TrainedTrial, *, rel: float) -> None:
    assert (ours.outcome, ours.reason) == (keras.outcome, keras.reason)
    for mine, stock in zip(ours.epochs, keras.epochs, strict=True):
        assert mine.epoch == stock.epoch
        assert mine.val_loss == pytest.approx(stock.val_loss, rel=rel)
        assert mine.loss == pytest.approx(stock.loss, rel=rel)
        assert mine.penalised_loss == pytest.approx(stock.penalised_loss, rel=rel)
    for mine_w, stock_w in zip(ours.weights, keras.weights, strict=True):
        assert mine_w.shape == stock_w.shape
        assert np.allclose(mine_w, stock_w, rtol=100 * rel, atol=10 * rel)


FEATURES: list[dict[str, Any]] = [
    *({"activation": name} for name in get_args(Activation)),
    {"optimizer": "rmsprop"},
    {"optimizer": "adam", "weight_decay": 0.1},
    {"optimizer": "adamw", "weight_decay": 0.1},
    {"optimizer": "sgd", "weight_decay": 0.1, "clip_norm": 0.05},
    {"l1": 0.01, "batch_size": 90},
    {"l2": 0.01, "l1": 0.001, "widths": (5,)},
    {"clip_norm": 0.05, "l2": 0.1, "widths": (40, 3, 17)},
    {"schedule": "cosine", "batch_size": 7},
    {"batch_size": 128},
]


@pytest.mark.parametrize("given", FEATURES, ids=str)
def test_training_is_keras_step_by_step(given: dict[str, Any]) -> None:
    plan, arrays = a_plan(**given), some_arrays()

    ours = run([plan], arrays)[1]

    assert_same_training(ours, train(plan, arrays), rel=2e-5)


@pytest.mark.parametrize("loss", list(Loss))
@pytest.mark.parametrize("is_weighted", [False, True])
def test_losses_and_weights_are_keras_own(loss: Loss, is_weighted: bool) -> None:
    weights = np.linspace(0.1, 1.9, 90, dtype=np.float32) if is_weighted else None
    arrays = some_arrays(loss, weight_train_N=weights, loss_unit=3.0)
    plan = a_plan(max_epochs=6, l2=1e-3)

    ours = run([plan], arrays)[1]

    keras = train(plan, arrays)
    assert_same_training(ours, keras, rel=1e-4)
    assert np.allclose(ours.val_output_MC, keras.val_output_MC, atol=1e-4)


def test_early_stopping_is_keras_own() -> None:
    noise = np.random.default_rng(1).normal(size=90).astype(np.float32)
    plan, arrays = a_plan(patience=3, max_epochs=60), some_arrays(y_train_N=noise)

    ours, keras = run([plan], arrays)[1], train(plan, arrays)

    assert ours.reason == keras.reason == "early_stopping"
    assert (ours.best_epoch, len(ours.epochs)) == (keras.best_epoch, len(keras.epochs))


def some_plans(count: int, **given: Any) -> list[Plan]:
    rng = np.random.default_rng(5)
    return [
        a_plan(
            number=number,
            seed=number,
            widths=tuple(int(w) for w in rng.integers(3, 33, size=rng.integers(1, 4))),
            learning_rate=float(10 ** rng.uniform(-3, -1)),
            dropout=float(rng.uniform(0, 0.5)),
            max_epochs=int(rng.integers(2, 7)),
            **given,
        )
        for number in range(1, count + 1)
    ]


def test_refilled_slots_train_as_if_alone() -> None:
    plans, arrays = some_plans(14), some_arrays()

    together = run(plans, arrays, slots=4)

    assert sorted(together) == list(range(1, 15))
    for plan in plans:
        alone = run([plan], arrays, slots=1)[plan.number]
        assert len(together[plan.number].epochs) == plan.max_epochs
        assert_same_training(together[plan.number], alone, rel=1e-4)


def test_same_cohort_gives_the_same_bits() -> None:
    first, again = (run(some_plans(9), some_arrays(), slots=3) for _ in range(2))

    for number, trained in first.items():
        assert trained.epochs == again[number].epochs
        for one, other in zip(trained.weights, again[number].weights, strict=True):
            assert np.array_equal(one, other)


def test_diverged_slot_harms_no_neighbour_and_no_successor() -> None:
    # The same plan in the same slot of the same program, with and without a diverging neighbour.
    calm = some_plans(6, optimizer="sgd")
    wild = dataclasses.replace(calm[0], learning_rate=1e9)
    arrays = some_arrays()

    peaceful, disturbed = run(calm, arrays, slots=2), run([wild, *calm[1:]], arrays, slots=2)

    assert disturbed[1].outcome is Outcome.diverged
    assert disturbed[1].reason == "loss_not_finite"
    for number in range(2, 7):
        assert disturbed[number].outcome is Outcome.completed
        assert_same_training(disturbed[number], peaceful[number], rel=1e-4)


def test_trial_told_to_stop_keeps_its_best_weights_and_frees_its_slot() -> None:
    plans = [a_plan(number=n, seed=n, max_epochs=40) for n in (1, 2, 3)]

    def stop_the_first(epoch: Epoch) -> bool:
        return epoch.number != 1 or epoch.epoch < 2

    ended = run(plans, some_arrays(), on_epoch=stop_the_first, slots=1)

    assert (ended[1].outcome, len(ended[1].epochs)) == (Outcome.stopped, 2)
    assert ended[1].weights
    assert len(ended[2].epochs) == len(ended[3].epochs) == 40


@pytest.mark.parametrize(
    ("activation", "optimizer"),
    [
        *((name, "adam") for name in get_args(Activation)),
        *(("gelu", name) for name in ("adamw", "rmsprop", "sgd")),
    ],
)
def test_padding_stays_exactly_zero(activation: str, optimizer: str) -> None:
    arrays = some_arrays()
    shape = cohort._shape(a_plan(widths=(32, 32, 32)), slots=2)
    shape = dataclasses.replace(shape, activation=activation, optimizer=optimizer)
    state = cohort.Cohort(Program(shape, arrays), arrays)
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
        state.train_epoch(lambda _: True)

    (kernel, bias), rest = state._parameters[:2], state._parameters[2:-2]

    assert np.all(kernel[0, :, 5:].numpy() == 0)
    assert np.all(bias[0, :, 5:].numpy() == 0)
    assert np.any(kernel[0, :, :5].numpy() != 0)
    assert all(np.all(parameter[0].numpy() == 0) for parameter in rest)
    assert np.all(state._parameters[-2][0, 5:].numpy() == 0)
    for moments in state._moments:
        assert np.all(moments[0][0, :, 5:].numpy() == 0)
        assert all(np.all(moment[0].numpy() == 0) for moment in moments[2:-2])


def test_similar_plans_share_a_program_where_padding_costs_less_than_a_compile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Shape] = []

    def counted(shape: Shape, arrays: Arrays) -> Program:
        made.append(shape)
        return Program(shape, arrays)

    monkeypatch.setattr(cohort, "Program", counted)
    deep = a_plan(number=1, widths=(30, 30, 30))
    plans = [deep, *(dataclasses.replace(p, number=p.number + 1) for p in some_plans(8))]

    run(plans, some_arrays())

    assert len(made) == 1


@pytest.mark.parametrize(
    ("shape", "sd"), [((400, 300), math.sqrt(2 / 400)), ((50, 800), math.sqrt(2 / 50))]
)
def test_initial_kernels_have_the_spread_of_their_rule(shape: tuple[int, int], sd: float) -> None:
    kernel, bias, *_ = initial_weights(a_plan(widths=(shape[1],)), shape[0], 1)

    assert kernel.std() == pytest.approx(sd, rel=0.02)
    assert np.abs(kernel).max() < 2.3 * sd
    assert not bias.any()


def test_row_orders_are_permutations_of_their_own() -> None:
    orders = [row_order(seed, epoch, 100).tolist() for seed in (1, 2) for epoch in (1, 2)]

    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


RATES = (0.05, 0.2, 0.5, 0.8)


def masks(steps: int, *, layer: int = 0, batch: int = 32, width: int = 64) -> Any:
    """[steps, K, B, W] Keep masks of slots that differ by rate alone."""
    rates = tf.constant(RATES)
    seed = tf.fill([len(RATES)], 1234)
    keep: Callable[[int], Any] = lambda step: dropout_keep(  # noqa: E731
        dropout_key(seed, tf.fill([len(RATES)], step)), layer, batch, width, rates
    )
    return np.stack([keep(step).numpy() for step in range(steps)])


def test_dropout_keeps_units_at_every_rate() -> None:
    kept = masks(200).mean(axis=(0, 2, 3))

    # 409,600 draws each: five standard deviations.
    for share, rate in zip(kept, RATES, strict=True):
        assert abs(share - (1 - rate)) < 5 * math.sqrt(rate * (1 - rate) / 409_600)


def test_dropout_draws_do_not_correlate_across_steps_rows_units_or_layers() -> None:
    first = masks(200)[:, 2].astype(float) - 0.5
    other = masks(200, layer=1)[:, 2].astype(float) - 0.5
    pairs = {
        "steps": (first[1:], first[:-1]),
        "rows": (first[:, 1:], first[:, :-1]),
        "units": (first[:, :, 1:], first[:, :, :-1]),
        "layers": (first, other),
    }

    for name, (one, two) in pairs.items():
        correlation = float(np.mean(one * two) * 4)
        assert abs(correlation) < 5 / math.sqrt(one.size), name


def test_dropout_draws_do_not_depend_on_padding_batch_or_slots() -> None:
    narrow, wide = masks(3), masks(3, batch=64, width=256)

    assert np.array_equal(narrow, wide[:, :, :32, :64])


def test_dropout_trains_the_same_in_distribution_as_keras() -> None:
    plan = a_plan(widths=(24,), dropout=0.4, max_epochs=8)
    arrays = some_arrays()
    plans = [dataclasses.replace(plan, number=n, seed=n) for n in range(1, 21)]

    ours = [trial.epochs[-1].val_loss for trial in run(plans, arrays).values()]
    keras = [train(p, arrays).epochs[-1].val_loss for p in plans]

    # Equal seeds share initial weights and row orders: only dropout differs. A paired t-test.
    difference = np.array(ours) - np.array(keras)
    t = difference.mean() / (difference.std(ddof=1) / math.sqrt(len(difference)))
    assert abs(t) < 3.0
    assert np.mean(ours) == pytest.approx(np.mean(keras), rel=0.1)


def test_exported_weights_answer_what_the_cohort_measured() -> None:
    arrays = some_arrays()

    trained = run([a_plan(widths=(9, 4), max_epochs=6)], arrays)[1]

    output = forward(trained.weights, "relu", arrays.loss, arrays.x_val_MD)
    mse = float(np.mean((output[:, 0] - arrays.y_val_M) ** 2))
    assert trained.best_epoch is not None
    assert mse == pytest.approx(trained.epochs[trained.best_epoch - 1].val_loss, rel=1e-5)
