"""Optimizers as pure functions: a step over all slots at once, with Keras's semantics and defaults.

The record of the same name (`lowloss/spec/optimizers.py`) says what users read of it. The engine
imports nothing of ours, so both have Keras's constants; tests hold both to Keras, and each other.
Parameters are a list, kernels [K, in, out] and biases [K, 1, out] in turn, for K slots; `moments`
hold a list of the same shapes for each moment of a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

EPSILON = 1e-7
BETA_1, BETA_2 = 0.9, 0.999
RHO, ADADELTA_RHO = 0.9, 0.95
LION_BETA_2 = 0.99
NADAM_DECAY, NADAM_STEPS = 0.96, 512
"""Of Nadam's momentum; and steps after which the product of all its momenta is below 1e-16."""

Parameters = list[Any]
Moments = list[Parameters]


class Step(NamedTuple):
    """What a step is taken with: rate, step (from 1) and momentum of each slot [K, 1, 1]."""

    rate: Any
    step: Any
    momentum: Any


Update = Callable[[Parameters, Parameters, Moments, Step], tuple[Parameters, Moments]]


@dataclass(frozen=True)
class UpdateRule:
    """An optimizer: its step, and what its moments are before the first one.

    Optimizers with one `name` take the same steps: a program is compiled for that. `keras` builds
    the stock optimizer, which takes `momentum` where the rule does.
    """

    name: str
    update: Update
    moments: tuple[float, ...]
    keras: Callable[..., keras.Optimizer]
    takes_momentum: bool = False


def clip_by_global_norm(gradients: Parameters, limit_K: Any) -> Parameters:
    """Scale each slot's gradients to a global norm of `limit_K` at most.

    An infinite limit leaves them as they are.
    """
    squares_K = tf.add_n([tf.reduce_sum(tf.square(g), [1, 2]) for g in gradients])
    # Where there is no limit the norm may overflow, and must not matter.
    is_limited_K = tf.math.is_finite(limit_K)
    norm_K = tf.sqrt(tf.where(is_limited_K, squares_K, 1.0))
    safe_K = tf.where(is_limited_K, limit_K, 1.0)
    scale_K = tf.where(is_limited_K, safe_K * tf.minimum(1.0 / norm_K, 1.0 / safe_K), 1.0)
    # A gradient of zero has no direction to keep.
    scale_K = tf.where(norm_K > 0.0, scale_K, 1.0) + tf.where(is_limited_K, norm_K - norm_K, 0.0)
    return [g * scale_K[:, None, None] for g in gradients]


def _sgd(
    parameters: Parameters, gradients: Parameters, moments: Moments, at: Step
) -> tuple[Parameters, Moments]:
    """Update with momentum (Polyak 1964); plain steps where it is 0."""
    (velocity,) = moments
    velocity = [m * at.momentum - g * at.rate for m, g in zip(velocity, gradients, strict=True)]
    return [p + m for p, m in zip(parameters, velocity, strict=True)], [velocity]


def _sgd_nesterov(
    parameters: Parameters, gradients: Parameters, moments: Moments, at: Step
) -> tuple[Parameters, Moments]:
    """Update with Nesterov's momentum (Sutskever et al. 2013, equations 3 and 4)."""
    _, (velocity,) = _sgd(parameters, gradients, moments, at)
    moved = [
        p + (m * at.momentum - g * at.rate)
        for p, g, m in zip(parameters, gradients, velocity, strict=True)
    ]
    return moved, [velocity]


def _rmsprop(
    parameters: Parameters, gradients: Parameters, moments: Moments, at: Step
) -> tuple[Parameters, Moments]:
    """Update by RMSprop (Hinton 2012, lecture 6e)."""
    (square,) = moments
    square = [RHO * v + (1 - RHO) * tf.square(g) for v, g in zip(square, gradients, strict=True)]
    moved = [
        p - at.rate * g / tf.sqrt(v + EPSILON)
        for p, g, v in zip(parameters, gradients, square, strict=True)
    ]
    return moved, [square]


def _adagrad(
    parameters: Parameters, gradients: Parameters, moments: Moments, at: Step
) -> tuple[Parameters, Moments]:
    """Update by Adagrad (Duchi et al. 2011, figure 1)."""
    (total,) = moments
    total = [v + tf.square(g) for v, g in zip(total, gradients, strict=True)]
    moved = [
        p - at.rate * g / tf.sqrt(v + EPSILON)
        for p, g, v in zip(parameters, gradients, total, strict=True)
    ]
    return moved, [total]


def _adadelta(
    parameters: Parameters, gradients: Parameters, moments: Moments, at: Step
) -> tuple[Parameters, Moments]:
    """Update by Adadelta (Zeiler 2012, algorithm 1)."""
    square, moved_square = moments
    rho = ADADELTA_RHO
    square = [rho * v + (1 - rho) * tf.square(g) for v, g in zip(square, gradients, strict=True)]
    deltas = [
        -g * tf.sqrt(u + EPSILON) / tf.sqrt(v + EPSILON)
        for g, u, v in zip(gradients, moved_square, square, strict=True)
    ]
    moved_square = [
        rho * u + (1 - rho) * tf.square(delta)
        for u, delta in zip(moved_square, deltas, strict=True)
    ]
    moved = [p + at.rate * delta for p, delta in zip(parameters, deltas, strict=True)]
    return moved, [square, moved_square]


def _adam_moments(gradients: Parameters, moments: Moments) -> Moments:
    """Return Adam's running means of the gradients and of their squares."""
    mean, square = moments
    mean = [m + (g - m) * (1 - BETA_1) for m, g in zip(mean, gradients, strict=True)]
    square = [v + (tf.square(g) - v) * (1 - BETA_2) for v, g in zip(square, gradients, strict=True)]
    return [mean, square]


def _adam(
    parameters: Parameters, gradients: Parameters, moments: Moments, at: Step
) -> tuple[Parameters, Moments]:
    """Update by Adam (Kingma and Ba 2015, algorithm 1 in the form before section 2.1)."""
    alpha = at.rate * tf.sqrt(1 - BETA_2**at.step) / (1 - BETA_1**at.step)
    mean, square = _adam_moments(gradients, moments)
    moved = [
        p - m * alpha / (tf.sqrt(v) + EPSILON)
        for p, m, v in zip(parameters, mean, square, strict=True)
    ]
    return moved, [mean, square]


def _nadam(
    parameters: Parameters, gradients: Parameters, moments: Moments, at: Step
) -> tuple[Parameters, Moments]:
    """Update by Nadam (Dozat 2016, algorithm 2)."""
    momentum, product = (_nadam_table(values, at.step) for values in _nadam_momenta())
    next_momentum = _nadam_table(_nadam_momenta()[0], at.step + 1)
    of_mean = at.rate * next_momentum / (1 - product * next_momentum)
    of_gradient = at.rate * (1 - momentum) / (1 - product)
    correction = 1 - BETA_2**at.step
    mean, square = _adam_moments(gradients, moments)
    moved = [
        p - (of_mean * m + of_gradient * g) / (tf.sqrt(v / correction) + EPSILON)
        for p, g, m, v in zip(parameters, gradients, mean, square, strict=True)
    ]
    return moved, [mean, square]


def _nadam_momenta() -> tuple[Any, Any]:
    """Return Nadam's momentum at each step (from 0), and the product of all up to it."""
    step = np.arange(NADAM_STEPS + 1)
    momentum = BETA_1 * (1 - 0.5 * NADAM_DECAY**step)
    return momentum, np.cumprod(np.where(step > 0, momentum, 1.0))


def _nadam_table(values: Any, step: Any) -> Any:
    """Look a step's value up; the last one stands for all later steps."""
    index = tf.minimum(tf.cast(step, tf.int32), NADAM_STEPS)
    return tf.gather(tf.constant(values, step.dtype), index)


def _adamax(
    parameters: Parameters, gradients: Parameters, moments: Moments, at: Step
) -> tuple[Parameters, Moments]:
    """Update by AdaMax (Kingma and Ba 2015, algorithm 2)."""
    mean, norm = moments
    mean = [m + (g - m) * (1 - BETA_1) for m, g in zip(mean, gradients, strict=True)]
    norm = [tf.maximum(BETA_2 * u, tf.abs(g)) for u, g in zip(norm, gradients, strict=True)]
    alpha = at.rate / (1 - BETA_1**at.step)
    moved = [p - alpha * m / (u + EPSILON) for p, m, u in zip(parameters, mean, norm, strict=True)]
    return moved, [mean, norm]


def _lion(
    parameters: Parameters, gradients: Parameters, moments: Moments, at: Step
) -> tuple[Parameters, Moments]:
    """Update by Lion (Chen et al. 2023, algorithm 2)."""
    (mean,) = moments
    moved = [
        p - at.rate * tf.sign(m * BETA_1 + g * (1 - BETA_1))
        for p, g, m in zip(parameters, gradients, mean, strict=True)
    ]
    mean = [m * LION_BETA_2 + g * (1 - LION_BETA_2) for m, g in zip(mean, gradients, strict=True)]
    return moved, [mean]


_ADAM = UpdateRule("adam", _adam, (0.0, 0.0), keras.optimizers.Adam)
RULES: Mapping[str, UpdateRule] = {
    "adam": _ADAM,
    # Its decay is taken before the step, for every optimizer alike.
    "adamw": replace(_ADAM, keras=keras.optimizers.AdamW),
    "nadam": UpdateRule("nadam", _nadam, (0.0, 0.0), keras.optimizers.Nadam),
    "adamax": UpdateRule("adamax", _adamax, (0.0, 0.0), keras.optimizers.Adamax),
    "lion": UpdateRule("lion", _lion, (0.0,), keras.optimizers.Lion),
    "adagrad": UpdateRule("adagrad", _adagrad, (0.1,), keras.optimizers.Adagrad),
    "adadelta": UpdateRule("adadelta", _adadelta, (0.0, 0.0), keras.optimizers.Adadelta),
    "rmsprop": UpdateRule("rmsprop", _rmsprop, (0.0,), keras.optimizers.RMSprop),
    "sgd": UpdateRule("sgd", _sgd, (0.0,), keras.optimizers.SGD, takes_momentum=True),
    "sgd_nesterov": UpdateRule(
        "sgd_nesterov",
        _sgd_nesterov,
        (0.0,),
        partial(keras.optimizers.SGD, nesterov=True),
        takes_momentum=True,
    ),
}
