"""Every optimizer's record and rule, against the optimizer of stock Keras that they stand for."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from lowloss.spec.optimizers import OPTIMIZERS
from worker.engine.optimizers import NADAM_STEPS, RULES, Step, clip_by_global_norm

STEPS, RATE, MOMENTUM = 20, 0.1, 0.8


def keras_optimizer(name: str) -> keras.Optimizer:
    record = OPTIMIZERS[name]
    momentum = {"momentum": MOMENTUM} if record.takes_momentum else {}
    keras_class = getattr(keras.optimizers, record.keras_class)
    optimizer: keras.Optimizer = keras_class(
        learning_rate=RATE, weight_decay=0.0, **dict(record.arguments), **momentum
    )
    return optimizer


def test_every_optimizer_has_a_record_and_a_rule() -> None:
    assert OPTIMIZERS.keys() == RULES.keys()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_keras(name: str) -> None:
    rule, stock = RULES[name], keras_optimizer(name)
    start, gradients = _numbers(STEPS)
    variable = keras.Variable(start)
    parameters = [tf.constant(start[None])]
    moments = [[tf.fill((1, *start.shape), value)] for value in rule.moments]

    for step, gradient in enumerate(gradients, start=1):
        stock.apply([tf.constant(gradient)], [variable])
        at = Step(*(tf.constant([[[value]]], tf.float32) for value in (RATE, step, MOMENTUM)))
        parameters, moments = rule.update(parameters, [tf.constant(gradient[None])], moments, at)

        assert np.allclose(parameters[0][0], variable.numpy(), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_records_defaults_are_those_of_keras(name: str) -> None:
    record = OPTIMIZERS[name]
    config: dict[str, Any] = getattr(keras.optimizers, record.keras_class)().get_config()

    assert config["learning_rate"] == pytest.approx(record.default_rate)
    assert (config["weight_decay"] or 0.0) == record.default_decay
    assert ("nesterov" in config) == ("nesterov" in record.arguments)
    assert {name: config[name] for name in record.constants} == {
        name: constant.default for name, constant in record.constants.items()
    }


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_keras_optimizer_of_a_rule_is_the_records(name: str) -> None:
    record, rule = OPTIMIZERS[name], RULES[name]

    stock = rule.keras(learning_rate=RATE)

    config = stock.get_config()
    assert type(stock).__name__ == record.keras_class
    assert all(config[argument] is value for argument, value in record.arguments.items())
    assert rule.takes_momentum is record.takes_momentum


def test_adamw_shares_the_programs_of_adam() -> None:
    # Its decay is taken before the step, for every optimizer alike.
    assert RULES["adamw"].name == "adam"


def test_without_momentum_nesterovs_step_is_plain() -> None:
    one, zero = tf.ones((1, 1, 1)), tf.zeros((1, 1, 1))

    moved = [
        RULES[name].update([one], [one], [[zero]], Step(one * RATE, one, zero))[0][0].numpy().item()
        for name in ("sgd", "sgd_nesterov")
    ]

    assert moved == pytest.approx([1 - RATE, 1 - RATE])


def test_nadam_steps_by_its_rate_long_after_the_end_of_its_table() -> None:
    one, late = tf.ones((1, 1, 1)), tf.constant([[[NADAM_STEPS * 1000.0]]])

    (moved,), _ = RULES["nadam"].update([one * 3], [one], [[one], [one]], Step(one, late, one))

    # Of gradients that were always 1 both means are 1.
    assert moved.numpy().item() == pytest.approx(2.0, abs=1e-5)


def test_gradients_are_clipped_to_the_norm_over_all_of_a_slots_parameters() -> None:
    kernel = tf.constant([[[3.0]], [[3.0]], [[0.0]], [[3e30]]])
    bias = tf.constant([[[4.0]], [[4.0]], [[0.0]], [[4e30]]])

    clipped = clip_by_global_norm([kernel, bias], tf.constant([1.0, 10.0, 1.0, float("inf")]))

    assert clipped[0][:, 0, 0].numpy().tolist() == pytest.approx([0.6, 3.0, 0.0, 3e30])
    assert clipped[1][:, 0, 0].numpy().tolist() == pytest.approx([0.8, 4.0, 0.0, 4e30])


def _numbers(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a start and gradients, some of them zero or small."""
    rng = np.random.default_rng(3)
    start = rng.normal(size=(4, 3)).astype(np.float32)
    gradients = rng.normal(size=(steps, 4, 3)) * np.array([1.0, 1e-3, 0.0])
    return start, gradients.astype(np.float32)
