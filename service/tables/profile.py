"""Profiles each column at upload."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lowloss.errors import JobFailed
from lowloss.results import QUANTILES, Column, ColumnKind, Dataset, Histogram, Level
from lowloss.tables.cells import format_label
from lowloss.tables.table import Table
from service.settings import Limits

SHOWN_LEVELS = 10
TEXT_LEVELS = 100
TEXT_SHARE = 0.5
"""A string column with more distinct values than `TEXT_LEVELS`, and than this share of its rows, is
text: nothing in it repeats enough to be learned."""
MIN_IDENTIFIERS = 20
"""A column of more rows than this, all with different values, is an identifier."""
UUID = r"(?i)^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$"
CODES, ROWS_OF_CODE = range(3, 21), 10
"""The numbers of codes that an integer category may have, and the least mean rows of a code."""
MIN_ROWS_OF_CODE = 2
KINDS_OF_VALUES = {
    ColumnKind.categorical: True,
    ColumnKind.text: True,
    ColumnKind.numeric: False,
    ColumnKind.integer_category: False,
    ColumnKind.boolean: False,
    ColumnKind.date: False,
}
"""Whether the values of a column of a kind are texts, where that follows from the kind."""
BINS = 20
DAY_MICROSECONDS = 86_400_000_000

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class _ValueCounts:
    """The present and distinct values of a column, the rarest one's rows, the top levels."""

    rows: int
    distinct: int
    rarest: int
    levels: tuple[Level, ...]


def profile_table(table: Table, *, limits: Limits) -> tuple[Column, ...]:
    """Profile every column."""
    return tuple(_profile_column(column, limits, table) for column in table.frame)


def check_is_as_profiled(table: Table, dataset: Dataset) -> None:
    """Raise JobFailed where an earlier version of lowloss read the dataset otherwise."""
    names = [column.name for column in dataset.profile]
    changed = [
        column.name
        for column in dataset.profile
        if column.name in table.frame.columns
        # A flag, one value or missing, is categorical whatever its values are.
        and column.distinct > 1
        and column.kind in KINDS_OF_VALUES
        and (table.frame[column.name].dtype == pl.String) != KINDS_OF_VALUES[column.kind]
    ]
    if table.frame.columns != names or table.frame.height != dataset.rows or changed:
        where = f" (column {changed[0]!r})" if changed else ""
        raise JobFailed(
            "dataset_read_otherwise",
            f"another version of lowloss read the dataset otherwise when it was uploaded{where}: "
            "delete the dataset, upload the table again, and submit the job anew",
        )


def _profile_column(column: pl.Series, limits: Limits, table: Table) -> Column:
    is_matrix, words = table.is_matrix, table.words.get(column.name)
    present = column.drop_nulls() if column.null_count() else column
    if present.dtype == pl.String:
        summary = _count_strings(present, limits)
        kind = _find_string_kind(present, summary, is_matrix=is_matrix)
        measures: dict[str, object] = {}
    else:
        # Sorted once: all measures follow from the order.
        ordered = np.sort(present.to_physical().to_numpy())
        summary = _count_ordered(ordered, present.dtype, limits, words)
        numbers = _to_numbers(ordered, present.dtype)
        measures = _measure_spread(numbers) if numbers.size else {}
        measures["is_integer"] = present.dtype.is_numeric() and _is_whole(numbers)
        kind = _find_number_kind(present.dtype, summary)
        if kind is ColumnKind.numeric and measures["is_integer"] and not is_matrix:
            kind = _find_integer_kind(numbers, summary, rows=len(column))
    if kind is ColumnKind.constant and 0 < len(present) < len(column) and not is_matrix:
        # A flag: there, or not.
        kind = ColumnKind.categorical
    return Column(
        name=column.name,
        kind=kind,
        missing=column.null_count(),
        distinct=summary.distinct,
        levels=summary.levels,
        reading=table.readings.get(column.name),
        **measures,
    )


def _count_strings(present: pl.Series, limits: Limits) -> _ValueCounts:
    counts = present.alias("value").value_counts(sort=False)
    level_limit = _choose_level_count(counts.height, len(present), limits)
    top = counts.top_k(level_limit, by=["count", "value"], reverse=[False, True])
    return _ValueCounts(
        rows=len(present),
        distinct=counts.height,
        rarest=int(counts["count"].min() or 0),  # type: ignore[arg-type]
        levels=_make_levels(top["value"].to_list(), top["count"]),
    )


def _count_ordered(
    ordered: NDArray[np.generic],
    dtype: pl.DataType,
    limits: Limits,
    words: tuple[str, str] | None,
) -> _ValueCounts:
    """Count sorted values; equal ones are neighbours."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)])
    counts = np.diff(starts, append=len(ordered))
    top = _find_largest(counts, _choose_level_count(len(counts), len(ordered), limits))
    return _ValueCounts(
        rows=len(ordered),
        distinct=len(counts),
        rarest=int(counts.min(initial=len(ordered))),
        levels=_make_levels(_to_values(ordered[starts[top]], dtype), counts[top], words),
    )


def _choose_level_count(distinct: int, rows: int, limits: Limits) -> int:
    """Return how many levels to list: all where they may be classes; else a few."""
    may_be_classes = distinct <= limits.max_classes and (distinct < rows or rows <= SHOWN_LEVELS)
    return distinct if may_be_classes else SHOWN_LEVELS


def _find_largest(counts: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Return where the largest counts are, in falling order; of equal ones the first."""
    if len(counts) <= limit:
        return np.argsort(-counts, kind="stable")
    smallest = np.partition(counts, -limit)[-limit]
    above, equal = np.flatnonzero(counts > smallest), np.flatnonzero(counts == smallest)
    above = above[np.argsort(-counts[above], kind="stable")]
    return np.concatenate([above, equal[: limit - len(above)]])


def _to_values(physical: NDArray[np.generic], dtype: pl.DataType) -> list[Any]:
    """Return plain values of what a column is underneath."""
    return physical.tolist() if dtype.is_numeric() else pl.Series(physical).cast(dtype).to_list()


def _make_levels(
    values: list[Any],
    rows: pl.Series | NDArray[np.int64],
    words: tuple[str, str] | None = None,
) -> tuple[Level, ...]:
    # Without validation: there may be millions, and they are what they say.
    return tuple(
        Level.model_construct(value=format_label(value, words), rows=int(n))
        for value, n in zip(values, rows, strict=True)
    )


def _find_string_kind(present: pl.Series, summary: _ValueCounts, *, is_matrix: bool) -> ColumnKind:
    if summary.distinct <= 1:
        return ColumnKind.constant
    is_unique = summary.distinct == summary.rows > MIN_IDENTIFIERS
    is_text = summary.distinct > TEXT_LEVELS and summary.distinct > TEXT_SHARE * summary.rows
    if not is_matrix and (is_unique or (is_text and present.str.contains(UUID).all())):
        return ColumnKind.identifier
    return ColumnKind.text if is_text or is_unique else ColumnKind.categorical


def _find_number_kind(dtype: pl.DataType, summary: _ValueCounts) -> ColumnKind:
    if summary.distinct <= 1:
        return ColumnKind.constant
    if dtype == pl.Boolean:
        return ColumnKind.boolean
    if dtype.is_temporal():
        return ColumnKind.date
    return ColumnKind.numeric


def _find_integer_kind(numbers: Numbers, summary: _ValueCounts, *, rows: int) -> ColumnKind:
    """Return the kind of sorted whole numbers in a table of `rows`."""
    # They count up if there are as many values as whole numbers from lowest to highest.
    if float(numbers[-1]) - float(numbers[0]) + 1 != summary.distinct:
        return ColumnKind.numeric
    # Numbers of the rows would reveal how the table was sorted.
    if summary.distinct == rows > MIN_IDENTIFIERS:
        return ColumnKind.identifier
    is_code = numbers[0] in {0, 1} and summary.distinct in CODES
    has_rows = summary.rows >= ROWS_OF_CODE * summary.distinct
    if is_code and has_rows and summary.rarest >= MIN_ROWS_OF_CODE:
        return ColumnKind.integer_category
    return ColumnKind.numeric


def _to_numbers(ordered: NDArray[np.generic], dtype: pl.DataType) -> Numbers:
    """Convert to numbers: booleans as 0 and 1, dates as days since 1970-01-01."""
    numbers: Numbers = ordered.astype(np.float64)
    return numbers / DAY_MICROSECONDS if dtype == pl.Datetime else numbers


def _is_whole(numbers: Numbers) -> bool:
    return bool(np.array_equal(numbers, np.rint(numbers)))


def _measure_spread(numbers: Numbers) -> dict[str, object]:
    """Measure sorted numbers. What is too large to be squared has no standard deviation."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sd = float(numbers.mean()), float(numbers.std())
    # Existing values, not means of two: whole numbers stay whole.
    indices = np.rint(np.array(QUANTILES) * (len(numbers) - 1)).astype(np.int64)
    return {
        "min": float(numbers[0]),
        "max": float(numbers[-1]),
        "mean": mean if math.isfinite(mean) else None,
        "sd": sd if math.isfinite(sd) else None,
        "quantiles": tuple(map(float, numbers[indices])),
        "histogram": _count_bins(numbers),
    }


def _count_bins(numbers: Numbers) -> Histogram | None:
    """Return sorted numbers in bins that are open to the right, but for the last.

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
    starts = np.searchsorted(numbers, edges[1:-1])
    counts = np.diff(starts, prepend=0, append=len(numbers))
    return Histogram(edges=tuple(map(float, edges)), counts=tuple(map(int, counts)))
