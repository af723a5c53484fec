"""Update rules, against what Keras 3.15 answered once for the same gradients."""

from __future__ import annotations

import pytest
import tensorflow as tf

from worker.engine.cohort.update_rules import MOMENTS, clip_by_global_norm, update

GRADIENTS = (0.5, -0.25, 1.0)
GOLDEN = {
    "sgd": (0.95, 0.93, 0.812),
    "rmsprop": (0.6837728664, 0.8312145662, 0.5493567480),
    "adam": (0.9000006325, 0.8733670792, 0.8075561009),
}


@pytest.mark.parametrize("optimizer", GOLDEN)
def test_three_steps_from_one_are_those_of_keras(optimizer: str) -> None:
    one = tf.constant([[[1.0]]], tf.float64)
    parameters, rate = [one], one * 0.1
    moments = [[tf.zeros_like(one)] for _ in range(MOMENTS[optimizer])]
    seen = []

    for step, gradient in enumerate(GRADIENTS, start=1):
        parameters, moments = update(
            optimizer, parameters, [one * gradient], moments, rate=rate, step=one * step
        )
        seen.append(parameters[0].numpy().item())

    assert seen == pytest.approx(GOLDEN[optimizer], rel=1e-9)


def test_adamw_steps_as_adam_does() -> None:
    # Its decay is taken before the step, for every optimizer alike.
    assert MOMENTS["adamw"] == MOMENTS["adam"]


def test_gradients_are_clipped_to_the_norm_over_all_of_a_slots_parameters() -> None:
    kernel = tf.constant([[[3.0]], [[3.0]], [[0.0]], [[3e30]]])
    bias = tf.constant([[[4.0]], [[4.0]], [[0.0]], [[4e30]]])

    clipped = clip_by_global_norm([kernel, bias], tf.constant([1.0, 10.0, 1.0, float("inf")]))

    assert clipped[0][:, 0, 0].numpy().tolist() == pytest.approx([0.6, 3.0, 0.0, 3e30])
    assert clipped[1][:, 0, 0].numpy().tolist() == pytest.approx([0.8, 4.0, 0.0, 4e30])


def test_unknown_optimizer_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown optimizer 'lion'"):
        update("lion", [], [], [], rate=0.1, step=1)
