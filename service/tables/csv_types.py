"""Converts a CSV's column to a type, decided from all its values."""

from __future__ import annotations

import polars as pl

from lowloss.tables.cells import MISSING, MISSING_AMONG_NUMBERS
from service.tables.table import drop_out_of_calendar

DAY = r"^\d{4}-\d{2}-\d{2}"
HEAD_ROWS = 1000


def parse_column(column: pl.Series, decimal: str, option: str | None) -> pl.Series:
    """Convert a column of strings to booleans, integers, floats, dates, datetimes, or strings.

    A value that is not finite is missing. `decimal` is the decimal mark of the file; where the
    uploader named none (`option`), a point is tried first.
    """
    if option != "," and (number := _to_plain_number(column)) is not None:
        return number
    text = column.str.strip_chars()
    text = text.set(text.is_in(MISSING), None)
    if text.null_count() == len(text):
        return text
    for mark in (decimal,) if option else dict.fromkeys((".", decimal)):
        number = _to_number(text, mark)
        if number is not None:
            return number
    return _to_boolean(text, _to_date(text))


def _to_plain_number(column: pl.Series) -> pl.Series | None:
    """Read numbers that need no cleaning, as most do: the same in a third of the time."""
    number = _cast(column)
    if number is None or number.null_count() == len(number):
        return None
    # With a written NaN, the slow path below keeps whole numbers whole.
    return None if number.dtype == pl.Float64 and number.is_nan().any() else _drop_infinite(number)


def _to_number(text: pl.Series, decimal: str) -> pl.Series | None:
    text = text.set(text.is_in(MISSING_AMONG_NUMBERS), None)
    if text.null_count() == len(text):
        return None
    if decimal == ",":
        if text.str.contains(".", literal=True).any():
            return None
        text = text.str.replace(",", ".", literal=True)
    number = _cast(text)
    return None if number is None else _drop_infinite(number)


def _cast(text: pl.Series) -> pl.Series | None:
    """Read whole numbers, or else numbers; None where a string is none. The head is tried first."""
    for dtype in (pl.Int64, pl.Float64):
        for part in (text.head(HEAD_ROWS), text):
            number = part.cast(dtype, strict=False)
            if number.null_count() != part.null_count():
                break
        else:
            return number
    return None


def _drop_infinite(number: pl.Series) -> pl.Series:
    is_finite = number.is_finite()
    return number if is_finite.all() else number.set(~is_finite, None)


def _to_date(text: pl.Series) -> pl.Series:
    """Read dates and datetimes in ISO 8601, as polars reads them; other strings stay strings."""
    if not text.str.contains(DAY).all():
        return text
    days = text.str.to_date("%Y-%m-%d", strict=False)
    if days.null_count() == text.null_count():
        return drop_out_of_calendar(days)
    plain = text.str.replace("T", " ", literal=True).str.replace(r"(Z|\+00:?00)$", "")
    for pattern in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"):
        times = plain.str.to_datetime(pattern, strict=False, time_unit="us")
        if times.null_count() == text.null_count():
            return drop_out_of_calendar(times)
    return text


def _to_boolean(text: pl.Series, otherwise: pl.Series) -> pl.Series:
    lower = text.str.to_lowercase() if otherwise.dtype == pl.String else None
    if lower is None or not lower.is_in(["true", "false"]).all():
        return otherwise
    return lower == "true"
