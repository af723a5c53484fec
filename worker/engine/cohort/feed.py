"""Brings rows before a program: the whole data at once, or pieces of it where it is large.

N rows of all views.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.engine.array_types import FloatArray, RowNumbers
from worker.engine.arrays import Arrays, Fold, Loss
from worker.engine.cohort.inputs import Rows

PIECE_BYTES = 2**26


class Feed:
    """A job's data on the device, or in pieces that are brought there as they are needed."""

    def __init__(self, arrays: Arrays, *, is_resident: bool, dtype: str = "float32") -> None:
        views, rows, features = arrays.x_VND.shape
        self._is_weighted = arrays.is_weighted
        self._x_ND = arrays.x_VND.reshape(views * rows, features)
        self._y_N = np.tile(arrays.y_N, views)
        self._view_rows = rows
        self._dtype = dtype
        self._y_dtype = "int32" if arrays.loss is Loss.multiclass else dtype
        self._device = self._on_device(self._x_ND, self._y_N) if is_resident else None

    def rows_of(self, fold: Fold, rows: RowNumbers) -> RowNumbers:
        """Return where a fold's rows are among those of all views."""
        first: int = fold.view * self._view_rows
        return rows + first

    def pieces(
        self,
        chosen: Sequence[RowNumbers],
        weights: Sequence[FloatArray | None] | None,
        shares: Sequence[FloatArray] | None = None,
        *,
        unit: int,
        max_units: int,
        longest: int,
    ) -> Iterator[Rows]:
        """Yield each slot's rows in batches of `unit` rows, `max_units` batches a call.

        `shares` are of mixup, one for each batch of a slot. `longest` is the largest number of rows
        that any slot may have: every call has the same shape.
        """
        units = min(self._units(len(chosen), unit, max_units), math.ceil(max(1, longest) / unit))
        rows_K = tf.constant([len(slot) for slot in chosen], tf.int32)
        total = max(math.ceil(len(slot) / unit) for slot in chosen)
        for first in range(0, total, units):
            window = slice(first * unit, (first + units) * unit)
            # A batch that is not full is filled up with a row of the slot's own.
            filler_K = [slot[0] if len(slot) else 0 for slot in chosen]
            chosen_KI = _stack([slot[window] for slot in chosen], units * unit, filler_K, np.int32)
            weight_KI = share_KS = np.zeros((len(chosen), 0), dtype=np.float32)
            if weights is not None and self._is_weighted:
                slots = [_weights(w, slot)[window] for w, slot in zip(weights, chosen, strict=True)]
                weight_KI = _stack(slots, units * unit, [0] * len(chosen), np.float32)
            if shares is not None:
                slot_shares = [share[first : first + units] for share in shares]
                share_KS = _stack(slot_shares, units, [1] * len(chosen), np.float32)
            x_ND, y_N = self._device or self._on_device(
                self._x_ND[chosen_KI.ravel()], self._y_N[chosen_KI.ravel()]
            )
            if self._device is None:
                chosen_KI = np.arange(chosen_KI.size, dtype=np.int32).reshape(chosen_KI.shape)
            yield Rows(
                x_ND=x_ND,
                y_N=y_N,
                chosen_KI=tf.constant(chosen_KI),
                weight_KI=tf.constant(weight_KI, self._dtype),
                share_KS=tf.constant(share_KS, self._dtype),
                rows_K=rows_K,
                first=tf.constant(first * unit),
                count=tf.constant(min(units, total - first)),
            )

    def _units(self, slots: int, unit: int, max_units: int) -> int:
        if self._device is not None:
            return max_units
        unit_bytes = slots * unit * self._x_ND.itemsize * max(1, self._x_ND.shape[1])
        return max(1, min(max_units, PIECE_BYTES // unit_bytes))

    def _on_device(self, x_ND: FloatArray, y_N: FloatArray) -> tuple[Any, Any]:
        return tf.constant(x_ND, self._dtype), tf.cast(tf.constant(y_N), self._y_dtype)


def _stack(
    slots: Sequence[NDArray[Any]], length: int, filler_K: Sequence[int], dtype: type
) -> NDArray[Any]:
    """Stack each slot's values, filled up, as [K, length]."""
    stacked: NDArray[Any] = np.empty((len(slots), length), dtype=dtype)
    for k, values in enumerate(slots):
        stacked[k, : len(values)] = values
        stacked[k, len(values) :] = filler_K[k]
    return stacked


def _weights(weight_N: FloatArray | None, rows: RowNumbers) -> FloatArray:
    return np.ones(len(rows), dtype=np.float32) if weight_N is None else weight_N
