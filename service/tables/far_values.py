"""Finds single numbers so far from all others that they alone decide mean and scale."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from lowloss.results import QUANTILES, Column, ColumnKind, TableWarning
from lowloss.wording import counted, format_exact, format_percent

SENTINEL_VALUE = "sentinel_value"
"""The code of warnings of columns with such a value that has another reason."""
MIN_ROWS = 20
MAX_SHARE = 0.01
"""The share of a column's values that may be far from the rest; more are a group of their own."""
FAR = 20
"""How many interquartile ranges beyond the quartiles a value is far."""
SQUARES_SHARE = 0.5
"""The share of the squared distances from the mean that the far values have, at least."""
LOWER, UPPER = QUANTILES.index(0.25), QUANTILES.index(0.75)


def warn_of_far_values(
    profile: Sequence[Column], rows: int, *, except_for: Container[str | None] = ()
) -> Iterator[TableWarning]:
    """Say which columns, `except_for` some, have such a number as their least or largest value.

    Values are counted by the histogram: those in the bin of the least or the largest one.
    """
    for column in profile:
        if (
            column.kind is not ColumnKind.numeric
            or column.histogram is None
            or column.name in except_for
        ):
            continue
        present = rows - column.missing
        low, high = column.quantiles[LOWER], column.quantiles[UPPER]
        counts = column.histogram.counts
        for value, count in ((column.min, counts[0]), (column.max, counts[-1])):
            if value is None or present < MIN_ROWS or count > max(1, MAX_SHARE * present):
                continue
            is_far = max(low - value, value - high) > FAR * (high - low) > 0
            share = _share_squares(column, value, count, present)
            if is_far and share >= SQUARES_SHARE:
                yield _warn(column, value, count, share)


def _share_squares(column: Column, value: float, count: int, present: int) -> float:
    """Return which share of the squared distances from the mean the values of an end have."""
    if column.mean is None or not column.sd:
        return 0.0
    distance = (value - column.mean) / column.sd
    return min(1.0, count * distance * distance / present)


def _warn(column: Column, value: float, count: int, share: float) -> TableWarning:
    low, high = column.quantiles[LOWER], column.quantiles[UPPER]
    shown_share = format_percent(share, is_precise=True)
    return TableWarning(
        code="far_value",
        column=column.name,
        count=count,
        example=f"{value:.10g}",
        detail=f"{counted(count, 'number')} of {column.name!r} (to {format_exact(value)}) far "
        f"from the others, half of which lie between {format_exact(low)} and "
        f"{format_exact(high)}: {shown_share} of all squared distances from the mean",
        fix=f"correct it in the file if it is a mistake, or name {value:.10g} in null_values if it "
        "stands for a missing value",
    )
