"""Raw feature columns, as the exported model takes them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from lowloss.results import Column, ColumnKind
from lowloss.tables.cells import format_label
from worker.data.large_arrays import new_array, parts_of
from worker.data.splits import Rows
from worker.engine.array_types import FloatArray

PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESERVED = frozenset({"self", "prediction", "probabilities", *keyword.kwlist})
"""Names that no argument of a SavedModel's function can have, and those of ONNX's outputs."""
MAX_STEP = 1e-3
"""The step of float32 from which on, as a share of a column's spread, its digits are lost."""
MISSING = ""
"""The string that stands for a missing value."""


@dataclass(frozen=True)
class RawColumns:
    """Feature columns as the model takes them: numbers [N, R] and a series of strings each.

    NaN and the empty string are missing values. `offsets` are of the numbers that float32 cannot
    tell apart: what is subtracted from them in float64 before they are here, by their positions.
    """

    numeric_NR: FloatArray
    strings: tuple[pl.Series, ...]
    offsets: Mapping[int, float] = field(default_factory=dict)

    def take(self, rows: Rows | slice) -> RawColumns:
        """Return the rows of these numbers."""
        strings = tuple(column[rows] for column in self.strings)
        return RawColumns(self.numeric_NR[rows], strings, self.offsets)


def is_categorical(column: Column) -> bool:
    """Return whether the network sees a column level by level."""
    return column.kind is ColumnKind.categorical


def find_offset(column: Column) -> float | None:
    """Return what to subtract from numbers that float32 cannot tell apart; None for others.

    That is: where the step between neighbours in float32 is over a thousandth of their spread. The
    offset is the middle of the range, rounded to half of it: it says where the numbers are and
    nothing else. It is a sum of two numbers of float32, which is what Keras's layers hold.
    """
    low, high, spread = column.min, column.max, column.sd
    if low is None or high is None or not spread:
        return None
    largest = max(abs(low), abs(high))
    if largest > float(np.finfo(np.float32).max):
        return None
    if float(np.spacing(np.float32(largest))) <= MAX_STEP * spread:
        return None
    unit = (high - low) / 2
    return sum(split_offset(round((low + high) / 2 / unit) * unit))


def split_offset(offset: float) -> tuple[float, float]:
    """Split an offset into what float32 holds of it, and what it holds of the rest."""
    first = float(np.float32(offset))
    return first, float(np.float32(offset - first))


def read_columns(
    frame: pl.DataFrame,
    columns: Sequence[Column],
    *,
    with_offsets: bool = False,
    folder: Path | None = None,
) -> RawColumns:
    """Read the raw feature columns, numbers as float32, as the exported model sees them.

    With offsets, numbers that float32 cannot tell apart are less theirs. A large array of numbers
    is in a file of the `folder`.
    """
    numeric = [column for column in columns if not is_categorical(column)]
    offsets = {
        position: offset
        for position, column in enumerate(numeric)
        if with_offsets and (offset := find_offset(column)) is not None
    }
    numeric_NR = new_array((frame.height, len(numeric)), folder)
    for part in parts_of(frame.height):
        for position, column in enumerate(numeric):
            offset = offsets.get(position, 0.0)
            numeric_NR[part, position] = read_numbers(frame[column.name][part], offset=offset)
    strings = tuple(read_strings(frame[c.name]) for c in columns if is_categorical(c))
    return RawColumns(numeric_NR, strings, offsets)


def read_numbers(column: pl.Series, *, offset: float = 0.0) -> FloatArray:
    """Read a column less an offset as float32: booleans as 0 and 1, dates as days since 1970."""
    if column.dtype == pl.Date:
        column = column.cast(pl.Int32)
    elif isinstance(column.dtype, pl.Datetime):
        microseconds = column.dt.epoch("us").cast(pl.Float64)
        column = microseconds / 86_400e6
    with np.errstate(over="ignore"):  # what float32 cannot hold is missing
        wide = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        values = (wide - offset).astype(np.float32)
    values[~np.isfinite(values)] = np.nan
    return values


def read_strings(column: pl.Series) -> pl.Series:
    """Read a column as strings: empty for a missing value, numbers as the profile shows them."""
    if column.dtype != pl.String:
        values = column.drop_nulls().unique().to_list()
        column = column.replace_strict(
            values, [format_label(value) for value in values], default=None, return_dtype=pl.String
        )
    return column.fill_null(MISSING)


def input_names(columns: Sequence[str]) -> dict[str, str]:
    """Name each column's input: its own name where that is plain, else `column_<i>`.

    TensorFlow does not tell a SavedModel's inputs apart by case: the first keeps its name.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        is_plain = PLAIN_NAME.fullmatch(column) and column not in RESERVED
        if is_plain and column.lower() not in taken:
            names[column] = column
            taken.add(column.lower())
    for position, column in enumerate(columns):
        if column in names:
            continue
        name = f"column_{position}"
        while name in taken:
            name += "_"
        names[column] = name
        taken.add(name)
    return {column: names[column] for column in columns}
