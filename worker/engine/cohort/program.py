"""One compiled program: epochs of K networks at once, with validation and the best weights."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from worker.engine.arrays import Arrays
from worker.engine.cohort.call_size import call_size
from worker.engine.cohort.compiled import Compiled, CompileTimer
from worker.engine.cohort.inputs import Rows, SlotInputs
from worker.engine.cohort.network import Batch, SlotNetworks
from worker.engine.cohort.shape import BINS, UNEVEN, Shape
from worker.engine.optimizers import RULES, Moments, Parameters

MAX_PROGRAMS = 64
"""What is kept of those that a worker's jobs share, above what one job has live."""


class State(NamedTuple):
    """Parameters and moments of all slots, and the losses of their epoch so far.

    `sums_3K` are of the training data loss, the validation loss and the penalised loss.
    """

    parameters: Parameters
    moments: Moments
    sums_3K: Any


class Best(NamedTuple):
    """The parameters of each slot's best epoch, and its validation loss [K]."""

    parameters: Parameters
    loss: Any


class Program:
    """Training steps and validation of one shape, for one job's data."""

    def __init__(
        self,
        shape: Shape,
        arrays: Arrays,
        *,
        is_resident: bool = True,
        dtype: str = "float32",
        timer: CompileTimer | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = tf.as_dtype(dtype)
        self.size = call_size(shape, arrays, is_resident=is_resident)
        self._networks = SlotNetworks(shape, arrays, self.dtype)
        self._is_weighted = arrays.is_weighted
        self._tables = [(embedding.codes, embedding.size) for embedding in arrays.embeddings]
        self.compiled_for = (
            shape,
            dtype,
            self.size,
            (arrays.loss, *arrays.loss_arguments, arrays.output_activation),
            (arrays.is_scaled, arrays.is_weighted, arrays.y_N.shape[1:]),
            (*self._networks.sizes, arrays.features, *self._tables),
            tuple(arrays.column_J.tolist()) if BINS in shape.uses else (),
        )
        self.run = Compiled(self._run, timer)

    def zeros(self) -> Parameters:
        """Return zero parameters, or a moment of each: kernels [K, in, out], biases [K, 1, out].

        Kernels and biases alternate; the embeddings' tables [K, codes, size] come last.
        """
        slots, zeros = self.shape.slots, []
        for fan_in, fan_out in itertools.pairwise(self._networks.sizes):
            zeros += [(slots, fan_in, fan_out), (slots, 1, fan_out)]
        zeros += [(slots, *table) for table in self._tables]
        return [tf.zeros(shape, self.dtype) for shape in zeros]

    def start(self) -> tuple[State, Best]:
        """Return the state of slots that are all free."""
        slots = self.shape.slots
        moments = [self.zeros() for _ in RULES[self.shape.optimizer].moments]
        state = State(self.zeros(), moments, tf.zeros((3, slots), self.dtype))
        no_loss = tf.fill([slots], tf.constant(math.inf, self.dtype))
        return state, Best(self.zeros(), no_loss)

    def _run(
        self, state: State, best: Best, rows: Rows, inputs: SlotInputs
    ) -> tuple[State, Best, Any]:
        """Train every slot for some epochs, or for a part of one.

        Return the losses that each epoch measured, too [E, 3, K]. It ends early once no slot is
        open: each one's loss is not finite.
        """
        steps_K = (rows.rows_K + rows.batch_size - 1) // rows.batch_size
        carried = (state, best)

        def body(epoch: Any, is_open_K: Any, measured_E3K: Any, *flat: Any) -> Any:
            state, best = tf.nest.pack_sequence_as(carried, flat)
            state = self._train(state, rows, epoch, rows.steps_before_K + epoch * steps_K, inputs)
            state = self._validate(state, rows, inputs)
            losses_3K = state.sums_3K
            best, is_open_K = self._end_epoch(state, best, is_open_K, rows)
            measured_E3K = tf.tensor_scatter_nd_update(measured_E3K, [[epoch]], losses_3K[None])
            sums_3K = tf.where(rows.is_end, tf.zeros_like(losses_3K), losses_3K)
            flat = tf.nest.flatten((state._replace(sums_3K=sums_3K), best))
            return epoch + 1, is_open_K, measured_E3K, *flat

        measured_E3K = tf.zeros((self.size.epochs, 3, self.shape.slots), self.dtype)
        _, _, measured_E3K, *flat = tf.while_loop(
            lambda epoch, is_open_K, *_: (epoch < rows.epochs) & tf.reduce_any(is_open_K),
            body,
            [tf.constant(0), rows.is_open_K, measured_E3K, *tf.nest.flatten(carried)],
            parallel_iterations=1,
        )
        return (*tf.nest.pack_sequence_as(carried, flat), measured_E3K)

    def _train(
        self, state: State, rows: Rows, epoch: Any, step_K: Any, inputs: SlotInputs
    ) -> State:
        """Train some batches of an epoch. A slot past its last batch does nothing.

        The losses added up are means over the epoch's rows.
        """

        def body(i: Any, *flat: Any) -> Any:
            before = tf.nest.pack_sequence_as(state, flat)
            batch = self._batch(rows, epoch, i, inputs)
            result = self._networks.train_step(
                before.parameters, before.moments, batch, step_K + rows.first_step + i, inputs
            )
            count_K = tf.reduce_sum(batch.is_row_KB, 1)
            share_K = count_K / tf.cast(tf.maximum(rows.rows_K, 1), self.dtype)
            losses_3K = [result.data_loss_K, tf.zeros_like(share_K), result.all_loss_K]
            sums_3K = before.sums_3K + tf.stack(losses_3K) * share_K
            after = tf.nest.flatten(State(result.parameters, result.moments, sums_3K))
            if UNEVEN in self.shape.uses:
                sums, is_training_K = after.pop(), count_K > 0
                after = [_choose(is_training_K, *pair) for pair in zip(after, flat, strict=False)]
                after.append(tf.where(is_training_K, sums, before.sums_3K))
            return i + 1, *after

        _, *flat = tf.while_loop(
            lambda i, *_: i < rows.steps,
            body,
            [tf.constant(0), *tf.nest.flatten(state)],
            parallel_iterations=1,
        )
        trained: State = tf.nest.pack_sequence_as(state, flat)
        return trained

    def _batch(self, rows: Rows, epoch: Any, i: Any, inputs: SlotInputs) -> Batch:
        """Return batch `i` of a call; its rows beyond `batch_size` are masked."""
        shape, slots = self.shape, self.shape.slots
        start = [epoch, 0, i * rows.batch_size]
        size = [1, slots, shape.batch_size]
        chosen_KB = tf.slice(rows.chosen_EKR, start, size)[0]
        column_B = tf.range(shape.batch_size)
        number_B = (rows.first_step + i) * rows.batch_size + column_B
        is_row_KB = (number_B < rows.rows_K[:, None]) & (column_B < rows.batch_size)
        is_row_KB = weight_KB = tf.cast(is_row_KB, self.dtype)
        if self._is_weighted:
            weight_KB *= tf.slice(rows.weight_EKR, start, size)[0]
        y = self._networks.targets(tf.gather(rows.y_N, chosen_KB), inputs)
        x_KBD = self._networks.encode_features(tf.gather(rows.x_ND, chosen_KB), inputs)
        batch = Batch(x_KBD, y, None, is_row_KB, weight_KB)
        if "mixup" in shape.uses:
            share_K1 = tf.slice(rows.share_EKS, [epoch, 0, i], [1, slots, 1])[0]
            batch = self._networks.mix_batch(batch, share_K1)
        return batch

    def _validate(self, state: State, rows: Rows, inputs: SlotInputs) -> State:
        """Add a few batches of the validation rows to the validation loss, a mean over all rows."""
        slots, piece = self.shape.slots, self.size.validation_batch

        def body(i: Any, sum_K: Any) -> Any:
            chosen_KP = tf.slice(rows.validation_KV, [0, i * piece], [slots, piece])
            x_KPD = self._networks.encode_features(tf.gather(rows.x_ND, chosen_KP), inputs)
            y = self._networks.targets(tf.gather(rows.y_N, chosen_KP), inputs)
            number_P = (rows.first_piece + i) * piece + tf.range(piece)
            is_row_KP = number_P < rows.validation_rows_K[:, None]
            output_KPC = self._networks.forward(state.parameters, x_KPD, inputs, None)
            row_loss_KP = self._networks.row_loss(output_KPC, y)
            return i + 1, sum_K + tf.reduce_sum(tf.where(is_row_KP, row_loss_KP, 0.0), 1)

        zero_K = tf.zeros(slots, self.dtype)
        _, sum_K = tf.while_loop(lambda i, _: i < rows.pieces, body, [tf.constant(0), zero_K])
        mean_K = sum_K / tf.cast(tf.maximum(rows.validation_rows_K, 1), self.dtype)
        return state._replace(sums_3K=state.sums_3K + tf.stack([zero_K, mean_K, zero_K]))

    def _end_epoch(self, state: State, best: Best, is_open_K: Any, rows: Rows) -> tuple[Best, Any]:
        """Return the best epochs so far, and which slots are still open.

        A slot that has diverged no longer changes its best epoch.
        """
        loss_K = state.sums_3K[1]
        is_open_K &= ~rows.is_end | tf.reduce_all(tf.math.is_finite(state.sums_3K), 0)
        is_validated_K = rows.is_end & (rows.validation_rows_K > 0)
        is_better_K = is_open_K & is_validated_K & (loss_K < best.loss)
        pairs = zip(state.parameters, best.parameters, strict=True)
        parameters = [_choose(is_better_K, *pair) for pair in pairs]
        return Best(parameters, tf.where(is_better_K, loss_K, best.loss)), is_open_K


class Programs:
    """Compiled programs that engines share; the least recently used go first.

    `compile_timer` counts the time that their compiles take, by the `clock`.
    """

    def __init__(
        self, max_programs: int = MAX_PROGRAMS, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.compile_timer = CompileTimer(clock)
        self._max_programs = max_programs
        self._programs: dict[tuple[Any, ...], Program] = {}
        self._lock = threading.Lock()

    def get(self, shape: Shape, arrays: Arrays, *, is_resident: bool) -> Program:
        """Return the program of a shape, for any data that take the same one."""
        program = Program(shape, arrays, is_resident=is_resident, timer=self.compile_timer)
        key = program.compiled_for
        with self._lock:
            shared = self._programs[key] = self._programs.pop(key, program)
            while len(self._programs) > self._max_programs:
                del self._programs[next(iter(self._programs))]
        return shared


def _choose(is_new_K: Any, new: Any, old: Any) -> Any:
    """Return the new values of the slots where `is_new_K`, and the old ones of the rest."""
    return tf.where(tf.reshape(is_new_K, [-1] + [1] * (len(new.shape) - 1)), new, old)
