"""Initial weights, row orders and dropout: functions of the seed and of nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.spec import Initializer
from tests.builders.trainings import a_plan
from worker.engine.arrays import Arrays, Fold, Loss
from worker.engine.draws import dropout_keep, dropout_key, initial_weights, row_order

FOLD = Fold(np.arange(1), np.arange(1, 2))
RATES = (0.05, 0.2, 0.5, 0.8)


def masks(steps: int, *, layer: int = 0, batch: int = 32, width: int = 64) -> Any:
    """[steps, K, B, W] Keep masks of slots that differ by rate alone."""
    rates, seed = tf.constant(RATES), tf.fill([len(RATES)], 1234)

    def keep(step: int) -> Any:
        key = dropout_key(seed, tf.fill([len(RATES)], step))
        return dropout_keep(key, layer, batch, width, rates).numpy()

    return np.stack([keep(step) for step in range(steps)])


@pytest.mark.parametrize(
    ("shape", "activation", "sd"),
    [
        ((400, 300), "relu", math.sqrt(2 / 400)),
        ((50, 800), "gelu", math.sqrt(2 / 50)),
        ((400, 300), "selu", math.sqrt(1 / 400)),
        ((400, 300), "tanh", math.sqrt(2 / 700)),
    ],
)
def test_initial_kernels_have_the_spread_of_their_rule(
    shape: tuple[int, int], activation: str, sd: float
) -> None:
    plan = a_plan(widths=(shape[1],), activation=activation)
    x_VND = np.zeros((1, 2, shape[0]), np.float32)

    arrays = Arrays(x_VND, x_VND[0, :, 0], Loss.mse, 1, (FOLD,))
    kernel, bias, *_ = initial_weights(plan, arrays)

    assert kernel.std() == pytest.approx(sd, rel=0.02)
    assert np.abs(kernel).max() < 2.3 * sd
    assert not bias.any()


def test_inputs_that_are_always_0_do_not_count_for_the_first_layer() -> None:
    x_VND = np.zeros((1, 2, 400), np.float32)
    folds = FOLD, replace(FOLD, unseen_inputs=np.arange(10, 400))
    arrays = Arrays(x_VND, x_VND[0, :, 0], Loss.mse, 1, folds)
    plan = a_plan(widths=(300,), activation="relu")

    of_all, *_ = initial_weights(plan, arrays)
    kernel, _, head, *_ = initial_weights(replace(plan, fold=1), arrays)

    assert kernel[:10].std() == pytest.approx(math.sqrt(2 / 10), rel=0.02)
    assert np.allclose(kernel[:10], of_all[:10] * math.sqrt(400 / 10))
    assert not kernel[10:].any()
    assert head.std() == pytest.approx(math.sqrt(2 / 301), rel=0.2)


def test_row_orders_are_permutations_of_their_own() -> None:
    orders = [
        row_order(a_plan(seed=seed), epoch, 100).tolist() for seed in (1, 2) for epoch in (1, 2)
    ]

    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_rows_that_are_not_shuffled_stay_in_their_order() -> None:
    orders = [row_order(a_plan(shuffle=False), epoch, 100).tolist() for epoch in (1, 2)]

    assert orders == [list(range(100))] * 2


@pytest.mark.parametrize(
    ("initializer", "stock"),
    [
        (
            {"name": "random_uniform", "scale": 0.5, "mean": 0.5},
            lambda: keras.initializers.RandomUniform(0.0, 1.0),
        ),
        (
            {"name": "truncated_normal", "scale": 0.5, "mean": 2.0},
            lambda: keras.initializers.TruncatedNormal(2.0, 0.5),
        ),
        (
            {
                "name": "variance_scaling",
                "scale": 3.0,
                "mode": "fan_out",
                "distribution": "untruncated_normal",
            },
            lambda: keras.initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal"),
        ),
        (
            {"name": "variance_scaling", "mode": "fan_avg", "distribution": "uniform"},
            lambda: keras.initializers.VarianceScaling(1.0, "fan_avg", "uniform"),
        ),
    ],
)
def test_kernels_and_biases_begin_as_those_of_keras(
    initializer: dict[str, Any], stock: Callable[[], Any]
) -> None:
    record = Initializer.model_validate(initializer).record
    arrays = Arrays(
        np.zeros((1, 2, 300), np.float32), np.zeros(2, np.float32), Loss.mse, 1, (FOLD,)
    )
    plan = a_plan(widths=(500,), initializers=(record,) * 2, bias_initializers=(record,) * 2)

    kernel, bias, *_ = initial_weights(plan, arrays)

    for ours, shape in ((kernel, (300, 500)), (bias, (500,))):
        theirs = np.asarray(stock()(shape))
        size = float(np.sqrt(np.mean(theirs**2)))
        assert ours.shape == shape
        assert ours.mean() == pytest.approx(float(theirs.mean()), abs=0.15 * size)
        assert ours.std() == pytest.approx(float(theirs.std()), rel=0.12)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5)])
def test_orthogonal_kernels_keep_lengths(shape: tuple[int, int]) -> None:
    record = Initializer.model_validate({"name": "orthogonal", "scale": 2.0}).record
    arrays = Arrays(
        np.zeros((1, 2, shape[0]), np.float32), np.zeros(2, np.float32), Loss.mse, 1, (FOLD,)
    )
    plan = a_plan(widths=(shape[1],), initializers=(record,) * 2)

    kernel = initial_weights(plan, arrays)[0] / 2

    smaller = kernel @ kernel.T if shape[0] <= shape[1] else kernel.T @ kernel
    assert smaller == pytest.approx(np.eye(min(shape)), abs=1e-6)


def test_dropout_keeps_units_at_every_rate() -> None:
    kept = masks(200).mean(axis=(0, 2, 3))

    # 409,600 draws each: five standard deviations.
    for share, rate in zip(kept, RATES, strict=True):
        assert abs(share - (1 - rate)) < 5 * math.sqrt(rate * (1 - rate) / 409_600)


def test_dropout_draws_do_not_correlate() -> None:
    draws = masks(200)[:, 2].astype(float) - 0.5
    other_layer = masks(200, layer=1)[:, 2].astype(float) - 0.5
    seeds = tf.constant([1234, 1235])
    slots = np.stack(
        [
            dropout_keep(dropout_key(seeds, [step] * 2), 0, 32, 64, tf.constant([0.5, 0.5])).numpy()
            for step in range(200)
        ]
    ).astype(float)
    pairs = {
        "steps": (draws[1:], draws[:-1]),
        "rows": (draws[:, 1:], draws[:, :-1]),
        "units": (draws[:, :, 1:], draws[:, :, :-1]),
        "layers": (draws, other_layer),
        "slots": (slots[:, 0] - 0.5, slots[:, 1] - 0.5),
        "a row and the unit of its number": (draws[:, 1:, 0], draws[:, 0, 1:32]),
    }

    for name, (one, two) in pairs.items():
        correlation = float(np.mean(one * two) * 4)
        assert abs(correlation) < 5 / math.sqrt(one.size), name


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    step=st.integers(0, 2**20),
    layer=st.integers(0, 9),
    rate=st.floats(0, 0.875, width=32),
    slots=st.integers(1, 5),
    batch=st.integers(1, 70),
    width=st.integers(1, 300),
    data=st.data(),
)
def test_dropout_draws_do_not_depend_on_slots_batch_or_padding(
    *, seed: int, step: int, layer: int, rate: float, slots: int, batch: int, width: int, data: Any
) -> None:
    k = data.draw(st.integers(0, slots - 1))
    key = dropout_key(tf.constant([seed]), tf.constant([step]))
    alone = dropout_keep(key, layer, batch, width, tf.constant([rate])).numpy()
    seeds, steps = np.arange(slots, dtype=np.int32), np.arange(slots, dtype=np.int32)
    rates = np.full(slots, 0.5, np.float32)
    seeds[k], steps[k], rates[k] = seed, step, rate

    keys = dropout_key(tf.constant(seeds), tf.constant(steps))
    among = dropout_keep(keys, layer, batch + 9, width + 64, tf.constant(rates)).numpy()

    assert np.array_equal(among[k, :batch, :width], alone[0])
