"""Raw feature columns, as the exported model takes them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from lowloss.results import Column, ColumnKind
from lowloss.tables.cells import format_label
from worker.data.splits import Rows
from worker.engine.array_types import FloatArray

PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESERVED = frozenset({"self", "prediction", "probabilities", *keyword.kwlist})
"""Names that no argument of a SavedModel's function can have, and those of ONNX's outputs."""
MISSING = ""
"""The string that stands for a missing value."""


@dataclass(frozen=True)
class RawColumns:
    """Feature columns as the model takes them: numbers [N, R] and a series of strings each.

    NaN and the empty string are missing values.
    """

    numeric_NR: FloatArray
    strings: tuple[pl.Series, ...]

    def take(self, rows: Rows) -> RawColumns:
        """Return the rows of these numbers."""
        return RawColumns(self.numeric_NR[rows], tuple(column[rows] for column in self.strings))


def is_categorical(column: Column) -> bool:
    """Return whether the network sees a column level by level."""
    return column.kind is ColumnKind.categorical


def read_columns(frame: pl.DataFrame, columns: Sequence[Column]) -> RawColumns:
    """Read the raw feature columns, numbers as float32, as the exported model takes them."""
    numbers = [read_numbers(frame[c.name]) for c in columns if not is_categorical(c)]
    strings = tuple(read_strings(frame[c.name]) for c in columns if is_categorical(c))
    numeric_NR = (
        np.stack(numbers, axis=1) if numbers else np.empty((frame.height, 0), dtype=np.float32)
    )
    return RawColumns(numeric_NR, strings)


def read_numbers(column: pl.Series) -> FloatArray:
    """Read a column as float32: booleans as 0 and 1, dates as days since 1970-01-01 UTC."""
    if column.dtype == pl.Date:
        column = column.cast(pl.Int32)
    elif isinstance(column.dtype, pl.Datetime):
        microseconds = column.dt.epoch("us").cast(pl.Float64)
        column = microseconds / 86_400e6
    with np.errstate(over="ignore"):  # what float32 cannot hold is missing
        values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float32)
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
