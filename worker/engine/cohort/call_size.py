"""How much one call of a program may take: the sizes that its tensors are compiled for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import inputs_of, smallest_batch, step_seconds
from worker.engine.cohort.shape import BINS, Shape

CALL_SECONDS = 1.0
"""About how long a call of a program may take: then a cohort gives a sign of life."""
STRETCH_SECONDS = 0.1
"""About how long a call of several epochs takes."""
MAX_EPOCHS = 32
PIECE_BYTES = 2**26
"""Of data that is fed in pieces."""
VALIDATION_CELLS = 2**18
"""Units of a layer, over all slots and rows, that a validation holds at once: 1 MiB."""
SMALL_VALIDATION, SMALL_BATCH = 512, 32
"""Up to so many validation rows, they are taken in small batches: programs are alike then."""
ROW_COUNTS = (512, 2_048, 8_192, 32_768)
"""Fewer rows are filled up to the next of these, so that jobs and refits share programs."""
FILLED_BYTES = 2**24
"""Data of fewer bytes is filled up to the largest of these counts, whatever its number of views."""


@dataclass(frozen=True)
class CallSize:
    """What one call takes at most: epochs, each slot's training rows, and its validation rows.

    `batch_size` is the largest of a step. Validation rows are taken in batches of
    `validation_batch`. `data_rows` are those of the data, or of a piece of it; `shares` are of
    mixup, one for each step.
    """

    epochs: int
    batch_size: int
    steps: int
    rows: int
    validation_batch: int
    validation_rows: int
    data_rows: int
    shares: int

    @property
    def pieces(self) -> int:
        """Batches of validation rows."""
        return self.validation_rows // self.validation_batch

    def steps_of_call(self, batch_size: int) -> int:
        """Return how many batches of some rows fit into a call."""
        return max(1, min(self.steps, (self.rows - self.batch_size) // batch_size + 1))


def call_size(shape: Shape, arrays: Arrays, *, is_resident: bool) -> CallSize:
    """Return the sizes of a program's calls."""
    training = max(len(fold.train_N) for fold in arrays.folds)
    validation = max(len(fold.validation_M) for fold in arrays.folds)
    step_s = step_seconds(shape, arrays)
    steps = max(1, int(CALL_SECONDS / step_s))
    validation_batch = _validation_batch(shape, arrays, validation)
    pieces = max(1, steps * shape.batch_size // validation_batch)
    epoch_s = math.ceil(_fill_up(training) / shape.batch_size) * step_s
    rows = min(steps * shape.batch_size, _fill_up(training) + shape.batch_size)
    validation_rows = min(pieces * validation_batch, _fill_up(validation) + validation_batch)
    if not is_resident:
        row_bytes = shape.slots * arrays.x_VND.itemsize * max(1, arrays.features)
        limit = max(1, PIECE_BYTES // row_bytes)
        rows = min(rows, max(shape.batch_size, limit // shape.batch_size * shape.batch_size))
        validation_batch = min(validation_batch, limit)
        validation_rows = min(validation_rows, limit // validation_batch * validation_batch)
    epochs = 1 << int(math.log2(max(1.0, min(MAX_EPOCHS, STRETCH_SECONDS / epoch_s))))
    return CallSize(
        epochs=epochs if is_resident else 1,
        batch_size=shape.batch_size,
        steps=steps,
        rows=rows,
        validation_batch=validation_batch,
        validation_rows=validation_rows,
        shares=math.ceil(rows / smallest_batch(shape)),
        data_rows=data_rows(arrays) if is_resident else shape.slots * max(rows, validation_rows),
    )


def data_rows(arrays: Arrays) -> int:
    """Return how many rows the data has on the device, those of all views and some that fill it."""
    rows = arrays.x_VND.shape[0] * arrays.x_VND.shape[1]
    is_small = ROW_COUNTS[-1] * arrays.features * arrays.x_VND.itemsize <= FILLED_BYTES
    return max(ROW_COUNTS[-1] if is_small else 0, _fill_up(rows))


def _fill_up(rows: int) -> int:
    return next((count for count in ROW_COUNTS if rows <= count), rows)


def _validation_batch(shape: Shape, arrays: Arrays, rows: int) -> int:
    if rows <= SMALL_VALIDATION:
        return SMALL_BATCH
    widest = max(shape.widths, default=arrays.outputs)
    if BINS in shape.uses:
        widest = max(widest, inputs_of(shape, arrays))
    cells_of_row = shape.slots * widest
    return max(1, min(rows, VALIDATION_CELLS // cells_of_row))
