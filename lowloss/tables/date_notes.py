"""Takes off notes behind dates: `2024-01-05 (est.)`, `17.04.2024*`, `5 May 2024 approx.`."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from lowloss.tables.dates import DateReading, read_dates

WORDS = "est|estimated|approx|approximately|circa|ca|prov|provisional|prelim|expected|planned|tbc"
NOTE = (
    r"^(.*\d)\s*(?:\*{1,3}|[†‡§?]|\(\?\)|\[\w{1,3}\]"
    rf"|\([\pL .-]{{0,20}}\p{{Ll}}[\pL .-]{{0,20}}\)|\s(?i:{WORDS})\.?)$"
)
"""A date with a note; in brackets, it has a small letter: `(CET)` is a zone."""


def read_noted_dates(text: pl.Series) -> list[DateReading]:
    """Read dates in every order that they may have; notes are taken off where that reads more."""
    readings = read_dates(text)
    best = max((reading.readable for reading in readings), default=0)
    if best == text.count():
        return readings
    bare = strip_date_notes(text)
    is_noted = (bare != text).fill_null(value=False)
    if not is_noted.any():
        return readings
    noted = read_dates(bare)
    if max((reading.readable for reading in noted), default=0) <= best:
        return readings
    return [replace(r, is_noted=is_noted & r.values.is_not_null()) for r in noted]


def strip_date_notes(text: pl.Series) -> pl.Series:
    """Return texts without the notes behind their last digit."""
    return text.str.replace(NOTE, "$1")
