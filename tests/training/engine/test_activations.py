"""What the activations' records say, against stock Keras."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from lowloss.spec.activations import ACTIVATIONS

REACH = 40.0
"""Beyond, float32 shows nothing new of any activation."""


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_lie_between_the_ends_that_a_record_names(name: str) -> None:
    record = ACTIVATIONS[name]
    x_NW = np.linspace(-REACH, REACH, 100_001, dtype=np.float32)[:, None]
    # A softmax is over units: the second one is 0.
    x_NW = np.concatenate([x_NW, np.zeros_like(x_NW)], axis=1)

    y_N = np.asarray(keras.activations.get(name)(x_NW))[:, 0]

    for end, value in ((record.low, y_N.min()), (record.high, y_N.max())):
        if math.isfinite(end):
            assert value == pytest.approx(end, abs=0.03)
        else:
            assert abs(value) >= REACH * 0.19
    assert y_N.min() >= record.low
    assert y_N.max() <= record.high


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_squashing_activation_is_flat_on_both_sides(name: str) -> None:
    x_NW = np.array([[-30.0, 0.0], [-20.0, 0.0], [20.0, 0.0], [30.0, 0.0]], dtype=np.float32)

    y_N = np.asarray(keras.activations.get(name)(x_NW))[:, 0]

    is_flat = bool(np.abs(y_N[[0, 2]] - y_N[[1, 3]]).max() < 0.05)
    assert is_flat is (ACTIVATIONS[name].is_squashing or name == "relu6")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_that_can_die_is_0_below_0(name: str) -> None:
    x_NW = np.array([[-2.0, 0.0], [-0.5, 0.0]], dtype=np.float32)

    y_N = np.asarray(keras.activations.get(name)(x_NW))[:, 0]

    assert bool((y_N == 0.0).all()) is ACTIVATIONS[name].can_die
