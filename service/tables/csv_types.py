"""The type of a CSV's column, decided over all of its values."""

from __future__ import annotations

import polars as pl

from lowloss.cells import MISSING, MISSING_AMONG_NUMBERS

DAY = r"^\d{4}-\d{2}-\d{2}"


def typed_column(column: pl.Series, decimal: str, asked: str | None) -> pl.Series:
    """A column of strings as booleans, integers, floats, dates, datetimes, or strings.

    A value that is not finite is missing. `decimal` is the mark that numbers may have here;
    where the uploader `asked` for none, a point is tried first.
    """
    text = column.str.strip_chars()
    text = text.set(text.is_in(MISSING), None)
    if text.null_count() == len(text):
        return text
    for mark in (decimal,) if asked else dict.fromkeys((".", decimal)):
        number = _as_number(text, mark)
        if number is not None:
            return number
    return _as_boolean(text, _as_date(text))


def _as_number(text: pl.Series, decimal: str) -> pl.Series | None:
    text = text.set(text.is_in(MISSING_AMONG_NUMBERS), None)
    if text.null_count() == len(text):
        return None
    if decimal == ",":
        if text.str.contains(".", literal=True).any():
            return None
        text = text.str.replace(",", ".", literal=True)
    for dtype in (pl.Int64, pl.Float64):
        number = text.cast(dtype, strict=False)
        if number.null_count() == text.null_count():
            return number if dtype == pl.Int64 else number.set(~number.is_finite(), None)
    return None


def _as_date(text: pl.Series) -> pl.Series:
    """Dates and datetimes in ISO 8601, as polars reads them; other strings as they are."""
    if not text.str.contains(DAY).all():
        return text
    days = text.str.to_date("%Y-%m-%d", strict=False)
    if days.null_count() == text.null_count():
        return days
    plain = text.str.replace("T", " ", literal=True).str.replace(r"(Z|\+00:?00)$", "")
    for pattern in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"):
        times = plain.str.to_datetime(pattern, strict=False, time_unit="us")
        if times.null_count() == text.null_count():
            return times
    return text


def _as_boolean(text: pl.Series, otherwise: pl.Series) -> pl.Series:
    lower = text.str.to_lowercase() if otherwise.dtype == pl.String else None
    if lower is None or not lower.is_in(["true", "false"]).all():
        return otherwise
    return lower == "true"
