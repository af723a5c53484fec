"""Finds the format of strptime in which dates are written: warnings name it as a way out."""

from __future__ import annotations

import re

import polars as pl

from lowloss.tables.dates import Order, read_format

DATE = re.compile(
    r"\d{1,2}(?P<first>[-/.]\s?)\d{1,2}(?P<second>[-/.]\s?)(?P<year>\d{4}|\d{2})"
    r"(?:(?P<gap>[T ,]\s*)\d{1,2}:\d{2}(?P<second_of>:\d{2})?(?P<half>\s?[AaPp][Mm])?)?"
)


def find_format(text: pl.Series, order: Order) -> str | None:
    """Return the format of all dates of a column in an order; None where one has another."""
    match = DATE.fullmatch(str(text.drop_nulls().first()))
    if match is None:
        return None
    day, month = ("%m", "%d") if order == "mdy" else ("%d", "%m")
    year = "%Y" if len(match["year"]) == 4 else "%y"
    parts = ("%y", "%m", "%d") if order == "yymd" else (day, month, year)
    pattern = f"{parts[0]}{match['first']}{parts[1]}{match['second']}{parts[2]}"
    if match["gap"]:
        seconds = ":%S" if match["second_of"] else ""
        half = match["half"]
        pattern += match["gap"] + ("%I:%M" if half else "%H:%M") + seconds
        pattern += f"{half[:-2]}%p" if half else ""
    return pattern if read_format(text, pattern).count() == text.count() else None
