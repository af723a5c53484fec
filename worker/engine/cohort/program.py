"""One compiled program: training steps of K networks at once, and their validation.

A slot's network may have fewer layers and units than the program: what is beyond them is zero, is
masked after each activation, and so stays zero.
"""

from __future__ import annotations

import itertools
import math
import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from worker.engine.arrays import Arrays, Loss
from worker.engine.cohort.compiled import Compiled
from worker.engine.cohort.inputs import Rows, SlotInputs
from worker.engine.cohort.kernel_operations import after, product, sum_of_slots
from worker.engine.cohort.update_rules import (
    MOMENTS,
    Moments,
    Parameters,
    clip_by_global_norm,
    update,
)
from worker.engine.draws import dropout_keep, dropout_key, normal_noise
from worker.engine.losses import hidden_activation, row_loss
from worker.engine.plans import per_layer

VALIDATION_CELLS = 2**18
"""Units of a layer, over all slots and rows, that a validation holds at once: 1 MiB."""


OPTIONS = frozenset({"clip_norm", "dropout", "l1", "mixup", "noise"})
"""What costs a program time even where its value does nothing, and so is left out unless needed."""
LAYER_PENALTIES = "layer_penalties"
"""Further option: other penalties for each layer of a network."""
MAX_PROGRAMS = 32
"""What is kept of those that engines share: more than one job compiles."""


@dataclass(frozen=True)
class Shape:
    """What a program is compiled for, beside the job's data; all else is a run-time value.

    `activation` is of all hidden layers, or one each. `uses` names the options that it has: a plan
    whose value of another is not 0 does not fit.
    """

    slots: int
    widths: tuple[int, ...]
    batch_size: int
    activation: str | tuple[str, ...]
    optimizer: str
    uses: frozenset[str] = OPTIONS

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each hidden layer."""
        return per_layer(self.activation, len(self.widths))

    def __str__(self) -> str:
        widths = "-".join(map(str, self.widths)) or "no hidden layers"
        activations = self.activations if isinstance(self.activation, tuple) else [self.activation]
        names = [*(["-".join(activations)] if activations else []), self.optimizer]
        parts = [widths, f"batch {self.batch_size}", *names, *sorted(self.uses)]
        return f"cohort of {self.slots}: {', '.join(parts)}"


class State(NamedTuple):
    """Parameters and moments of all slots, and what their epoch has added up so far [K]."""

    parameters: Parameters
    moments: Moments
    data_loss: Any
    all_loss: Any


class BestWeights(NamedTuple):
    """The parameters of each slot's best epoch, and its loss [K]."""

    parameters: Parameters
    loss: Any


class Program:
    """Training steps and validation of one shape, for one job's data."""

    def __init__(self, shape: Shape, arrays: Arrays, *, dtype: str = "float32") -> None:
        self.shape = shape
        self.dtype = tf.as_dtype(dtype)
        max_rows = max(len(fold.validation_M) for fold in arrays.folds)
        cells_of_row = shape.slots * max(shape.widths, default=arrays.outputs)
        self.validation_rows = max(1, min(max_rows, VALIDATION_CELLS // cells_of_row))
        self._loss_name = arrays.loss
        self._head = arrays.output_activation
        self._is_one_hot = arrays.is_one_hot
        self._is_scaled = arrays.is_scaled
        self._sizes = [arrays.inputs, *shape.widths, arrays.outputs]
        self._embeddings = arrays.embeddings
        self._numbers = arrays.numbers
        self._is_weighted = arrays.is_weighted
        # Where all folds have the same number of steps, no slot is ever past its last batch.
        batches = {math.ceil(len(fold.train_N) / shape.batch_size) for fold in arrays.folds}
        self._is_even = len(batches) == 1
        self.compiled_for = (
            shape,
            dtype,
            (arrays.loss, self._head, self._is_scaled),
            (*self._sizes, self._embeddings, self._numbers),
            (self._is_weighted, self._is_even),
            (arrays.x_VND.shape, max_rows, max(len(fold.train_N) for fold in arrays.folds)),
        )
        self.train = Compiled(self._train)
        self.validate = Compiled(self._validate)

    def zeros(self) -> Parameters:
        """Return zero parameters, or a moment of each: kernels [K, in, out], biases [K, 1, out].

        Kernels and biases alternate; the embeddings' tables [K, codes, size] come last.
        """
        slots, zeros = self.shape.slots, []
        for fan_in, fan_out in itertools.pairwise(self._sizes):
            zeros += [(slots, fan_in, fan_out), (slots, 1, fan_out)]
        zeros += [(slots, embedding.codes, embedding.size) for embedding in self._embeddings]
        return [tf.zeros(shape, self.dtype) for shape in zeros]

    def start(self) -> tuple[State, BestWeights]:
        """Return the state of slots that are all free."""
        moments = [self.zeros() for _ in range(MOMENTS[self.shape.optimizer])]
        zero_K = tf.zeros(self.shape.slots, self.dtype)
        return State(self.zeros(), moments, zero_K, zero_K), BestWeights(
            self.zeros(), zero_K + math.inf
        )

    def _train(self, state: State, rows: Rows, step_K: Any, inputs: SlotInputs) -> State:
        """Train every slot on some batches of its epoch.

        `step_K` are the steps of each slot before this epoch. A slot past its last batch does
        nothing. The losses added up are means over the epoch's rows.
        """
        shape, slots = self.shape, self.shape.slots

        def body(i: Any, *flat: Any) -> Any:
            before = tf.nest.pack_sequence_as(state, flat)
            start = i * shape.batch_size
            chosen_KB = tf.slice(rows.chosen_KI, [0, start], [slots, shape.batch_size])
            number_B = rows.first + start + tf.range(shape.batch_size)
            is_row_KB = tf.cast(number_B < rows.rows_K[:, None], self.dtype)
            weight_KB = is_row_KB
            if self._is_weighted:
                weight_KB *= tf.slice(rows.weight_KI, [0, start], [slots, shape.batch_size])
            y = self._targets(tf.gather(rows.y_N, chosen_KB), inputs)
            batch = _Batch(tf.gather(rows.x_ND, chosen_KB), y, None, is_row_KB, weight_KB)
            if "mixup" in shape.uses:
                batch = self._mix_batch(batch, rows.share_KS[:, i, None])
            after = self._step(before, batch, step_K + rows.first // shape.batch_size + i, inputs)
            share_K = tf.reduce_sum(is_row_KB, 1) / tf.cast(tf.maximum(rows.rows_K, 1), self.dtype)
            after = after._replace(
                data_loss=before.data_loss + after.data_loss * share_K,
                all_loss=before.all_loss + after.all_loss * share_K,
            )
            new = tf.nest.flatten(after)
            if not self._is_even:
                new = [_choose(share_K > 0, *pair) for pair in zip(new, flat, strict=True)]
            return i + 1, *new

        _, *flat = tf.while_loop(
            lambda i, *_: i < rows.count,
            body,
            [tf.constant(0), *tf.nest.flatten(state)],
            parallel_iterations=1,
        )
        trained: State = tf.nest.pack_sequence_as(state, flat)
        return trained

    def _step(self, state: State, batch: _Batch, step_K: Any, inputs: SlotInputs) -> State:
        """Train every slot for one step, and return the batch's losses; `step_K` counts from 0."""
        shape, count_K = self.shape, tf.maximum(tf.reduce_sum(batch.is_row_KB, 1), 1.0)
        key_K = dropout_key(inputs.seed, step_K)
        parameters, moments = state.parameters, state.moments
        x_KBD = batch.x_KBD
        if "noise" in shape.uses:
            noise_KBD = normal_noise(key_K, x_KBD.shape, self.dtype)
            is_number_D = tf.range(x_KBD.shape[2]) < self._numbers
            x_KBD += tf.where(is_number_D, inputs.noise[:, None, None] * noise_KBD, 0.0)
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            output_KBC = self._forward(parameters, x_KBD, inputs, key_K)
            row_loss_KB = self._loss(output_KBC, batch.y)
            if batch.other is not None:
                other = batch.other
                row_loss_KB += (1 - other.share_K1) * (
                    self._loss(output_KBC, other.y_KB) - row_loss_KB
                )
            # Keras divides by the count of rows, whatever their weights.
            weighted_K = tf.reduce_sum(row_loss_KB * batch.weight_KB, 1) / count_K
            all_K = weighted_K + self._penalty(parameters, inputs)
        gradients = tape.gradient(all_K, parameters)
        if "clip_norm" in shape.uses:
            gradients = clip_by_global_norm(gradients, inputs.clip_norm)
        time_K = tf.cast(step_K, self.dtype)
        # The gradient of the first layer's bias comes last of all that reads a kernel.
        rate_K = after(self._rate(time_K, inputs), all_K, gradients[1][:, 0, 0])
        rate = rate_K[:, None, None]
        decay = rate * inputs.weight_decay[:, None, None]
        parameters, moments = update(
            shape.optimizer,
            [p - p * decay for p in parameters],
            gradients,
            moments,
            rate=rate,
            momentum=inputs.momentum[:, None, None],
            step=time_K[:, None, None] + 1,
        )
        data_K = tf.reduce_sum(row_loss_KB * batch.is_row_KB, 1) / count_K
        return State(parameters, moments, data_K, all_K)

    def _validate(
        self, parameters: Parameters, best: BestWeights, sum_K: Any, rows: Rows, inputs: SlotInputs
    ) -> tuple[Any, BestWeights]:
        """Add up the data loss of a few batches of the validation rows.

        Return the sums [K] and, after the last batch, the best parameters so far.
        """
        slots, piece = self.shape.slots, self.validation_rows

        def body(i: Any, sum_K: Any) -> Any:
            chosen_KP = tf.slice(rows.chosen_KI, [0, i * piece], [slots, piece])
            x_KPD = tf.gather(rows.x_ND, chosen_KP)
            y = self._targets(tf.gather(rows.y_N, chosen_KP), inputs)
            is_row_KP = rows.first + i * piece + tf.range(piece) < rows.rows_K[:, None]
            row_loss_KP = self._loss(self._forward(parameters, x_KPD, inputs, None), y)
            return i + 1, sum_K + tf.reduce_sum(tf.where(is_row_KP, row_loss_KP, 0.0), 1)

        _, sum_K = tf.while_loop(lambda i, _: i < rows.count, body, [tf.constant(0), sum_K])
        loss_K = sum_K / tf.cast(tf.maximum(rows.rows_K, 1), self.dtype)
        is_last = rows.first + rows.count * piece >= tf.reduce_max(rows.rows_K)
        is_better_K = tf.logical_and(is_last, loss_K < best.loss)
        pairs = zip(parameters, best.parameters, strict=True)
        best_parameters = [_choose(is_better_K, *pair) for pair in pairs]
        return sum_K, BestWeights(best_parameters, tf.where(is_better_K, loss_K, best.loss))

    def _mix_batch(self, batch: _Batch, share_K1: Any) -> _Batch:
        """Mix every row of a batch with the next one, the last with the first."""
        count_K1 = tf.cast(tf.reduce_sum(batch.is_row_KB, 1, keepdims=True), tf.int32)
        next_KB = tf.range(1, self.shape.batch_size + 1)[None, :]
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
            other = _Other(tf.gather(batch.y, next_KB, batch_dims=1), share_K1)
            return mixed._replace(other=other)
        return mixed._replace(
            y=mix(batch.y, share_K1[:, :, None] if self._is_one_hot else share_K1)
        )

    def _targets(self, y_KB: Any, inputs: SlotInputs) -> Any:
        """Return targets [K, B] as their slots see them, or their one-hot codes [K, B, C]."""
        if self._is_one_hot:
            return tf.one_hot(tf.cast(y_KB, tf.int32), self._sizes[-1], dtype=self.dtype)
        if not self._is_scaled:
            return y_KB
        return (y_KB - inputs.y_shift[:, None]) / inputs.y_scale[:, None]

    def _forward(
        self, parameters: Parameters, x: Any, inputs: SlotInputs, key_K: Any | None
    ) -> Any:
        """Return the head's output [K, B, C] before its activation.

        Dropout is applied where there is a key.
        """
        h = self._embedded(parameters, x)
        for layer, width in enumerate(self.shape.widths):
            kernel, bias = parameters[2 * layer], parameters[2 * layer + 1]
            name, mask = self.shape.activations[layer], inputs.unit_masks[layer]
            new = hidden_activation(name, product(h, kernel) + bias, mask)
            if key_K is not None and "dropout" in self.shape.uses:
                rate_K = inputs.dropout_LK[layer]
                keep = dropout_keep(key_K, layer, new.shape[1], width, rate_K)
                new = tf.where(keep, new / (1 - rate_K[:, None, None]), 0.0)
            # A slot with fewer layers passes through the rest.
            h = (
                new
                if layer == 0
                else tf.where(inputs.layer_mask_LK11[layer], new, _fit_width(h, width))
            )
        kernel, bias = parameters[2 * len(self.shape.widths) :][:2]
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

    def _loss(self, output_KBC: Any, y: Any) -> Any:
        """Return the data loss of every row [K, B]."""
        return row_loss(self._loss_name, self._head, output_KBC, y)

    def _penalty(self, parameters: Parameters, inputs: SlotInputs) -> Any:
        """Return L1 and L2 of the kernels [K]."""
        kernels = parameters[: 2 * len(self.shape.widths) + 2 : 2]
        l2_HK = [sum_of_slots(tf.square(kernel)) for kernel in kernels]
        penalty_K = self._weighted_sum(l2_HK, inputs.l2_HK)
        if "l1" not in self.shape.uses:
            return penalty_K
        l1_HK = [sum_of_slots(tf.abs(kernel)) for kernel in kernels]
        return self._weighted_sum(l1_HK, inputs.l1_HK) + penalty_K

    def _weighted_sum(self, norm_HK: list[Any], strength_HK: Any) -> Any:
        """Sum the norms of all layers' kernels, times a strength each or the one of all [K]."""
        if LAYER_PENALTIES in self.shape.uses:
            return tf.add_n([norm * strength_HK[h] for h, norm in enumerate(norm_HK)])
        return strength_HK[-1] * tf.add_n(norm_HK)

    def _rate(self, time_K: Any, inputs: SlotInputs) -> Any:
        """Return a step's learning rate [K].

        It is constant, or follows half a cosine (Loshchilov and Hutter 2017).
        """
        steps_K = tf.maximum(inputs.schedule_steps, 1.0)
        cosine_K = 0.5 * (1 + tf.cos(math.pi * tf.minimum(time_K, steps_K) / steps_K))
        return inputs.learning_rate * tf.where(inputs.schedule_steps > 0, cosine_K, 1.0)


class Programs:
    """Compiled programs that engines share; the least recently used go first."""

    def __init__(self, max_programs: int = MAX_PROGRAMS) -> None:
        self._max_programs = max_programs
        self._programs: dict[tuple[Any, ...], Program] = {}
        self._lock = threading.Lock()

    def get(self, shape: Shape, arrays: Arrays, *, is_resident: bool) -> Program:
        """Return the program of a shape, for any data that take the same one."""
        program = Program(shape, arrays)
        key = (*program.compiled_for, is_resident)
        with self._lock:
            shared = self._programs[key] = self._programs.pop(key, program)
            while len(self._programs) > self._max_programs:
                del self._programs[next(iter(self._programs))]
        return shared


class _Other(NamedTuple):
    """The labels of the rows that a batch's are mixed with, and its own rows' share."""

    y_KB: Any
    share_K1: Any


class _Batch(NamedTuple):
    """One batch of every slot; a row that is not there has 0 in both masks.

    `y` is [K, B], or [K, B, C] where it is one-hot codes.
    """

    x_KBD: Any
    y: Any
    other: _Other | None
    is_row_KB: Any
    weight_KB: Any


def _choose(is_new_K: Any, new: Any, old: Any) -> Any:
    """Return the new values of the slots where `is_new_K`, and the old ones of the rest."""
    return tf.where(tf.reshape(is_new_K, [-1] + [1] * (len(new.shape) - 1)), new, old)


def _fit_width(h_KBW: Any, width: int) -> Any:
    """Cut or pad a layer's output to the width of another; what is added is zero."""
    cut = h_KBW[:, :, :width]
    return tf.pad(cut, [[0, 0], [0, 0], [0, width - cut.shape[2]]])
