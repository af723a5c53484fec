"""What is measured of each column at upload."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lowloss.cells import label
from lowloss.results import QUANTILES, Column, ColumnKind, Histogram, Level
from service.settings import Limits
from service.tables.table import Table

SHOWN_LEVELS = 10
TEXT_LEVELS = 100
TEXT_SHARE = 0.5
"""A string column with more distinct values than `TEXT_LEVELS`, and than this share of its rows, is
text: nothing in it repeats enough to be learned."""
MIN_IDENTIFIERS = 20
"""More rows than this, all with a value of their own, are identified by it."""
CODES, ROWS_OF_CODE = range(3, 21), 10
"""How many codes an integer category may have, and how many rows each at least, on average."""
BINS = 20


def profile_table(table: Table, *, limits: Limits) -> tuple[Column, ...]:
    """Measure every column."""
    return tuple(_profile(column, limits, table.is_matrix) for column in table.frame)


def _profile(column: pl.Series, limits: Limits, is_matrix: bool) -> Column:
    present = column.drop_nulls()
    distinct = present.n_unique() if len(present) else 0
    numbers = _as_numbers(present)
    is_integer = _is_integer(present)
    is_whole = not column.null_count()
    kind = _kind(present, distinct, is_whole, may_be_code=is_integer and not is_matrix)
    return Column(
        name=column.name,
        kind=kind,
        missing=column.null_count(),
        distinct=distinct,
        is_integer=is_integer,
        # All of them where they may be classes; else a taste.
        levels=_levels(present, distinct if distinct <= limits.max_classes else SHOWN_LEVELS),
        **({} if numbers is None or not numbers.size else _spread(numbers)),
    )


def _kind(present: pl.Series, distinct: int, is_whole: bool, *, may_be_code: bool) -> ColumnKind:
    """The kind of the values that are there; `is_whole` says whether all are."""
    if distinct <= 1:
        return ColumnKind.constant
    if present.dtype == pl.Boolean:
        return ColumnKind.boolean
    if present.dtype.is_temporal():
        return ColumnKind.date
    if present.dtype != pl.String:
        return _integer_kind(present, distinct, is_whole) if may_be_code else ColumnKind.numeric
    if distinct == len(present) > MIN_IDENTIFIERS:
        return ColumnKind.identifier
    is_text = distinct > TEXT_LEVELS and distinct > TEXT_SHARE * len(present)
    return ColumnKind.text if is_text else ColumnKind.categorical


def _integer_kind(present: pl.Series, distinct: int, is_whole: bool) -> ColumnKind:
    if _span(present) != distinct:
        return ColumnKind.numeric
    # As many values as lie between the least and the greatest: they count up. Where they number
    # the rows, they give away how the table was sorted.
    if is_whole and distinct == len(present) > MIN_IDENTIFIERS:
        return ColumnKind.identifier
    is_code = present.min() in {0, 1} and distinct in CODES
    if is_code and len(present) >= ROWS_OF_CODE * distinct:
        return ColumnKind.integer_category
    return ColumnKind.numeric


def _span(present: pl.Series) -> float:
    low, high = present.min(), present.max()
    return float(high) - float(low) + 1  # type: ignore[arg-type]


def _as_numbers(present: pl.Series) -> NDArray[np.float64] | None:
    """Numbers, booleans as 0 and 1, dates as days since 1970-01-01."""
    if present.dtype == pl.String:
        return None
    if present.dtype == pl.Date:
        present = present.cast(pl.Int32)
    elif present.dtype == pl.Datetime:
        present = present.dt.epoch("us").cast(pl.Float64) / 86_400e6
    return present.cast(pl.Float64).to_numpy()


def _spread(numbers: NDArray[np.float64]) -> dict[str, object]:
    """Where numbers lie. What is too large to be squared has no standard deviation."""
    low, high = float(numbers.min()), float(numbers.max())
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sd = float(numbers.mean()), float(numbers.std())
    found: dict[str, object] = {
        "min": low,
        "max": high,
        "mean": mean if math.isfinite(mean) else None,
        "sd": sd if math.isfinite(sd) else None,
        # Values that are there, not means of two: whole numbers stay whole.
        "quantiles": tuple(map(float, np.quantile(numbers, QUANTILES, method="nearest"))),
    }
    if low < high and math.isfinite(high - low):
        edges = np.linspace(low, high, BINS + 1)
        if np.all(np.diff(edges) > 0):
            counts, _ = np.histogram(numbers, edges)
            found["histogram"] = Histogram(
                edges=tuple(map(float, edges)), counts=tuple(map(int, counts))
            )
    return found


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
