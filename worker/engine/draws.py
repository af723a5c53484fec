"""What chance decides in a training: initial weights, the order of rows, dropout.

Each is a pure function of the trial's seed and of where it is used, and so the same in every
engine, slot and cohort.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays
from worker.engine.plans import KernelInitializer, Plan

TRUNCATED_SD = 0.87962566103423978
"""Standard deviation of a standard normal cut off at 2."""
ROW_STRIDE = 65_536
"""Above any width, so that a unit's draw does not depend on how wide its layer is padded."""


def initial_weights(plan: Plan, arrays: Arrays) -> list[FloatArray]:
    """Draw kernel [in, out] and bias [out] of each layer at their true shapes.

    Those of unseen inputs are 0. Last comes each embedding's table: normal, of about the length
    that a one-hot code has, and 0 for code 0.
    """
    sizes = [arrays.inputs(has_bins=arrays.has_bins(plan)), *plan.widths, arrays.outputs]
    unseen = arrays.folds[plan.fold].unseen_inputs
    weights = draw_layers(plan, list(itertools.pairwise(sizes)), fan_in=sizes[0] - len(unseen))
    weights[0][unseen] = 0
    for index, embedding in enumerate(arrays.embeddings):
        rng = np.random.default_rng([plan.seed, 0xE3BD, index])
        table = rng.normal(size=(embedding.codes, embedding.size)) / math.sqrt(embedding.size)
        table[0] = 0
        weights.append(table.astype(np.float32))
    return weights


def draw_layers(
    plan: Plan, shapes: Sequence[tuple[int, int]], *, fan_in: int | None = None
) -> list[FloatArray]:
    """Draw kernel [in, out] and bias [out] of each layer, of these shapes of kernels.

    `fan_in` is the first layer's, where it is not its kernel's size.
    """
    weights: list[FloatArray] = []
    for layer, shape in enumerate(shapes):
        rng = np.random.default_rng([plan.seed, 0x1417, layer])
        first_fan = None if layer or fan_in is None else max(1, fan_in)
        kernel = _kernel(rng, plan.initializers[layer], shape, fan_in=first_fan)
        weights += [kernel.astype(np.float32), _bias(plan, layer, shape[1])]
    return weights


def row_order(plan: Plan, epoch: int, rows: int) -> NDArray[np.int32]:
    """Draw the order in which an epoch (from 1) sees the training rows [rows]."""
    if not plan.shuffle:
        return np.arange(rows, dtype=np.int32)
    return np.random.default_rng([plan.seed, 0x0DE2, epoch]).permutation(rows).astype(np.int32)


def dropout_keep(key_K: Any, layer: int, batch: int, width: int, rate_K: Any) -> Any:
    """Draw which units a training step keeps [K, B, W]: a hash of key, layer, row and unit.

    `key_K` int32 stands for seed and step. Counter-based draws (Salmon et al. 2011) by a mixer of
    shifts and products, since a cryptographic one costs more than the matrix products.
    """
    counter_BW = tf.range(batch)[:, None] * ROW_STRIDE + tf.range(width)[None, :]
    mixed = _mix(counter_BW + _constant(0x9E3779B9) * (layer + 1))
    bits_KBW = _mix(mixed[None] ^ _mix(key_K)[:, None, None])
    uniform = tf.cast(bits_KBW & 0xFFFFFF, rate_K.dtype) * (1.0 / 0x1000000)
    return uniform >= rate_K[:, None, None]


def normal_noise(key_K: Any, shape: Any, dtype: Any) -> Any:
    """Draw standard normal noise of a training step [K, B, D] (Box and Muller 1958)."""
    _, batch, features = shape
    counter_BD = tf.range(batch)[:, None] * ROW_STRIDE + tf.range(features)[None, :]

    def uniform(salt: int) -> Any:
        bits_KBD = _mix(_mix(counter_BD ^ _constant(salt))[None] ^ _mix(key_K)[:, None, None])
        return (tf.cast(bits_KBD & 0xFFFFFF, dtype) + 1) * (1.0 / 0x1000000)

    radius = tf.sqrt(-2.0 * tf.math.log(uniform(0x51ED270B)))
    return radius * tf.cos(2 * math.pi * uniform(0x2545F491))


def mixup_shares(plan: Plan, epoch: int, steps: int) -> FloatArray:
    """Draw each step's share of a row itself in mixup [steps] from Beta(alpha, alpha); else 1."""
    if not plan.mixup:
        return np.ones(steps, dtype=np.float32)
    rng = np.random.default_rng([plan.seed, 0x3117, epoch])
    return rng.beta(plan.mixup, plan.mixup, steps).astype(np.float32)


def dropout_key(seed_K: Any, step_K: Any) -> Any:
    """Return one int32 key for each seed and step [K]."""
    return _mix(seed_K ^ (step_K * _constant(0x85EBCA6B)))


def _mix(x: Any) -> Any:
    """Spread every bit of an int32 by a bijection (degski's hash of 32-bit integers)."""
    x = (x ^ _shift(x, 16)) * _constant(0x45D9F3B)
    x = (x ^ _shift(x, 16)) * _constant(0x45D9F3B)
    return x ^ _shift(x, 16)


def _shift(x: Any, bits: int) -> Any:
    """Shift to the right logically."""
    return tf.bitwise.right_shift(x, bits) & ((1 << (32 - bits)) - 1)


def _constant(value: int) -> Any:
    return tf.constant(np.uint32(value).astype(np.int32))


def _bias(plan: Plan, layer: int, units: int) -> FloatArray:
    """Draw a layer's biases [out]; its fans are its units, as Keras has them."""
    if not plan.bias_initializers:
        return np.zeros(units, dtype=np.float32)
    rng = np.random.default_rng([plan.seed, 0xB1A5, layer])
    initializer = plan.bias_initializers[layer]
    (bias,) = _kernel(rng, initializer, (1, units), fan_in=units).astype(np.float32)
    return np.asarray(bias, dtype=np.float32)


def _kernel(
    rng: np.random.Generator,
    initializer: KernelInitializer,
    shape: tuple[int, int],
    *,
    fan_in: int | None = None,
) -> NDArray[np.float64]:
    """Draw a kernel [in, out]; of a variance a truncated normal has it after truncation.

    `fan_in` is its first size where it is not told.
    """
    scale, is_variance = initializer.scale, initializer.fan is not None
    if is_variance:
        fans = {"fan_in": max(1, shape[0]) if fan_in is None else fan_in, "fan_out": shape[1]}
        scale /= fans.get(str(initializer.fan), sum(fans.values()) / 2)
    mean = initializer.mean
    match initializer.distribution:
        case "constant":
            return np.full(shape, scale)
        case "normal":
            return mean + rng.normal(size=shape) * (math.sqrt(scale) if is_variance else scale)
        case "truncated_normal":
            return mean + _truncated_normal(rng, shape) * (
                math.sqrt(scale) if is_variance else TRUNCATED_SD * scale
            )
        case "uniform":
            limit = math.sqrt(3 * scale) if is_variance else scale
            return mean + rng.uniform(-limit, limit, shape)
        case "orthogonal":
            return scale * _orthogonal(rng, shape)
        case "identity":
            return scale * np.eye(*shape)
    raise ValueError(f"unknown distribution {initializer.distribution!r}")


def _orthogonal(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Draw a matrix whose rows, or columns, are orthogonal and of length 1."""
    longer, shorter = max(shape), min(shape)
    basis, triangle = np.linalg.qr(rng.normal(size=(longer, shorter)))
    # So every orthogonal matrix is as likely (Mezzadri 2007, section 5).
    drawn = basis * np.sign(np.diag(triangle))
    return drawn if shape[0] == longer else drawn.T


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Draw from a normal cut off at 2 standard deviations, of variance 1."""
    draws = rng.normal(size=shape)
    while (is_far := np.abs(draws) > 2.0).any():
        draws[is_far] = rng.normal(size=int(is_far.sum()))
    return draws / TRUNCATED_SD
