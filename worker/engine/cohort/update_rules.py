"""Optimizers as pure functions: a step over all slots at once, with Keras's semantics and defaults.

Parameters are a list, kernels [K, in, out] and biases [K, 1, out] in turn, for K slots; `moments`
hold one or two lists of the same shapes.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

EPSILON = 1e-7
MOMENTUM = 0.9
BETA_1, BETA_2 = 0.9, 0.999
RHO = 0.9
MOMENTS = {"sgd": 1, "rmsprop": 1, "adam": 2, "adamw": 2}
"""How many moments of a parameter each optimizer keeps."""

Parameters = list[Any]
Moments = list[Parameters]


def update(
    optimizer: str,
    parameters: Parameters,
    gradients: Parameters,
    moments: Moments,
    *,
    rate: Any,
    step: Any,
    momentum: Any = MOMENTUM,
) -> tuple[Parameters, Moments]:
    """Update every slot by one step; `rate`, `step` (from 1) and `momentum` are [K, 1, 1]."""
    match optimizer:
        case "sgd":
            return _sgd(parameters, gradients, moments, rate, momentum)
        case "rmsprop":
            return _rmsprop(parameters, gradients, moments, rate)
        case "adam" | "adamw":
            return _adam(parameters, gradients, moments, rate, step)
    raise ValueError(f"unknown optimizer {optimizer!r}")


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
    parameters: Parameters, gradients: Parameters, moments: Moments, rate: Any, momentum: Any
) -> tuple[Parameters, Moments]:
    """Update with momentum (Polyak 1964); plain steps where it is 0."""
    (velocity,) = moments
    velocity = [m * momentum - g * rate for m, g in zip(velocity, gradients, strict=True)]
    return [p + m for p, m in zip(parameters, velocity, strict=True)], [velocity]


def _rmsprop(
    parameters: Parameters, gradients: Parameters, moments: Moments, rate: Any
) -> tuple[Parameters, Moments]:
    """Update by RMSprop (Hinton 2012, lecture 6e)."""
    (square,) = moments
    square = [RHO * v + (1 - RHO) * tf.square(g) for v, g in zip(square, gradients, strict=True)]
    moved = [
        p - rate * g / tf.sqrt(v + EPSILON)
        for p, g, v in zip(parameters, gradients, square, strict=True)
    ]
    return moved, [square]


def _adam(
    parameters: Parameters, gradients: Parameters, moments: Moments, rate: Any, step: Any
) -> tuple[Parameters, Moments]:
    """Update by Adam (Kingma and Ba 2015, algorithm 1 in the form before section 2.1)."""
    mean, square = moments
    alpha = rate * tf.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
    mean = [m + (g - m) * (1 - BETA_1) for m, g in zip(mean, gradients, strict=True)]
    square = [v + (tf.square(g) - v) * (1 - BETA_2) for v, g in zip(square, gradients, strict=True)]
    moved = [
        p - m * alpha / (tf.sqrt(v) + EPSILON)
        for p, m, v in zip(parameters, mean, square, strict=True)
    ]
    return moved, [mean, square]
