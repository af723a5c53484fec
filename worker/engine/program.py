"""One compiled program: an epoch of K trials at once, and their validation.

K slots, N training rows, M validation rows, D features, B batch, W padded width, L layers,
C outputs. A slot's network may have fewer layers and units than the program: what is beyond them
is zero, is masked after each activation, and so stays zero.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from worker.engine.draws import dropout_keep, dropout_key
from worker.engine.plans import Arrays, Loss
from worker.engine.update_rules import MOMENTS, Moments, Parameters, clip_by_global_norm, update

VALIDATION_CELLS = 2**24
"""Units of a layer, over all slots and rows, that are held at once in a validation."""


@dataclass(frozen=True)
class Shape:
    """What a program is compiled for; all else is a run-time value."""

    slots: int
    layers: int
    width: int
    batch_size: int
    activation: str
    optimizer: str


@dataclass(frozen=True)
class Settings:
    """The run-time values of K slots, each a tensor: [K], but for the masks.

    `unit_mask` is [L] tensors [K, 1, W], `layer_mask` [L] tensors [K, 1, 1], both boolean;
    `schedule_steps` is 0 for a constant rate, `clip` infinite for none.
    """

    learning_rate: Any
    schedule_steps: Any
    weight_decay: Any
    clip: Any
    l1: Any
    l2: Any
    dropout: Any
    seed: Any
    unit_mask: list[Any]
    layer_mask: list[Any]


class Program:
    """The compiled epoch and validation of one shape over one job's arrays."""

    def __init__(self, shape: Shape, arrays: Arrays, *, dtype: str = "float32") -> None:
        self.shape = shape
        self.steps = math.ceil(len(arrays.x_train_ND) / shape.batch_size)
        self._arrays = arrays
        self._dtype = tf.as_dtype(dtype)
        self._activate = keras.activations.get(shape.activation)
        labels = tf.int32 if arrays.loss is Loss.multiclass else self._dtype
        self._x_ND = tf.constant(arrays.x_train_ND, self._dtype)
        self._y_N = tf.cast(tf.constant(arrays.y_train_N), labels)
        self._x_val_MD = tf.constant(arrays.x_val_MD, self._dtype)
        self._y_val_M = tf.cast(tf.constant(arrays.y_val_M), labels)
        weight_N = arrays.weight_train_N
        self._weight_N = None if weight_N is None else tf.constant(weight_N, self._dtype)
        self.epoch = tf.function(self._epoch, jit_compile=True)
        self.validate = tf.function(self._validate, jit_compile=True)

    def parameter_shapes(self) -> list[tuple[int, int, int]]:
        """Of each kernel and bias in turn, with the slots in front."""
        shape, features = self.shape, self._arrays.x_train_ND.shape[1]
        sizes = [features, *[shape.width] * shape.layers, self._arrays.outputs]
        shapes: list[tuple[int, int, int]] = []
        for fan_in, fan_out in itertools.pairwise(sizes):
            shapes += [(shape.slots, fan_in, fan_out), (shape.slots, 1, fan_out)]
        return shapes

    def zeros(self) -> Parameters:
        """Parameters, or moments, of zero."""
        return [tf.zeros(shape, self._dtype) for shape in self.parameter_shapes()]

    def zero_moments(self) -> Moments:
        """The moments of an optimizer that has not stepped yet."""
        return [self.zeros() for _ in range(MOMENTS[self.shape.optimizer])]

    def _epoch(
        self, parameters: Parameters, moments: Moments, step_K: Any, order_KN: Any, settings: Any
    ) -> tuple[Parameters, Moments, Any, Any]:
        """Train every slot for one epoch; answers the mean data and penalised losses [K], too."""
        given, rows, batch = Settings(*settings), len(self._x_ND), self.shape.batch_size
        padding = self.steps * batch - rows
        order_KN = tf.pad(order_KN, [[0, 0], [0, padding]])
        zero_K = tf.zeros(self.shape.slots, self._dtype)

        def body(i: Any, parameters: Parameters, moments: Moments, data_K: Any, all_K: Any) -> Any:
            chosen_KB = tf.slice(order_KN, [0, i * batch], [self.shape.slots, batch])
            is_row_B = tf.cast(i * batch + tf.range(batch) < rows, self._dtype)
            parameters, moments, losses = self._step(
                parameters, moments, step_K + i, (chosen_KB, is_row_B), given
            )
            share = tf.reduce_sum(is_row_B) / rows
            return i + 1, parameters, moments, data_K + losses[0] * share, all_K + losses[1] * share

        _, parameters, moments, data_K, all_K = tf.while_loop(
            lambda i, *_: i < self.steps,
            body,
            [tf.constant(0), parameters, moments, zero_K, zero_K],
            parallel_iterations=1,
        )
        return parameters, moments, data_K, all_K

    def _step(
        self,
        parameters: Parameters,
        moments: Moments,
        step_K: Any,
        batch: tuple[Any, Any],
        given: Settings,
    ) -> tuple[Parameters, Moments, tuple[Any, Any]]:
        """One training step of every slot; `step_K` counts from 0.

        `batch` names its rows [K, B], and tells which of them are real [B]: the last is filled up.
        """
        chosen_KB, is_row_B = batch
        x_KBD = tf.gather(self._x_ND, chosen_KB)
        y_KB = tf.gather(self._y_N, chosen_KB)
        weight_KB = is_row_B[None, :]
        if self._weight_N is not None:
            weight_KB = weight_KB * tf.gather(self._weight_N, chosen_KB)
        count = tf.reduce_sum(is_row_B)
        key_K = dropout_key(given.seed, step_K)
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            output_KBC = self._forward(parameters, x_KBD, given, key_K)
            each_KB = self._loss(output_KBC, y_KB)
            # Keras divides by the count of rows, whatever their weights.
            weighted_K = tf.reduce_sum(each_KB * weight_KB, 1) / count
            all_K = weighted_K + self._penalty(parameters, given)
        gradients = tape.gradient(all_K, parameters)
        gradients = clip_by_global_norm(gradients, given.clip)
        time_K = tf.cast(step_K, self._dtype)
        rate = self._rate(time_K, given)[:, None, None]
        decay = rate * given.weight_decay[:, None, None]
        parameters = [p - p * decay for p in parameters]
        parameters, moments = update(
            self.shape.optimizer,
            parameters,
            gradients,
            moments,
            rate=rate,
            step=time_K[:, None, None] + 1,
        )
        data_K = tf.reduce_sum(each_KB * is_row_B, 1) / count
        return parameters, moments, (data_K, all_K)

    def _forward(self, parameters: Parameters, x: Any, given: Settings, key_K: Any | None) -> Any:
        """[K, B, C] The head's output before its activation; with dropout where there is a key."""
        h = x
        for layer in range(self.shape.layers):
            kernel, bias = parameters[2 * layer], parameters[2 * layer + 1]
            new = self._activate(tf.matmul(h, kernel) + bias)
            new = tf.where(given.unit_mask[layer], new, tf.zeros((), self._dtype))
            if key_K is not None:
                keep = dropout_keep(key_K, layer, new.shape[1], self.shape.width, given.dropout)
                new = tf.where(keep, new / (1 - given.dropout[:, None, None]), 0.0)
            # A slot with fewer layers passes through the rest.
            h = new if layer == 0 else tf.where(given.layer_mask[layer], new, h)
        return tf.matmul(h, parameters[-2]) + parameters[-1]

    def _loss(self, output_KBC: Any, y_KB: Any) -> Any:
        """[K, B] The data loss of every row."""
        match self._arrays.loss:
            case Loss.mse:
                return tf.square(output_KBC[:, :, 0] - y_KB)
            case Loss.binary:
                return tf.nn.sigmoid_cross_entropy_with_logits(y_KB, output_KBC[:, :, 0])
            case Loss.multiclass:
                return tf.nn.sparse_softmax_cross_entropy_with_logits(y_KB, output_KBC)

    def _penalty(self, parameters: Parameters, given: Settings) -> Any:
        """[K] L1 and L2 of the kernels."""
        kernels = parameters[::2]
        l1_K = tf.add_n([tf.reduce_sum(tf.abs(kernel), [1, 2]) for kernel in kernels])
        l2_K = tf.add_n([tf.reduce_sum(tf.square(kernel), [1, 2]) for kernel in kernels])
        return given.l1 * l1_K + given.l2 * l2_K

    def _rate(self, time_K: Any, given: Settings) -> Any:
        """[K] A step's learning rate: constant, or half a cosine (Loshchilov and Hutter 2017)."""
        steps_K = tf.maximum(given.schedule_steps, 1.0)
        cosine_K = 0.5 * (1 + tf.cos(math.pi * tf.minimum(time_K, steps_K) / steps_K))
        return given.learning_rate * tf.where(given.schedule_steps > 0, cosine_K, 1.0)

    def _validate(
        self, parameters: Parameters, best: Parameters, best_loss_K: Any, settings: Any
    ) -> tuple[Any, Parameters, Any]:
        """Validate every slot; answers losses [K], and the best parameters and losses so far."""
        given = Settings(*settings)
        rows = self._x_val_MD.shape[0]
        piece = max(1, VALIDATION_CELLS // (self.shape.slots * self.shape.width))
        total_K = tf.zeros(self.shape.slots, self._dtype)
        for start in range(0, rows, piece):
            x = self._x_val_MD[start : start + piece]
            y = self._y_val_M[start : start + piece]
            output_KMC = self._forward(parameters, x[None], given, None)
            y_KM = tf.broadcast_to(y[None], tf.shape(output_KMC)[:2])
            total_K += tf.reduce_sum(self._loss(output_KMC, y_KM), 1)
        loss_K = total_K / rows
        is_better_K = loss_K < best_loss_K
        chosen = is_better_K[:, None, None]
        best = [tf.where(chosen, p, b) for p, b in zip(parameters, best, strict=True)]
        return loss_K, best, tf.where(is_better_K, loss_K, best_loss_K)
