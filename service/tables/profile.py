"""What is measured of each column at upload."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lowloss.results import QUANTILES, Column, ColumnKind, Histogram, Level
from lowloss.tables.cells import format_label
from service.settings import Limits
from service.tables.table import Table

SHOWN_LEVELS = 10
TEXT_LEVELS = 100
TEXT_SHARE = 0.5
"""A string column with more distinct values than `TEXT_LEVELS`, and than this share of its rows, is
text: nothing in it repeats enough to be learned."""
MIN_IDENTIFIERS = 20
"""More rows than this, all with a value of their own, are identified by it."""
UUID = r"(?i)^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$"
CODES, ROWS_OF_CODE = range(3, 21), 10
"""How many codes an integer category may have, and how many rows each at least, on average."""
MIN_ROWS_OF_CODE = 2
BINS = 20
DAY_MICROSECONDS = 86_400_000_000

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class _Counted:
    """The values that a column has: how many differ, the rarest one's rows, the most frequent."""

    rows: int
    distinct: int
    rarest: int
    levels: tuple[Level, ...]


def profile_table(table: Table, *, limits: Limits) -> tuple[Column, ...]:
    """Measure every column."""
    return tuple(_profile(column, limits, table.is_matrix) for column in table.frame)


def _profile(column: pl.Series, limits: Limits, is_matrix: bool) -> Column:
    present = column.drop_nulls()
    if present.dtype == pl.String:
        counted = _count_strings(present, limits)
        kind = _kind_of_strings(present, counted, is_matrix=is_matrix)
        found: dict[str, object] = {}
    else:
        # Sorted once: all that is measured can be read off.
        ordered = np.sort(present.to_physical().to_numpy())
        counted = _count_ordered(ordered, present.dtype, limits)
        numbers = _as_numbers(ordered, present.dtype)
        found = _spread(numbers) if numbers.size else {}
        found["is_integer"] = present.dtype.is_numeric() and _is_whole(numbers)
        kind = _kind_of_numbers(present.dtype, counted)
        if kind is ColumnKind.numeric and found["is_integer"] and not is_matrix:
            kind = _kind_of_integers(numbers, counted, rows=len(column))
    return Column(
        name=column.name,
        kind=kind,
        missing=column.null_count(),
        distinct=counted.distinct,
        levels=counted.levels,
        **found,
    )


def _count_strings(present: pl.Series, limits: Limits) -> _Counted:
    counts = present.alias("value").value_counts(sort=False)
    most = _most_levels(counts.height, limits)
    top = counts.top_k(most, by=["count", "value"], reverse=[False, True])
    return _Counted(
        rows=len(present),
        distinct=counts.height,
        rarest=int(counts["count"].min() or 0),  # type: ignore[arg-type]
        levels=_levels(top["value"], top["count"]),
    )


def _count_ordered(ordered: NDArray[np.generic], dtype: pl.DataType, limits: Limits) -> _Counted:
    """Count sorted values: equal ones are neighbours."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)])
    counts = np.diff(starts, append=len(ordered))
    top = _largest(counts, _most_levels(len(counts), limits))
    return _Counted(
        rows=len(ordered),
        distinct=len(counts),
        rarest=int(counts.min(initial=len(ordered))),
        levels=_levels(pl.Series(ordered[starts[top]]).cast(dtype), counts[top]),
    )


def _most_levels(distinct: int, limits: Limits) -> int:
    """All of them where they may be classes; else a taste."""
    return distinct if distinct <= limits.max_classes else SHOWN_LEVELS


def _largest(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Where the largest counts are, in falling order; of equal ones the first."""
    if len(counts) <= most:
        return np.argsort(-counts, kind="stable")
    least = np.partition(counts, -most)[-most]
    above, equal = np.flatnonzero(counts > least), np.flatnonzero(counts == least)
    above = above[np.argsort(-counts[above], kind="stable")]
    return np.concatenate([above, equal[: most - len(above)]])


def _levels(values: pl.Series, rows: pl.Series | NDArray[np.int64]) -> tuple[Level, ...]:
    return tuple(
        Level(value=format_label(value), rows=int(n))
        for value, n in zip(values.to_list(), rows, strict=True)
    )


def _kind_of_strings(present: pl.Series, counted: _Counted, *, is_matrix: bool) -> ColumnKind:
    if counted.distinct <= 1:
        return ColumnKind.constant
    is_unique = counted.distinct == counted.rows > MIN_IDENTIFIERS
    is_text = counted.distinct > TEXT_LEVELS and counted.distinct > TEXT_SHARE * counted.rows
    if not is_matrix and (is_unique or (is_text and present.str.contains(UUID).all())):
        return ColumnKind.identifier
    return ColumnKind.text if is_text or is_unique else ColumnKind.categorical


def _kind_of_numbers(dtype: pl.DataType, counted: _Counted) -> ColumnKind:
    if counted.distinct <= 1:
        return ColumnKind.constant
    if dtype == pl.Boolean:
        return ColumnKind.boolean
    if dtype.is_temporal():
        return ColumnKind.date
    return ColumnKind.numeric


def _kind_of_integers(numbers: Numbers, counted: _Counted, *, rows: int) -> ColumnKind:
    """The kind of sorted whole numbers in a table of some rows."""
    # As many values as lie between the least and the greatest: they count up.
    if float(numbers[-1]) - float(numbers[0]) + 1 != counted.distinct:
        return ColumnKind.numeric
    # Where they number the rows, they give away how the table was sorted.
    if counted.distinct == rows > MIN_IDENTIFIERS:
        return ColumnKind.identifier
    is_code = numbers[0] in {0, 1} and counted.distinct in CODES
    has_rows = counted.rows >= ROWS_OF_CODE * counted.distinct
    if is_code and has_rows and counted.rarest >= MIN_ROWS_OF_CODE:
        return ColumnKind.integer_category
    return ColumnKind.numeric


def _as_numbers(ordered: NDArray[np.generic], dtype: pl.DataType) -> Numbers:
    """Numbers, booleans as 0 and 1, dates as days since 1970-01-01."""
    numbers: Numbers = ordered.astype(np.float64)
    return numbers / DAY_MICROSECONDS if dtype == pl.Datetime else numbers


def _is_whole(numbers: Numbers) -> bool:
    return bool(np.array_equal(numbers, np.rint(numbers)))


def _spread(numbers: Numbers) -> dict[str, object]:
    """Where sorted numbers lie. What is too large to be squared has no standard deviation."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sd = float(numbers.mean()), float(numbers.std())
    # Values that are there, not means of two: whole numbers stay whole.
    places = np.rint(np.array(QUANTILES) * (len(numbers) - 1)).astype(np.int64)
    return {
        "min": float(numbers[0]),
        "max": float(numbers[-1]),
        "mean": mean if math.isfinite(mean) else None,
        "sd": sd if math.isfinite(sd) else None,
        "quantiles": tuple(map(float, numbers[places])),
        "histogram": _histogram(numbers),
    }


def _histogram(numbers: Numbers) -> Histogram | None:
    """Sorted numbers in bins that are open to the right, but for the last.

    None where there is no room for a bin between the least and the greatest, or too much. Few whole
    numbers have a bin each.
    """
    low, high = float(numbers[0]), float(numbers[-1])
    span = high - low
    if not 0 < span < math.inf:
        return None
    edges = np.linspace(low, high, 1 + int(min(BINS, span + 1 if _is_whole(numbers) else BINS)))
    if not np.all(np.diff(edges) > 0):
        return None
    places = np.searchsorted(numbers, edges[1:-1])
    counts = np.diff(places, prepend=0, append=len(numbers))
    return Histogram(edges=tuple(map(float, edges)), counts=tuple(map(int, counts)))
