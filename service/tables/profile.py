"""What is measured of each column at upload."""

from __future__ import annotations

import polars as pl

from lowloss.cells import label
from lowloss.results import Column, ColumnKind, Level
from service.settings import Limits
from service.tables.table import Table

SHOWN_LEVELS = 10
TEXT_SHARE = 0.5
"""A string column with more distinct values than levels are kept, and than this share of its rows,
is text or an identifier: nothing in it repeats enough to be learned."""


def profile_table(table: Table, *, limits: Limits) -> tuple[Column, ...]:
    """Measure every column."""
    return tuple(_profile(column, limits) for column in table.frame)


def _profile(column: pl.Series, limits: Limits) -> Column:
    present = column.drop_nulls()
    distinct = present.n_unique() if len(present) else 0
    kind = _kind(present, distinct, limits)
    numbers = _as_numbers(present)
    found: dict[str, float | None] = {}
    if numbers is not None and len(numbers):
        found = {
            "min": numbers.min(),  # type: ignore[dict-item]
            "max": numbers.max(),  # type: ignore[dict-item]
            "mean": numbers.mean(),  # type: ignore[dict-item]
            "sd": numbers.std(ddof=0),  # type: ignore[dict-item]
        }
    return Column(
        name=column.name,
        kind=kind,
        missing=column.null_count(),
        distinct=distinct,
        is_integer=_is_integer(present),
        # All of them where they may be classes; else a taste.
        levels=_levels(present, distinct if distinct <= limits.max_classes else SHOWN_LEVELS),
        **found,
    )


def _kind(present: pl.Series, distinct: int, limits: Limits) -> ColumnKind:
    if distinct <= 1:
        return ColumnKind.constant
    if present.dtype == pl.Boolean:
        return ColumnKind.boolean
    if present.dtype.is_temporal():
        return ColumnKind.date
    if present.dtype != pl.String:
        return ColumnKind.numeric
    is_text = distinct > limits.max_levels and distinct > TEXT_SHARE * len(present)
    is_identifier = distinct == len(present) > 20
    return ColumnKind.text if is_text or is_identifier else ColumnKind.categorical


def _as_numbers(present: pl.Series) -> pl.Series | None:
    """Numbers, booleans as 0 and 1, dates as days since 1970-01-01."""
    if present.dtype == pl.String:
        return None
    if present.dtype == pl.Date:
        return present.cast(pl.Int32).cast(pl.Float64)
    if present.dtype == pl.Datetime:
        return present.dt.epoch("us").cast(pl.Float64) / 86_400e6
    return present.cast(pl.Float64)


def _is_integer(present: pl.Series) -> bool:
    if present.dtype.is_integer():
        return True
    return present.dtype.is_float() and bool((present == present.round()).all())


def _levels(present: pl.Series, most: int) -> tuple[Level, ...]:
    """The most frequent values and their counts; ties by value."""
    name = "value"
    counted = present.alias(name).value_counts(sort=False)
    top = counted.sort(["count", name], descending=[True, False]).head(most)
    return tuple(
        Level(value=label(value), rows=rows) for value, rows in top.select(name, "count").rows()
    )
