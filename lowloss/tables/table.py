"""A typed table in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from lowloss.errors import TableEmpty, TableInvalid, TableTooLarge
from lowloss.results import Reading, TableWarning
from lowloss.tables.limits import TableLimits

NUL = "\0"
POLARS_FAULTS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""The errors of polars; version 2.1 panics at some damaged bytes."""


@dataclass(frozen=True)
class Table:
    """Typed columns: booleans, integers, floats, strings, dates and datetimes.

    A missing value is null, as are floats that are not finite and dates outside the years 1 to
    9999. An NPZ is a matrix: its columns are `X[0]`, `X[1]`, … and `y`. `readings` are how columns
    of texts were read, `words` how booleans were written, that of false first.
    """

    frame: pl.DataFrame
    is_matrix: bool = False
    warnings: tuple[TableWarning, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the columns as lists of plain values; dates and times in ISO 8601."""
        return {
            column.name: (
                column.dt.to_string("iso") if column.dtype.is_temporal() else column
            ).to_list()
            for column in self.frame
        }


def check_text(column: pl.Series) -> pl.Series:
    """Return a column, unless it holds text that PostgreSQL cannot store."""
    if column.dtype == pl.String and column.str.contains(NUL, literal=True).any():
        raise TableInvalid(
            f"column {column.name!r} holds a NUL character", fix="take NUL characters out of texts"
        )
    return column


def check_size(rows: int, columns: int, limits: TableLimits) -> None:
    """Refuse a table without cells, or with more than the server allows."""
    if rows == 0 or columns == 0:
        noun = "columns" if columns == 0 else "rows"
        raise TableEmpty(f"the table has no {noun}", fix="upload a table with a header and rows")
    for name, value, limit in (
        ("rows", rows, limits.max_rows),
        ("columns", columns, limits.max_columns),
        ("cells (rows x columns)", rows * columns, limits.max_cells),
    ):
        if value > limit:
            raise TableTooLarge(
                f"the table has {value:,} {name}; this server allows {limit:,}",
                fix="upload fewer rows or columns, or ask the server's operator to raise the limit",
            )
