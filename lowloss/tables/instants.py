"""Reads dates that a JSON file has as numbers: milliseconds since 1970, as pandas writes them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from lowloss.results import Reading, TableWarning
from lowloss.tables.cells import MAX_DAYS
from lowloss.tables.dates import read_compact_days
from lowloss.tables.likely_times import LIKELY_MS
from lowloss.tables.options import ParseOptions
from lowloss.tables.sentences import warn

SECOND_MS = 1000


def read_instants(
    column: pl.Series,
    options: ParseOptions,
    earlier: Mapping[str, Reading] | None,
    warnings: list[TableWarning],
) -> pl.Series:
    """Return the dates of a column of numbers that are some, and say so; other columns as they are.

    They are dates where `earlier` or an option says so, or where all are whole seconds of likely
    years.
    """
    if not column.dtype.is_numeric():
        return column
    is_instant = (column.abs() > MAX_DAYS).fill_null(value=False)
    if not is_instant.any():
        return column
    if earlier is not None:
        reading = earlier.get(column.name)
        is_date = reading is not None and reading.kind == "date"
    else:
        kind = (options.types or {}).get(column.name)
        is_date = kind == "date" or (kind is None and _are_likely(column))
    if not is_date:
        return column
    if (days := read_compact_days(column, are_dates=True)) is not None:
        return days
    warnings.append(
        warn(
            "read_as_instants",
            column.cast(pl.String),
            is_instant,
            detail="{count} of {name}, such as {example}, were read as milliseconds since 1970, as "
            "pandas writes dates",
            fix="write dates as texts, DataFrame.to_json(path, date_format='iso'), or set its type "
            "to number",
        )
    )
    return column.cast(pl.Int64).cast(pl.Datetime("ms")).cast(pl.Datetime("us"))


def _are_likely(column: pl.Series) -> bool:
    """Return whether all numbers are whole seconds of this time, not all one."""
    present = column.drop_nulls()
    is_likely = present.is_between(*LIKELY_MS) & (present % SECOND_MS == 0)
    return bool(is_likely.all()) and present.n_unique() > 1
