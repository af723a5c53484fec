"""Keeps the numbers of JSON what they are in columns that hold texts, too."""

from __future__ import annotations

import polars as pl

from lowloss.errors import TableUnreadable
from lowloss.results import TableWarning
from lowloss.tables.json_layouts import load_columns

WRITTEN = r"^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$"
"""How polars writes a number into a column of texts."""
OF_NOTATION = frozenset({"unreadable_cells", "ambiguous_numbers"})


def find_numbers(data: bytes, frame: pl.DataFrame) -> dict[str, pl.Series]:
    """Return the numbers of columns that hold texts, too: null where a cell is none.

    `frame` has all as texts in such a column. Numbers of nested objects are not looked for.
    """
    mixed = [name for name in frame.columns if _may_be_mixed(frame[name])]
    if not mixed:
        return {}
    try:
        columns = load_columns(data, [])
    except TableUnreadable:
        return {}
    numbers = {}
    for name in mixed:
        cells = columns.get(name, [])
        values = [_to_number(cell) for cell in cells]
        if len(cells) == frame.height and any(value is not None for value in values):
            numbers[name] = pl.Series(name, values, dtype=pl.Float64)
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


def _may_be_mixed(column: pl.Series) -> bool:
    if column.dtype != pl.String:
        return False
    is_written = column.str.contains(WRITTEN).fill_null(value=False)
    return bool(is_written.any()) and int(is_written.sum()) < column.count()


def _to_number(cell: object) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    try:
        return float(cell)
    except OverflowError:
        return None  # a whole number of hundreds of digits
