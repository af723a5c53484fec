"""The network of every slot of a cohort: what it predicts, its loss, and a training step.

A slot's network may have fewer layers and units than the program: what is beyond them is zero, is
masked after each activation, and so stays zero.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import tensorflow as tf

from worker.engine.arrays import Arrays, Loss
from worker.engine.cohort.buckets import inputs_of
from worker.engine.cohort.inputs import SlotInputs
from worker.engine.cohort.kernel_operations import after, product, sum_of_slots
from worker.engine.cohort.shape import BINS, LAYER_PENALTIES, Shape
from worker.engine.draws import dropout_keep, dropout_key, normal_noise
from worker.engine.losses import hidden_activation, row_loss
from worker.engine.optimizers import RULES, Moments, Parameters, Step, clip_by_global_norm


class OtherLabels(NamedTuple):
    """The labels of the rows that a batch's are mixed with, and its own rows' share."""

    y_KB: Any
    share_K1: Any


class Batch(NamedTuple):
    """One batch of every slot; a row that is not there has 0 in both masks.

    `y` is [K, B], or [K, B, C] where it is one-hot codes or several targets.
    """

    x_KBD: Any
    y: Any
    other: OtherLabels | None
    is_row_KB: Any
    weight_KB: Any


class StepResult(NamedTuple):
    """Parameters and moments after a step, and its batch's losses [K]."""

    parameters: Parameters
    moments: Moments
    data_loss_K: Any
    all_loss_K: Any


class SlotNetworks:
    """The networks of K slots, padded to one shape."""

    def __init__(self, shape: Shape, arrays: Arrays, dtype: Any) -> None:
        self.sizes = [inputs_of(shape, arrays), *shape.widths, arrays.outputs]
        self._shape = shape
        self._dtype = dtype
        self._loss_name = arrays.loss
        self._loss_arguments = arrays.loss_arguments
        self._head = arrays.output_activation
        self._is_one_hot = arrays.is_one_hot
        self._is_wide = arrays.is_one_hot or arrays.has_targets
        self._is_scaled = arrays.is_scaled
        self._embeddings = arrays.embeddings
        self._has_bins = BINS in shape.uses
        self._numbers = arrays.numbers_seen(has_bins=self._has_bins)
        self._column_J, self._binned_columns = arrays.column_J, arrays.binned_columns

    def encode_features(self, x_KBD: Any, inputs: SlotInputs) -> Any:
        """Return rows as the networks see them: bins in place of the columns that have some."""
        if not self._has_bins:
            return x_KBD
        start_K1J, divisor_K1J, is_there_K1J = tf.unstack(inputs.bins_3K1J)
        share_KBJ = (tf.gather(x_KBD, self._column_J, axis=2) - start_K1J) / divisor_K1J
        risen_KBJ = (tf.clip_by_value(share_KBJ, 0.0, 1.0) * 2 - 1) * is_there_K1J
        return tf.concat([risen_KBJ, x_KBD[:, :, self._binned_columns :]], 2)

    def train_step(
        self,
        parameters: Parameters,
        moments: Moments,
        batch: Batch,
        step_K: Any,
        inputs: SlotInputs,
    ) -> StepResult:
        """Train every slot for one step, and return the batch's losses; `step_K` counts from 0."""
        shape, count_K = self._shape, tf.maximum(tf.reduce_sum(batch.is_row_KB, 1), 1.0)
        key_K = dropout_key(inputs.seed, step_K)
        x_KBD = self._noisy(batch.x_KBD, inputs, key_K)
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            output_KBC = self.forward(parameters, x_KBD, inputs, key_K)
            row_loss_KB = self.row_loss(output_KBC, batch.y)
            if batch.other is not None:
                other = batch.other
                row_loss_KB += (1 - other.share_K1) * (
                    self.row_loss(output_KBC, other.y_KB) - row_loss_KB
                )
            # Keras divides by the count of rows, whatever their weights.
            weighted_K = tf.reduce_sum(row_loss_KB * batch.weight_KB, 1) / count_K
            all_K = weighted_K + self._penalty(parameters, inputs)
        gradients = tape.gradient(all_K, parameters)
        if "clip_norm" in shape.uses:
            gradients = clip_by_global_norm(gradients, inputs.clip_norm)
        time_K = tf.cast(step_K, self._dtype)
        # The gradient of the first layer's bias comes last of all that reads a kernel.
        rate_K = after(self._rate(time_K, inputs), all_K, gradients[1][:, 0, 0])
        parameters, moments = self._updated(
            parameters, gradients, moments, rate_K=rate_K, time_K=time_K, inputs=inputs
        )
        data_K = tf.reduce_sum(row_loss_KB * batch.is_row_KB, 1) / count_K
        return StepResult(parameters, moments, data_K, all_K)

    def _updated(
        self,
        parameters: Parameters,
        gradients: Parameters,
        moments: Moments,
        *,
        rate_K: Any,
        time_K: Any,
        inputs: SlotInputs,
    ) -> tuple[Parameters, Moments]:
        """Return parameters and moments after the optimizer's step; `time_K` counts from 0."""
        rate = rate_K[:, None, None]
        decay = rate * inputs.weight_decay[:, None, None]
        at = Step(rate, time_K[:, None, None] + 1, inputs.momentum[:, None, None])
        update = RULES[self._shape.optimizer].update
        return update([p - p * decay for p in parameters], gradients, moments, at)

    def _noisy(self, x_KBD: Any, inputs: SlotInputs, key_K: Any) -> Any:
        """Add noise to numbers, where the program has any."""
        if "noise" not in self._shape.uses:
            return x_KBD
        noise_KBD = normal_noise(key_K, x_KBD.shape, self._dtype)
        is_number_D = tf.range(x_KBD.shape[2]) < self._numbers
        return x_KBD + tf.where(is_number_D, inputs.noise[:, None, None] * noise_KBD, 0.0)

    def mix_batch(self, batch: Batch, share_K1: Any) -> Batch:
        """Mix every row of a batch with the next one, the last with the first."""
        count_K1 = tf.cast(tf.reduce_sum(batch.is_row_KB, 1, keepdims=True), tf.int32)
        next_KB = tf.range(1, self._shape.batch_size + 1)[None, :]
        next_KB = tf.where(next_KB < count_K1, next_KB, 0)

        def mix(own: Any, share: Any) -> Any:
            other = tf.gather(own, next_KB, batch_dims=1)
            return other + share * (own - other)

        share_K11 = share_K1[:, :, None]
        if self._embeddings:
            # No code lies between two: that of the larger share stays.
            is_number_D = tf.range(batch.x_KBD.shape[2]) < self._numbers
            share_K11 = tf.where(is_number_D, share_K11, tf.round(share_K11))
        mixed = batch._replace(
            x_KBD=mix(batch.x_KBD, share_K11),
            weight_KB=mix(batch.weight_KB, share_K1) * batch.is_row_KB,
        )
        if self._loss_name is Loss.multiclass:
            # No class lies between two: the losses of both labels are mixed.
            other = OtherLabels(tf.gather(batch.y, next_KB, batch_dims=1), share_K1)
            return mixed._replace(other=other)
        return mixed._replace(y=mix(batch.y, share_K1[:, :, None] if self._is_wide else share_K1))

    def targets(self, y: Any, inputs: SlotInputs) -> Any:
        """Return targets [K, B] as their slots see them, or [K, B, C] codes or several targets."""
        if self._is_one_hot:
            return tf.one_hot(tf.cast(y, tf.int32), self.sizes[-1], dtype=self._dtype)
        if not self._is_scaled:
            return y
        return (y - inputs.y_shift[:, None]) / inputs.y_scale[:, None]

    def forward(self, parameters: Parameters, x: Any, inputs: SlotInputs, key_K: Any | None) -> Any:
        """Return the head's output [K, B, C] before its activation.

        Dropout is applied where there is a key.
        """
        h = self._embedded(parameters, x)
        for layer, width in enumerate(self._shape.widths):
            kernel, bias = parameters[2 * layer], parameters[2 * layer + 1]
            name, mask = self._shape.activations[layer], inputs.unit_masks[layer]
            new = hidden_activation(name, product(h, kernel) + bias, mask)
            if key_K is not None and "dropout" in self._shape.uses:
                rate_K = inputs.dropout_LK[layer]
                keep = dropout_keep(key_K, layer, new.shape[1], width, rate_K)
                new = tf.where(keep, new / (1 - rate_K[:, None, None]), 0.0)
            # A slot with fewer layers passes through the rest.
            h = (
                new
                if layer == 0
                else tf.where(inputs.layer_mask_LK11[layer], new, _fit_width(h, width))
            )
        kernel, bias = parameters[2 * len(self._shape.widths) :][:2]
        return product(h, kernel) + bias

    def _embedded(self, parameters: Parameters, x_KBD: Any) -> Any:
        """Return numbers as they are, and each code's numbers from its table [K, B, inputs]."""
        if not self._embeddings:
            return x_KBD
        tables = parameters[len(parameters) - len(self._embeddings) :]
        codes_KBE = tf.cast(x_KBD[:, :, self._numbers :], tf.int32)
        learned = [
            tf.gather(table, codes_KBE[:, :, index], batch_dims=1)
            for index, table in enumerate(tables)
        ]
        return tf.concat([x_KBD[:, :, : self._numbers], *learned], 2)

    def row_loss(self, output_KBC: Any, y: Any) -> Any:
        """Return the data loss of every row [K, B]."""
        return row_loss(self._loss_name, self._head, output_KBC, y, self._loss_arguments)

    def _penalty(self, parameters: Parameters, inputs: SlotInputs) -> Any:
        """Return L1 and L2 of the kernels [K]."""
        kernels = parameters[: 2 * len(self._shape.widths) + 2 : 2]
        l2_HK = [sum_of_slots(tf.square(kernel)) for kernel in kernels]
        penalty_K = self._weighted_sum(l2_HK, inputs.l2_HK)
        if "l1" not in self._shape.uses:
            return penalty_K
        l1_HK = [sum_of_slots(tf.abs(kernel)) for kernel in kernels]
        return self._weighted_sum(l1_HK, inputs.l1_HK) + penalty_K

    def _weighted_sum(self, norm_HK: list[Any], strength_HK: Any) -> Any:
        """Sum the norms of all layers' kernels, times a strength each or the one of all [K]."""
        if LAYER_PENALTIES in self._shape.uses:
            return tf.add_n([norm * strength_HK[h] for h, norm in enumerate(norm_HK)])
        return strength_HK[-1] * tf.add_n(norm_HK)

    def _rate(self, time_K: Any, inputs: SlotInputs) -> Any:
        """Return a step's learning rate [K].

        It is constant, or follows half a cosine (Loshchilov and Hutter 2017).
        """
        steps_K = tf.maximum(inputs.schedule_steps, 1.0)
        cosine_K = 0.5 * (1 + tf.cos(math.pi * tf.minimum(time_K, steps_K) / steps_K))
        return inputs.learning_rate * tf.where(inputs.schedule_steps > 0, cosine_K, 1.0)


def _fit_width(h_KBW: Any, width: int) -> Any:
    """Cut or pad a layer's output to the width of another; what is added is zero."""
    cut = h_KBW[:, :, :width]
    return tf.pad(cut, [[0, 0], [0, 0], [0, width - cut.shape[2]]])
