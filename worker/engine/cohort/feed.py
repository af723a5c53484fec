"""Brings rows before a program: the whole data at once, or pieces of it where it is large.

N rows of all views, E epochs of one call, K slots, R training rows and V validation rows of a call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.engine.array_types import FloatArray, RowNumbers
from worker.engine.arrays import Arrays, Fold, Loss
from worker.engine.cohort.call_size import data_rows
from worker.engine.cohort.inputs import Rows
from worker.engine.cohort.program import Program
from worker.engine.draws import mixup_shares, row_order
from worker.engine.plans import Plan

NO_ROWS: RowNumbers = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class SlotEpochs:
    """What a slot trains next: epochs of a plan on a fold, the first of which is `epoch`."""

    plan: Plan
    fold: Fold
    epoch: int


class Feed:
    """A job's data on the device, or in pieces that are brought there as they are needed."""

    def __init__(self, arrays: Arrays, *, is_resident: bool, dtype: str = "float32") -> None:
        views, rows, features = arrays.x_VND.shape
        self.arrays = arrays
        self.is_weighted = arrays.is_weighted
        self._x_ND = arrays.x_VND.reshape(views * rows, features)
        self._y_N = np.concatenate([arrays.y_N] * views)
        self._view_rows = rows
        self._dtype = dtype
        self._y_dtype = "int32" if arrays.loss is Loss.multiclass else dtype
        self._device: tuple[Any, Any] | None = None
        if is_resident:
            filled = data_rows(arrays)
            self._device = self._on_device(_filled(self._x_ND, filled), _filled(self._y_N, filled))

    def calls(
        self, program: Program, slots: Sequence[SlotEpochs | None], epochs: int
    ) -> Iterator[Rows]:
        """Yield the rows of each call that trains some epochs of all slots.

        That is one call, or several for a single epoch that is too long. One batch size is of all
        slots; a free slot has no rows.
        """
        draws = _Draws(self, program, slots, epochs)
        if self._fits(program, slots):
            yield draws.rows(range(draws.steps), range(draws.pieces), epochs, is_end=True)
            return
        if epochs != 1:
            raise ValueError(f"{epochs} epochs do not fit into a call of {program.size}")
        steps, pieces = program.size.steps_of_call(draws.batch_size), program.size.pieces
        for first in range(0, draws.steps, steps):
            part = range(first, min(first + steps, draws.steps))
            yield draws.rows(part, range(0), 1, is_end=False)
        for first in range(0, max(1, draws.pieces), pieces):
            part = range(first, min(first + pieces, draws.pieces))
            yield draws.rows(range(0), part, 1, is_end=part.stop >= draws.pieces)

    def max_epochs(self, program: Program, slots: Sequence[SlotEpochs | None]) -> int:
        """Return how many epochs of all slots fit into one call."""
        return program.size.epochs if self._fits(program, slots) else 1

    def _fits(self, program: Program, slots: Sequence[SlotEpochs | None]) -> bool:
        """Return whether a whole epoch is one call."""
        size, batch_size = program.size, self.batch_size(slots)
        steps = size.steps_of_call(batch_size)
        return self._device is not None and all(
            math.ceil(len(slot.fold.train_N) / batch_size) <= steps
            and math.ceil(len(slot.fold.validation_M) / size.validation_batch) <= size.pieces
            for slot in slots
            if slot is not None
        )

    def batch_size(self, slots: Sequence[SlotEpochs | None]) -> int:
        """Return the batch size that all slots have in common."""
        return max((self.arrays.batch_size(slot.plan) for slot in slots if slot), default=1)

    def rows_of(self, fold: Fold, rows: RowNumbers) -> RowNumbers:
        """Return where a fold's rows are among those of all views."""
        first: int = fold.view * self._view_rows
        return rows + first

    def data(
        self, program: Program, chosen: NDArray[np.int32]
    ) -> tuple[tuple[Any, Any], NDArray[np.int32]]:
        """Return data on the device, and where the chosen rows are in it."""
        if self._device is not None:
            return self._device, chosen
        rows = chosen.ravel()
        filled = program.size.data_rows
        piece = self._on_device(_filled(self._x_ND[rows], filled), _filled(self._y_N[rows], filled))
        return piece, np.arange(rows.size, dtype=np.int32).reshape(chosen.shape)

    def _on_device(self, x_ND: FloatArray, y_N: FloatArray) -> tuple[Any, Any]:
        return tf.constant(x_ND, self._dtype), tf.cast(tf.constant(y_N), self._y_dtype)


class _Draws:
    """What the epochs of one call use, in the order in which they use it."""

    def __init__(
        self, feed: Feed, program: Program, slots: Sequence[SlotEpochs | None], epochs: int
    ) -> None:
        self._feed, self._program, self._slots = feed, program, slots
        self.batch_size = feed.batch_size(slots)
        self._orders_EK = [
            [
                NO_ROWS
                if slot is None
                else row_order(slot.plan, slot.epoch + epoch, len(slot.fold.train_N))
                for slot in slots
            ]
            for epoch in range(epochs)
        ]
        self._validation_K = [
            NO_ROWS if slot is None else feed.rows_of(slot.fold, slot.fold.validation_M)
            for slot in slots
        ]
        self._rows_K = [len(order) for order in self._orders_EK[0]]
        self.steps = math.ceil(max(self._rows_K) / self.batch_size)
        longest = max(len(rows) for rows in self._validation_K)
        self.pieces = math.ceil(longest / program.size.validation_batch)

    def rows(self, steps: range, pieces: range, epochs: int, *, is_end: bool) -> Rows:
        """Return the rows of the call that takes these steps and pieces of its epochs."""
        size = self._program.size
        chosen_EKR, weight_EKR = self._training_rows(steps)
        batch = size.validation_batch
        window = slice(pieces.start * batch, pieces.stop * batch)
        validation_KV = _stack([rows[window] for rows in self._validation_K], size.validation_rows)
        # Where data is fed in pieces, a call trains or validates.
        if steps or not pieces:
            (x_ND, y_N), chosen_EKR = self._feed.data(self._program, chosen_EKR)
        else:
            (x_ND, y_N), validation_KV = self._feed.data(self._program, validation_KV)
        return Rows(
            x_ND=x_ND,
            y_N=y_N,
            chosen_EKR=tf.constant(chosen_EKR),
            weight_EKR=tf.constant(weight_EKR, self._program.dtype),
            share_EKS=tf.constant(self._shares(steps), self._program.dtype),
            is_open_K=tf.constant([slot is not None for slot in self._slots]),
            steps_before_K=tf.constant(self._steps_before_K(), tf.int32),
            rows_K=tf.constant(self._rows_K, tf.int32),
            batch_size=tf.constant(self.batch_size),
            first_step=tf.constant(steps.start),
            steps=tf.constant(len(steps)),
            validation_KV=tf.constant(validation_KV),
            validation_rows_K=tf.constant([len(rows) for rows in self._validation_K], tf.int32),
            first_piece=tf.constant(pieces.start),
            pieces=tf.constant(len(pieces)),
            epochs=tf.constant(epochs),
            is_end=tf.constant(is_end),
        )

    def _steps_before_K(self) -> list[int]:
        steps = self._feed.arrays.steps
        return [(slot.epoch - 1) * steps(slot.plan) if slot else 0 for slot in self._slots]

    def _training_rows(self, steps: range) -> tuple[NDArray[np.int32], FloatArray]:
        """Return each slot's rows of some steps, epoch by epoch, and what their losses weigh."""
        size, slots = self._program.size, len(self._slots)
        window = slice(steps.start * self.batch_size, steps.stop * self.batch_size)
        chosen_EKR: NDArray[np.int32] = np.zeros((size.epochs, slots, size.rows), dtype=np.int32)
        is_weighted = self._feed.is_weighted
        weight_EKR = np.zeros((size.epochs, slots, size.rows if is_weighted else 0), np.float32)
        for epoch, orders in enumerate(self._orders_EK):
            for k, (slot, order) in enumerate(zip(self._slots, orders, strict=True)):
                if slot is None or not steps:
                    continue
                fold, part = slot.fold, order[window]
                chosen_EKR[epoch, k] = self._feed.rows_of(fold, fold.train_N[order[:1]])
                chosen_EKR[epoch, k, : len(part)] = self._feed.rows_of(fold, fold.train_N[part])
                if is_weighted:
                    weight = 1.0 if fold.weight_N is None else fold.weight_N[part]
                    weight_EKR[epoch, k, : len(part)] = weight
        return chosen_EKR, weight_EKR

    def _shares(self, steps: range) -> FloatArray:
        """Return each step's share of its own rows in mixup [E, K, S]; no S without mixup."""
        size, slots = self._program.size, len(self._slots)
        if "mixup" not in self._program.shape.uses:
            return np.zeros((size.epochs, slots, 0), dtype=np.float32)
        share_EKS = np.ones((size.epochs, slots, size.shares), dtype=np.float32)
        for epoch in range(len(self._orders_EK)):
            for k, slot in enumerate(self._slots):
                if slot is not None:
                    count = self._feed.arrays.steps(slot.plan)
                    share_S = mixup_shares(slot.plan, slot.epoch + epoch, count)
                    part = share_S[steps.start : steps.stop]
                    share_EKS[epoch, k, : len(part)] = part
        return share_EKS


def _stack(slots: Sequence[RowNumbers], length: int) -> NDArray[np.int32]:
    """Stack each slot's rows, filled up with its first, as [K, length]."""
    stacked: NDArray[np.int32] = np.zeros((len(slots), length), dtype=np.int32)
    for k, rows in enumerate(slots):
        stacked[k] = rows[0] if len(rows) else 0
        stacked[k, : len(rows)] = rows
    return stacked


def _filled(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """Fill up an array with rows of zeros; one that needs none is not copied."""
    if rows == len(array):
        return array
    padding = [(0, rows - len(array)), *[(0, 0)] * (array.ndim - 1)]
    return np.pad(array, padding)
