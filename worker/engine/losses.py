"""What follows a layer's product, as Keras has it: activations, and the data loss of every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from worker.engine.arrays import Loss

CROSSENTROPIES = {
    # Those of `keras.losses`, but for the warning of the one that it takes for a mistake.
    Loss.binary: keras.losses.binary_crossentropy,
    Loss.categorical: keras.ops.categorical_crossentropy,
    Loss.multiclass: keras.losses.sparse_categorical_crossentropy,
}
WITH_LOGITS = frozenset({"sigmoid", "softmax"})
"""Heads whose logits Keras 3.15 hands on to any crossentropy, be it the one of the other."""


def activation(name: str) -> Callable[[Any], Any]:
    """Return Keras's activation of that name; ValueError for an unknown one."""
    # Keras's own softmax warns of a single unit.
    function: Callable[[Any], Any] = (
        tf.nn.softmax if name == "softmax" else keras.activations.get(name)
    )
    return function


def hidden_activation(name: str, x_KBW: Any, is_unit_K1W: Any) -> Any:
    """Return the activation of a hidden layer [K, B, W]; 0 where a slot has no unit."""
    if name == "softmax":
        # What is padding takes no share.
        x_KBW = tf.where(is_unit_K1W, x_KBW, x_KBW.dtype.min)
    return tf.where(is_unit_K1W, activation(name)(x_KBW), tf.zeros((), x_KBW.dtype))


def row_loss(
    loss: Loss, head: str, output_KBC: Any, y: Any, arguments: Sequence[tuple[str, float]] = ()
) -> Any:
    """Return the data loss of every row [K, B], of the head's output before its activation.

    `y` is [K, B], or [K, B, C] where it is one-hot codes or several targets; `arguments` are
    Keras's. A single output is compared with each of several targets.
    """
    is_single, options = output_KBC.shape[2] == 1 and len(y.shape) == 2, dict(arguments)
    match loss, head:
        case Loss.mse, "linear" if is_single:
            return tf.square(output_KBC[:, :, 0] - y)
        case Loss.binary, "sigmoid" if is_single and not options:
            return tf.nn.sigmoid_cross_entropy_with_logits(y, output_KBC[:, :, 0])
        case Loss.multiclass, "softmax":
            return tf.nn.sparse_softmax_cross_entropy_with_logits(y, output_KBC)
    if is_single and loss is not Loss.multiclass:
        y = y[:, :, None]
    if loss not in CROSSENTROPIES:
        answer_KBC = activation(head)(output_KBC)
        if head == "softmax":
            # Keras's own softmax hands its logits on so, to a focal crossentropy, too.
            answer_KBC._keras_logits = output_KBC
        return keras.losses.get(loss.value)(y, answer_KBC, **options)
    if smoothing := options.pop("label_smoothing", 0.0):
        share = 0.5 if loss is Loss.binary else 1 / output_KBC.shape[2]
        y = y * (1 - smoothing) + share * smoothing
    if head in WITH_LOGITS:
        return CROSSENTROPIES[loss](y, output_KBC, from_logits=True)
    return CROSSENTROPIES[loss](y, activation(head)(output_KBC))
