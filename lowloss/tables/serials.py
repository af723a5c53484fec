"""Reads dates that a spreadsheet wrote as numbers: days since 1899-12-30, `45292.5`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from lowloss.results import Reading, TableWarning
from lowloss.tables.cells import EPOCH_DAYS
from lowloss.tables.dates import read_dates_in
from lowloss.tables.marks import MISSING_LOWER
from lowloss.tables.notation import OTHER, Notation, decide_notation
from lowloss.tables.numbers import Surroundings, split_numbers, tidy_signs, to_numbers
from lowloss.tables.options import ParseOptions
from lowloss.tables.remarks import warn_of_doubtful_serials, warn_of_serials, warn_of_unreadable

LIKELY = (20_000, 50_000)
"""The years 1954 to 2036: numbers between these may be dates. Later ones are as often days of
astronomers (MJD)."""
SINCE_1960 = 25_569
"""Numbers below it, of the years before 1970, are as likely days since 1960 (SAS, Stata) or 1970
(R) of this century."""
FIRST, LAST = 61, 2_958_466
"""The numbers that are the same day everywhere: from March 1900 to the year 9999."""
DAY_MS = 86_400_000
HEAD_CELLS, MOSTLY, SHARE = 200, 0.5, 0.95
"""The cells that are looked at first, how many of them must look like such numbers, and the share
of all cells with a value that must be some."""
WRITTEN = r"^[2-6]\d[., ']?\d{3}(?:[.,]\d+)?$"
WORD = re.compile(r"[^\W\d_]+")
DATES = (
    *("date", "dates", "datetime", "datum", "fecha", "dátum", "päivämäärä", "tarih"),
    *("дата", "日期", "日付", "날짜"),
)
ENDINGS = ("date", "datum", "fecha")
OTHER_WORDS = frozenset(
    (
        *("id", "key", "code", "count", "number", "update", "candidate", "mandate"),
        *("to", "at", "by", "on", "per", "since", "until"),
    )
)
"""Words of names of columns that hold no dates: `sales to date`, `salary at hiring date`."""
OF = frozenset(("of", "de", "d", "da", "di", "du", "del", "van", "time"))
"""What may follow a date that begins a name: `date_of_birth`."""


SERIAL = Reading(kind="date", is_serial=True)


@dataclass(frozen=True)
class Serials:
    """Dates that were numbers, how these were written, and whether they may be other days."""

    values: pl.Series
    reading: Reading
    may_be_of_others: bool


def says_date(name: str) -> bool:
    """Return whether the name of a column says that it holds dates: `Order date`, `startDate`."""
    words = [word.lower() for word in WORD.findall(re.sub(r"([a-z])([A-Z])", r"\1 \2", name))]
    if not OTHER_WORDS.isdisjoint(words):
        return False
    is_date = [word in DATES or word.endswith(ENDINGS) for word in words]
    return bool(words) and (is_date[-1] or (is_date[0] and words[1] in OF))


def find_serials(text: pl.Series) -> Serials | None:
    """Return the dates of clean texts that are numbers of a spreadsheet; None where they are not.

    Whether `44.197` is one is clear: only as a number with a group it is a date of this time.
    """
    head = text.drop_nulls().head(HEAD_CELLS)
    if not len(head) or head.str.contains(WRITTEN).sum() < MOSTLY * len(head):
        return None
    tidy = tidy_signs(text)
    tidy = tidy.set(tidy.str.to_lowercase().is_in(MISSING_LOWER), None)
    parts = split_numbers(tidy, Surroundings())
    decision = decide_notation(parts.shapes)
    doubtful = decision.doubtful
    notation = Notation(OTHER[doubtful], doubtful) if doubtful else decision.notation
    numbers = to_numbers(parts, notation).alias(text.name)
    if not are_serials(numbers, tidy.count()):
        return None
    reading = Reading(kind="date", is_serial=True, decimal=notation.decimal, group=notation.group)
    return Serials(to_dates(numbers), reading, may_be_of_others(numbers))


def read_serial_columns(
    frame: pl.DataFrame, options: ParseOptions, warnings: list[TableWarning]
) -> dict[str, pl.Series]:
    """Return the dates of columns that are numbers of a spreadsheet, and say so."""
    serials = {}
    for column in frame:
        kind = (options.types or {}).get(column.name)
        is_date = kind == "date" or (kind is None and says_date(column.name))
        if not is_date or not column.dtype.is_numeric() or not are_serials(column):
            continue
        text, dates = column.cast(pl.String), to_dates(column)
        if may_be_of_others(column) and kind is None:
            warnings.append(warn_of_doubtful_serials(text, dates))
            continue
        warnings.append(warn_of_serials(text, dates))
        if (odd := dates.is_null() & column.is_not_null()).any():
            warnings.append(warn_of_unreadable(text, odd, "dates", is_training=True))
        serials[column.name] = dates
    return serials


def are_serials(numbers: pl.Series, count: int | None = None) -> bool:
    """Return whether numbers are dates of this time, but for a few odd ones."""
    likely = int(numbers.is_between(*LIKELY).sum() or 0)
    return likely > 0 and likely >= SHARE * (numbers.count() if count is None else count)


def may_be_of_others(numbers: pl.Series) -> bool:
    """Return whether all numbers may be days since 1960 or 1970 as well."""
    return bool((numbers.filter(numbers.is_between(*LIKELY)) < SINCE_1960).all())


def to_dates(numbers: pl.Series) -> pl.Series:
    """Convert numbers of a spreadsheet to dates, with times where there are fractions of days."""
    numbers = numbers.set(~numbers.is_between(FIRST, LAST, closed="left"), None)
    days = numbers.cast(pl.Float64) - EPOCH_DAYS
    if bool((days == days.floor()).all()):
        return days.cast(pl.Int32).cast(pl.Date)
    # Ten decimals of a day, as files have them, are some microseconds.
    instants = (days * DAY_MS).round().cast(pl.Int64).cast(pl.Datetime("ms"))
    return instants.cast(pl.Datetime("us"))


def read_serials_again(tidy: pl.Series, reading: Reading) -> pl.Series:
    """Read texts as numbers of a spreadsheet, or as dates that leave no doubt."""
    numbers = to_numbers(
        split_numbers(tidy, Surroundings()), Notation(reading.decimal, reading.group)
    )
    dates = to_dates(numbers)
    written = read_dates_in(tidy.set(dates.is_not_null(), None), None)
    if not written.count():
        return dates
    parts = [part.cast(pl.Datetime("us")) for part in (dates, written)]
    return pl.select(pl.coalesce(*parts)).to_series()
