"""Tells of whole numbers that may name the rows, and of which nothing shows it for sure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lowloss.results import Column, ColumnKind, TableWarning
from lowloss.tables.likely_times import LIKELY_MS
from service.tables.identifier_rules import (
    MIN_DIGITS,
    MIN_IDENTIFIERS,
    MIN_SPREAD_ROWS,
    NAME,
)

MIN_DIGITS_WITH_NAME = 4
"""From how many digits on different numbers with such a name may be identifiers."""


def warn_of_possible_names(profile: Sequence[Column], rows: int) -> Iterator[TableWarning]:
    """Say which features may be identifiers: other numbers in each row, by their name or length."""
    for column in profile:
        if column.kind is ColumnKind.numeric and _may_name_rows(column, rows):
            yield TableWarning(
                code="possible_identifier",
                column=column.name,
                count=column.distinct,
                example=column.levels[0].value if column.levels else None,
                detail=f"{column.name!r} has another whole number in each row, as identifiers "
                "have: it is a feature",
                fix="leave it out by features.exclude if it names the rows",
            )


def _may_name_rows(column: Column, rows: int) -> bool:
    present = rows - column.missing
    if not column.is_integer or not column.distinct == present > MIN_IDENTIFIERS:
        return False
    if column.min is None or column.max is None or column.min < 0:
        return False
    if all(level.value.endswith("0") for level in column.levels):
        return False
    digits = len(str(int(column.min)))
    if digits >= MIN_DIGITS_WITH_NAME and NAME.search(column.name.strip()):
        return True
    is_short = present < MIN_SPREAD_ROWS and not _are_seconds(column)
    return is_short and digits >= MIN_DIGITS and digits == len(str(int(column.max)))


def _are_seconds(column: Column) -> bool:
    """Return whether all numbers are seconds since 1970 of this time."""
    first, last = (limit / 1000 for limit in LIKELY_MS)
    return (
        column.min is not None
        and column.max is not None
        and first <= column.min
        and column.max <= last
    )
