"""Finds numbers that may stand for a missing value: nines, far from all others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from lowloss.results import Column, ColumnKind, TableWarning
from lowloss.wording import format_number

MIN_NINES, MIN_SIZE = 3, 99
EMPTY_SHARE = 0.5
"""The share of a histogram's bins that must be empty between such a number and the others."""


def warn_of_sentinels(profile: Sequence[Column]) -> Iterator[TableWarning]:
    """Say which columns have such a number as their least or largest value, such as -9999."""
    for column in profile:
        if column.kind is not ColumnKind.numeric or column.histogram is None:
            continue
        if column.min is None or column.max is None:
            continue
        ends = ((column.min, column.histogram.counts), (column.max, column.histogram.counts[::-1]))
        for value, counts in ends:
            if _is_of_nines(value) and _count_empty(counts) >= EMPTY_SHARE * len(counts):
                yield _warn(column, value, counts[0])


def _warn(column: Column, value: float, count: int) -> TableWarning:
    return TableWarning(
        code="sentinel_value",
        column=column.name,
        count=count,
        example=f"{value:.10g}",
        detail=f"{format_number(value)} in {column.name!r} is far from all other numbers: it may "
        "stand for a missing value",
        fix=f"name {value:.10g} in null_values if it does",
    )


def _is_of_nines(value: float) -> bool:
    digits = f"{abs(value):.10g}".replace(".", "")
    return (
        math.isfinite(value)
        and abs(value) >= MIN_SIZE
        and len(digits) >= MIN_NINES
        and set(digits) == {"9"}
    )


def _count_empty(counts: Sequence[int]) -> int:
    """Count the empty bins behind the first."""
    return next((index for index, count in enumerate(counts[1:]) if count), 0)
