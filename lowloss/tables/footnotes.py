"""Takes off the marks of footnotes behind numbers: `5.1*`, `6 (e)`, `7.5[1]`."""

from __future__ import annotations

import polars as pl

PLAIN = r"^[-+(]?\s*[\d.,' ]*\d[.,]?\s?%?\)?$"
"""A number without a unit, loosely."""
MARKED = (
    r"^(?P<number>[-+(]?\s*[\d.,' ]*\d[.,]?\s?%?\)?)\s*"
    r"(?P<mark>\*{1,3}|[†‡§¹²³⁴]{1,3}|\([a-z]{1,2}\)|\[(?:[a-z]|\d{1,2})\])$"
)
"""A number with such a mark behind it."""
MOSTLY, SHARE = 0.5, 0.95
"""The share of cells that must be plain numbers, and that of them and those with marks."""


def find_footnotes(tidy: pl.Series) -> pl.Series | None:
    """Return where tidy texts are numbers with a mark, if all others are plain; else None."""
    is_noted = tidy.str.contains(MARKED).fill_null(value=False)
    if not is_noted.any():
        return None
    is_plain = tidy.str.contains(PLAIN).fill_null(value=False)
    present = tidy.count()
    if is_plain.sum() < MOSTLY * present or (is_plain | is_noted).sum() < SHARE * present:
        return None
    return is_noted


def strip_footnotes(tidy: pl.Series) -> pl.Series:
    """Take off the marks behind numbers."""
    return tidy.str.replace(MARKED, "${number}").str.strip_chars()


def list_marks(noted: pl.Series) -> list[str]:
    """Return the marks of numbers that have some, in their order."""
    return sorted(noted.str.extract_groups(MARKED).struct.field("mark").unique().drop_nulls())
