"""Summarizes the values of columns: of short ones many at once.

Shapes: C columns, M present values of each, E edges of bins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lowloss.results import QUANTILES
from lowloss.tables.cells import format_label
from service.settings import Limits
from service.tables.identifier_rules import MIN_IDENTIFIERS

SHOWN_LEVELS = 10
BINS = 20
DAY_MICROSECONDS = 86_400_000_000
BATCH_CELLS = 2**19
"""How many cells are summarized at once: a call costs more than the values of a short column."""


Numbers = NDArray[np.float64]
Words = Mapping[str, tuple[str, str]]
"""The words of columns of booleans, that of false first."""


@dataclass(frozen=True)
class Summary:
    """The present and distinct values of a column, the rarest one's rows, the top levels.

    `levels` and `measures`, which strings have not, are as `Column` has them.
    """

    rows: int
    distinct: int
    rarest: int
    levels: list[dict[str, Any]]
    measures: Mapping[str, Any]

    @property
    def is_unique(self) -> bool:
        """Whether no value comes again, and there are enough that this says something."""
        return self.distinct == self.rows > MIN_IDENTIFIERS


def summarize(
    columns: Sequence[pl.Series], limits: Limits, words: Words
) -> Iterator[tuple[str, Summary]]:
    """Yield the name and the summary of each column, in any order."""
    by_type: dict[pl.DataType, list[pl.Series]] = {}
    for column in columns:
        by_type.setdefault(column.dtype, []).append(column)
    for dtype, alike in by_type.items():
        size = max(1, BATCH_CELLS // len(alike[0])) if len(alike[0]) else len(alike)
        for start in range(0, len(alike), size):
            batch = alike[start : start + size]
            if dtype == pl.String:
                yield from _summarize_strings(batch, limits)
            else:
                yield from _summarize_numbers(batch, limits, words)


def _summarize_strings(columns: list[pl.Series], limits: Limits) -> Iterator[tuple[str, Summary]]:
    positions = np.repeat(np.arange(len(columns), dtype=np.int32), len(columns[0]))
    cells = pl.concat([column.alias("value") for column in columns])
    frame = pl.DataFrame({"column": positions, "value": cells}).drop_nulls()
    counts = frame.group_by("column", "value").len()
    totals = {
        position: (rows, distinct, rarest)
        for position, rows, distinct, rarest in counts.group_by("column")
        .agg(pl.col("len").sum(), pl.len().alias("distinct"), pl.col("len").min().alias("rarest"))
        .iter_rows()
    }
    shown = {
        position: _choose_level_count(distinct, rows, limits)
        for position, (rows, distinct, _) in totals.items()
    }
    tops = _find_top_strings(counts, max(shown.values(), default=0), is_one=len(columns) == 1)
    for position, column in enumerate(columns):
        rows, distinct, rarest = totals.get(position, (0, 0, 0))
        levels = _make_levels(tops.get(position, [])[: shown.get(position, 0)])
        yield column.name, Summary(rows, distinct, rarest, levels, {})


def _find_top_strings(
    counts: pl.DataFrame, limit: int, *, is_one: bool
) -> dict[int, list[tuple[str, int]]]:
    """Return the commonest strings of each column and their rows; of equal ones the first."""
    if is_one:
        # Without sorting them all, as there may be millions.
        ordered = counts.top_k(limit, by=["len", "value"], reverse=[False, True])
    else:
        ordered = counts.sort(["column", "len", "value"], descending=[False, True, False])
    tops = ordered.group_by("column", maintain_order=True).agg(pl.col("value", "len").head(limit))
    return {
        position: list(zip(values, rows, strict=True))
        for position, values, rows in tops.iter_rows()
    }


def _summarize_numbers(
    columns: list[pl.Series], limits: Limits, words: Words
) -> Iterator[tuple[str, Summary]]:
    """Summarize columns of one type, those with equally many present values at once."""
    dtype = columns[0].dtype
    physical = pl.concat([column.alias("") for column in columns]).to_physical()
    counts = np.array([len(column) - column.null_count() for column in columns])
    if not counts.any():
        # A column of nulls alone may have no type.
        yield from ((column.name, _make_empty(dtype)) for column in columns)
        return
    if physical.null_count():
        # Behind all others, where they are cut off.
        physical = physical.fill_null(_find_last(physical.dtype))
    ordered_CM = np.sort(physical.to_numpy().reshape(len(columns), -1), axis=1)
    del physical
    for count in np.unique(counts):
        has_count = counts == count
        present_CM = ordered_CM if has_count.all() else ordered_CM[has_count]
        names = [columns[position].name for position in np.flatnonzero(has_count)]
        values_CM = np.ascontiguousarray(present_CM[:, :count])
        yield from _summarize_ordered(names, values_CM, dtype=dtype, limits=limits, words=words)


def _summarize_ordered(
    names: list[str],
    values_CM: NDArray[np.generic],
    *,
    dtype: pl.DataType,
    limits: Limits,
    words: Words,
) -> Iterator[tuple[str, Summary]]:
    """Summarize columns of sorted values; equal ones are neighbours, a run."""
    rows = values_CM.shape[1]
    if not rows:
        yield from ((name, _make_empty(dtype)) for name in names)
        return
    is_first_CM = np.ones(values_CM.shape, dtype=bool)
    np.not_equal(values_CM[:, 1:], values_CM[:, :-1], out=is_first_CM[:, 1:])
    starts = np.flatnonzero(is_first_CM)
    run_rows = np.diff(starts, append=values_CM.size)
    run_counts = is_first_CM.sum(axis=1)
    del is_first_CM
    first_runs = np.cumsum(run_counts) - run_counts
    rarest = np.minimum.reduceat(run_rows, first_runs)
    tops = [
        first + _find_top(run_rows[first : first + count], rows, limits)
        for first, count in zip(first_runs.tolist(), run_counts.tolist(), strict=True)
    ]
    top = np.concatenate(tops)
    values = _to_values(values_CM.ravel()[starts[top]], dtype)
    shown = iter(zip(values, run_rows[top].tolist(), strict=True))
    numbers_CM = _to_numbers(values_CM, dtype)
    measures = _measure(numbers_CM, is_numeric=dtype.is_numeric())
    for position, name in enumerate(names):
        levels = _make_levels(islice(shown, len(tops[position])), words.get(name))
        distinct, rarest_rows = int(run_counts[position]), int(rarest[position])
        yield name, Summary(rows, distinct, rarest_rows, levels, next(measures))


def _find_last(dtype: pl.DataType) -> Any:
    """Return the greatest value of a physical type."""
    if dtype.is_float():
        return math.inf
    return True if isinstance(dtype, pl.Boolean) else np.iinfo(str(dtype).lower()).max


def _make_empty(dtype: pl.DataType) -> Summary:
    return Summary(0, 0, 0, [], {"is_integer": dtype.is_numeric()})


def _choose_level_count(distinct: int, rows: int, limits: Limits) -> int:
    """Return how many levels to list: all where they may be classes; else a few."""
    may_be_classes = distinct <= limits.max_classes and (distinct < rows or rows <= SHOWN_LEVELS)
    return distinct if may_be_classes else SHOWN_LEVELS


def _find_top(run_rows: NDArray[np.int64], rows: int, limits: Limits) -> NDArray[np.int64]:
    """Return where the longest runs are, in falling order; of equal ones the first."""
    limit = _choose_level_count(len(run_rows), rows, limits)
    if len(run_rows) == rows:
        return np.arange(min(limit, rows))
    if len(run_rows) <= limit:
        return np.argsort(-run_rows, kind="stable")
    smallest = np.partition(run_rows, -limit)[-limit]
    above, equal = np.flatnonzero(run_rows > smallest), np.flatnonzero(run_rows == smallest)
    above = above[np.argsort(-run_rows[above], kind="stable")]
    return np.concatenate([above, equal[: limit - len(above)]])


def _to_values(physical: NDArray[np.generic], dtype: pl.DataType) -> list[Any]:
    """Return plain values of what a column is underneath."""
    return physical.tolist() if dtype.is_numeric() else pl.Series(physical).cast(dtype).to_list()


def _make_levels(
    levels: Iterable[tuple[Any, int]], words: tuple[str, str] | None = None
) -> list[dict[str, Any]]:
    return [{"value": format_label(value, words), "rows": rows} for value, rows in levels]


def _to_numbers(values_CM: NDArray[np.generic], dtype: pl.DataType) -> Numbers:
    """Convert to numbers: booleans as 0 and 1, dates as days since 1970-01-01."""
    numbers_CM: Numbers = values_CM.astype(np.float64)
    return numbers_CM / DAY_MICROSECONDS if dtype == pl.Datetime else numbers_CM


def _measure(numbers_CM: Numbers, *, is_numeric: bool) -> Iterator[dict[str, Any]]:
    """Measure sorted numbers. What is too large to be squared has no standard deviation."""
    with np.errstate(over="ignore", invalid="ignore"):
        means, deviations = numbers_CM.mean(axis=1).tolist(), numbers_CM.std(axis=1).tolist()
    is_whole = np.all(numbers_CM == np.rint(numbers_CM), axis=1)
    # Existing values, not means of two: whole numbers stay whole.
    indices = np.rint(np.array(QUANTILES) * (numbers_CM.shape[1] - 1)).astype(np.int64)
    quantiles = numbers_CM[:, indices].tolist()
    histograms = _count_bins(numbers_CM, is_whole)
    lows, highs = numbers_CM[:, 0].tolist(), numbers_CM[:, -1].tolist()
    for position, mean in enumerate(means):
        sd = deviations[position]
        yield {
            "is_integer": is_numeric and bool(is_whole[position]),
            "min": lows[position],
            "max": highs[position],
            "mean": mean if math.isfinite(mean) else None,
            "sd": sd if math.isfinite(sd) else None,
            "quantiles": quantiles[position],
            "histogram": histograms.get(position),
        }


def _count_bins(numbers_CM: Numbers, is_whole: NDArray[np.bool_]) -> dict[int, dict[str, Any]]:
    """Return histograms of sorted numbers, by position, in bins that are open to the right.

    The last bin is closed. There is none where there is no room for a bin between the least and
    the greatest, or too much. Few whole numbers have a bin each.
    """
    with np.errstate(over="ignore"):
        spans = numbers_CM[:, -1] - numbers_CM[:, 0]
    bins = np.where(is_whole, np.minimum(BINS, spans + 1), BINS)
    has_room = (spans > 0) & (spans < math.inf)
    histograms = {}
    for count in np.unique(bins[has_room]):
        positions = np.flatnonzero(has_room & (bins == count))
        lows, highs = numbers_CM[positions, 0], numbers_CM[positions, -1]
        edges_CE = np.linspace(lows, highs, 1 + int(count), axis=1)
        is_rising = np.all(np.diff(edges_CE, axis=1) > 0, axis=1)
        for position, edges in zip(positions[is_rising].tolist(), edges_CE[is_rising], strict=True):
            starts = numbers_CM[position].searchsorted(edges[1:-1])
            counts = np.diff(starts, prepend=0, append=numbers_CM.shape[1])
            histograms[position] = {"edges": edges.tolist(), "counts": counts.tolist()}
    return histograms
