"""Recognizes columns that name their rows: numbers of accounts, cards and phones, and UUIDs."""

from __future__ import annotations

import polars as pl

from lowloss.results import QUANTILES
from lowloss.tables.dates import read_compact_days
from lowloss.tables.evidence import is_monotonic
from lowloss.tables.likely_times import LIKELY_MS
from lowloss.tables.phones import are_phones
from service.tables.identifier_rules import (
    MIN_DIGITS,
    MIN_IDENTIFIERS,
    MIN_SPREAD_ROWS,
    MIN_SURE_DIGITS,
    NAME,
)
from service.tables.summaries import Summary

DAY_DIGITS = (8, 10, 12, 14)
"""The digits of a day, and of one with its hour, minute and second: 20240417083000."""
MIN_REPEATS = 7
"""Numbers without a repeat are drawn without one where chance would give so many: it gives none in
one of e**7 tables. That holds of numbers drawn at random: those of a counter or a clock that is
read again and again differ, too."""
MAX_DEVIATION = 0.1
"""How far off quantiles are where numbers are spread evenly."""
UNITS = (1, 1000, 1_000_000, 1_000_000_000)
"""In a second: itself, milliseconds, microseconds, nanoseconds."""
UUID = r"(?i)^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$"
PHONES_SHARE = 0.9
"""The share of phone numbers that differ where they name the rows: people share some."""


def are_names(column: pl.Series, summary: Summary, *, is_text: bool) -> bool:
    """Return whether texts name their rows; `is_text` where hardly any comes again."""
    if summary.is_unique:
        return True
    if is_text and column.str.contains(UUID).all():
        return True
    is_diverse = summary.distinct >= PHONES_SHARE * summary.rows
    return is_diverse and summary.rows > MIN_IDENTIFIERS and are_phones(column)


def are_long_numbers(column: pl.Series, summary: Summary) -> bool:
    """Return whether whole numbers of many digits, another in every row, name their rows.

    Amounts and times differ in every row, too. Those are kept that end in zeros, as prices in cents
    do, and those that are times, or days. Numbers of at most eleven digits are identifiers only
    where more speaks for it: their name, no repeat where chance would give some, or an even spread
    over all numbers of their length.
    """
    if not summary.is_unique or summary.measures["min"] < 10 ** (MIN_DIGITS - 1):
        return False
    whole = column.cast(pl.Int64, strict=False).drop_nulls()
    if len(whole) < summary.rows or (whole % 10 == 0).all():
        return False
    # Not those of the summary, which are floats: they round the longest.
    numbers = whole.to_numpy()
    low, high = int(numbers.min()), int(numbers.max())
    if _are_times(whole, low, high):
        return False
    has_name = NAME.search(column.name.strip()) is not None
    if _are_drawn_once(len(whole), high - low + 1) and (has_name or not is_monotonic(whole)):
        return True
    digits = len(str(low))
    if digits != len(str(high)):
        return False
    return has_name or digits >= MIN_SURE_DIGITS or _are_spread(summary, digits)


def _are_times(whole: pl.Series, low: int, high: int) -> bool:
    """Return whether numbers are times since 1970, or days with or without a time behind them.

    The times are in seconds, milliseconds, microseconds or nanoseconds.
    """
    first, last = LIKELY_MS
    if any(first * unit <= low * 1000 and high * 1000 <= last * unit for unit in UNITS):
        return True
    digits = len(str(low))
    if digits not in DAY_DIGITS:
        return False
    return read_compact_days(whole // 10 ** (digits - 8), are_dates=True) is not None


def _are_drawn_once(count: int, span: int) -> bool:
    """Return whether distinct numbers lie so close that chance would repeat some."""
    return count * (count - 1) / (2 * span) >= MIN_REPEATS


def _are_spread(summary: Summary, digits: int) -> bool:
    """Return whether numbers are spread evenly over all that have so many digits."""
    lowest = 10 ** (digits - 1)
    shares = [(value - lowest) / (9 * lowest) for value in summary.measures["quantiles"]]
    deviations = [abs(share - even) for share, even in zip(shares, QUANTILES, strict=True)]
    return summary.rows >= MIN_SPREAD_ROWS and max(deviations) <= MAX_DEVIATION
