"""Keeps the numbers of JSON what they are in columns that hold texts, too."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from lowloss.errors import TableUnreadable
from lowloss.results import TableWarning
from lowloss.tables.json_layouts import load_columns

WRITTEN = r"^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$"
"""How polars writes a number into a column of texts."""
MAX_BYTES = 64 * 1024**2
"""Larger files are not read a second time, by Python."""
OF_NOTATION = frozenset({"unreadable_cells", "ambiguous_numbers"})


def find_numbers(data: bytes, frame: pl.DataFrame, names: Sequence[str]) -> dict[str, pl.Series]:
    """Return the numbers in columns of texts, by the new `names`: null where a cell is none.

    `frame` has all as texts in such a column. Numbers of nested objects are not looked for.
    """
    mixed = {
        old: new for old, new in zip(frame.columns, names, strict=True) if _has_numbers(frame[old])
    }
    if not mixed or len(data) > MAX_BYTES:
        return {}
    try:
        columns = load_columns(data, [])
    except TableUnreadable:
        return {}
    numbers = {}
    for old, new in mixed.items():
        values = [_to_number(cell) for cell in columns.get(old, [])]
        if len(values) == frame.height and any(value is not None for value in values):
            numbers[new] = pl.Series(new, values, dtype=pl.Float64)
    return numbers


def put_numbers(
    column: pl.Series, numbers: pl.Series, text: pl.Series, warnings: list[TableWarning]
) -> pl.Series:
    """Return a column of numbers with those that JSON has as such; another one as it is.

    `text` is what it was read from. What was told of cells that are numbers is taken back.
    """
    if not column.dtype.is_numeric():
        return column
    values = pl.select(pl.coalesce(numbers, column.cast(pl.Float64))).to_series().alias(column.name)
    if values.null_count() == text.null_count():
        warnings[:] = [w for w in warnings if w.column != column.name or w.code not in OF_NOTATION]
    return values


def _has_numbers(column: pl.Series) -> bool:
    if column.dtype != pl.String:
        return False
    return bool(column.str.contains(WRITTEN).any())


def _to_number(cell: object) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    try:
        return float(cell) if math.isfinite(cell) else None
    except OverflowError:
        return None  # a whole number of hundreds of digits
