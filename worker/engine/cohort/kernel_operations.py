"""The operations on whole kernels that decide a wide layer's step, as XLA on CPU is fastest at.

I inputs and O outputs of a layer, N values of a slot.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

FOLD, FOLDED = 8, 512
"""Sums are taken over so many parts at a time, until so few values remain."""


@tf.custom_gradient  # type: ignore[untyped-decorator]
def product(x_KBI: Any, kernel_KIO: Any) -> tuple[Any, Any]:
    """Return the matrix products [K, B, O] of every slot; its gradient transposes no kernel."""

    def gradient(gradient_KBO: Any) -> tuple[Any, Any]:
        # XLA's products on CPU are slow where the operand on the left, or a large one on the
        # right, is transposed: of 32 rows and a kernel of 256x256, 65 us instead of 32 for the
        # kernel's gradient, and 69 instead of 36 for that of x.
        x_KBI_gradient = _transposed(tf.matmul(kernel_KIO, gradient_KBO, transpose_b=True))
        # The barrier keeps XLA from folding the transposition into the product again.
        (x_KIB,) = gen_xla_ops.xla_optimization_barrier(input=[_transposed(x_KBI)])
        return x_KBI_gradient, tf.matmul(x_KIB, gradient_KBO)

    return tf.matmul(x_KBI, kernel_KIO), gradient


@tf.custom_gradient  # type: ignore[untyped-decorator]
def sum_of_slots(values_KIO: Any) -> tuple[Any, Any]:
    """Return the sum of each slot's values [K].

    XLA adds a reduction's values one by one, since the order of floats matters; it adds whole
    arrays by vectors: that saves 20 % of a step at 2x256, 10 % at 2x512.
    """

    def gradient(gradient_K: Any) -> Any:
        # TensorFlow would pad the gradient of each part: a fifth of a program's compile.
        return tf.broadcast_to(gradient_K[:, None, None], values_KIO.shape)

    slots, *sizes = values_KIO.shape
    count = math.prod(sizes)
    sums = tf.reshape(values_KIO, (slots, count))
    while count > FOLDED and count % FOLD == 0:
        count //= FOLD
        parts = tf.reshape(sums, (slots, FOLD, count))
        sums = tf.add_n([parts[:, part] for part in range(FOLD)])
    return tf.reduce_sum(sums, 1), gradient


def after(value_K: Any, *witnesses_K: Any) -> Any:
    """Return a value as it is, which XLA can compute only after the witnesses.

    So what read a kernel is done before its update, which then overwrites it in place. Else XLA
    copies every kernel at every step: 10 % of a step at 2x512.
    """
    # Never true, which XLA does not know; neither NaN nor infinity change the value.
    is_never_K = tf.add_n(witnesses_K) < -math.inf
    return tf.where(is_never_K, tf.zeros_like(value_K), value_K)


def _transposed(matrix: Any) -> Any:
    return tf.linalg.matrix_transpose(matrix)
