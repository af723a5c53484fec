"""Reads columns of dates and times in the ways that people write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from lowloss.errors import InvalidRequest
from lowloss.tables.date_words import MONTHS, tidy_dates
from lowloss.tables.evidence import (
    FIRST_YEAR,
    MIN_ORDERED,
    has_even_steps,
    is_monotonic,
    is_once_a_month,
)
from lowloss.tables.short_years import are_first_days, weigh_years_first
from lowloss.tables.table import POLARS_FAULTS
from lowloss.wording import describe_error

Order = Literal["ymd", "yymd", "dmy", "mdy"]
"""The order of a date's parts; `yymd` is that of years of two digits."""

CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
HALF, ZONE = (
    r"(?P<half>[AaPp]\.?[Mm]\.?)",
    r"(?P<zone>Z|z|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?|UTC|GMT)",
)
TIME = rf"(?:[T ,:]\s*{CLOCK}\s*{HALF}?\s*{ZONE}?)?$"
EASTERN_TIME = rf"\s?(?:{CLOCK}\s*{HALF}?)?"
WEEKDAY = r"^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?"
WORD = r"(?P<word>\pL{3,12})\.?"
YEAR, LONG_YEAR = r"(?P<y>\d{4}|\d{2})", r"(?P<y>\d{4})"
MONTH, DAY = r"(?P<m>\d{1,2})", r"(?P<d>\d{1,2})"
MARK = r"[-/.]\s?"
QUARTER = r"(?P<q>[1-4])"
WEEK, YEAR_OF_WEEK = r"(?P<week>\d{2})", r"(?P<y>(?:19|20)\d{2})"
"""Of other years, `2835W12` is a type of lamp."""
PATTERNS: tuple[tuple[str, tuple[Order, ...]], ...] = (
    (rf"^{LONG_YEAR}{MARK}{MONTH}{MARK}{DAY}{TIME}", ("ymd",)),
    # A year of two digits stands behind the mark that is before the month: 4.5/10 is a rating.
    *(
        (rf"^{DAY}{mark}\s?{MONTH}{mark}\s?{YEAR}{TIME}", ("dmy", "mdy"))
        for mark in ("/", r"\.", "-")
    ),
    (rf"^{DAY}{MARK}{MONTH}{MARK}{LONG_YEAR}{TIME}", ("dmy", "mdy")),
    (
        rf"{WEEKDAY}{DAY}(?:st|nd|rd|th|\.)?(?: de)?[-/ ]\s?{WORD},?(?: de)?[-/ ]{YEAR}{TIME}",
        ("dmy",),
    ),
    (rf"{WEEKDAY}{WORD}[-/ ]{DAY}(?:st|nd|rd|th)?,?[-/ ]\s?{LONG_YEAR}{TIME}", ("dmy",)),
    (r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})$", ("ymd",)),
    (rf"^{LONG_YEAR}[-/.]{MONTH}$", ("ymd",)),
    (rf"^{MONTH}[-/.]{LONG_YEAR}$", ("ymd",)),
    (rf"^{WORD}[-/ ]{YEAR}$", ("dmy",)),
    (rf"^{LONG_YEAR}[-/ ]{WORD}(?:[-/ ]{DAY})?$", ("dmy",)),
    # SAS, Stata and Oracle: 17APR2024, 17APR2024:08:30:00.
    (rf"^{DAY}(?P<word>[A-Za-z]{{3}}){YEAR}(?:[: ]\s?{CLOCK})?$", ("dmy",)),
    (rf"^{LONG_YEAR}[年년]\s?{MONTH}[月월](?:\s?{DAY}[日일号號]{EASTERN_TIME})?$", ("ymd",)),
    (rf"^{LONG_YEAR}[- ]?[Qq]{QUARTER}$", ("ymd",)),
    (rf"^Q{QUARTER}[-/ ]\s?{LONG_YEAR}$", ("ymd",)),
    (rf"^{QUARTER}Q[- ]?{YEAR}$", ("ymd",)),
    (rf"^{YEAR_OF_WEEK}-?W{WEEK}(?:-?(?P<weekday>[1-7]))?$", ("ymd",)),
    (rf"^(?i:W|KW|week)[- ]?{WEEK}[-/ ]\s?{YEAR_OF_WEEK}$", ("ymd",)),
)
"""Ways to write a date, as parts, with the orders that their digits may have."""
PARTS = (
    *("y", "q", "m", "d", "word", "week", "weekday"),
    *("hour", "minute", "second", "fraction", "half", "zone"),
)
FOUR_DIGITS = r"^\s*\d{4}-"
SHORT_YEAR_FIRST = rf"^(?P<y>\d{{2}}){MARK}{MONTH}{MARK}{DAY}{TIME}"
"""Read so only where the dates rise or fall throughout, and in no other order, or where the years
are few beside the days, or no other order is possible, and all have two digits."""
PADDED_SHORT_YEAR_FIRST = r"^\d\d(?:-\d\d-|/\d\d/)\d\d$"
COMPACT_DAYS = (19_000_101, 21_001_231)
"""The numbers between which whole numbers may be days, such as 20240131."""
COMPACT_TIMES = tuple((COMPACT_DAYS[0] * 10**n, (COMPACT_DAYS[1] + 1) * 10**n) for n in (2, 4, 6))
"""Those between which they may be days with an hour, a minute and a second: 20240131083000."""
POINTED_MONTHS = r"^(?:0?[1-9]|1[0-2])\.(?:19|20)\d\d$", r"^(?:19|20)\d\d\.(?:0[1-9]|1[0-2])$"
POINTED = (1.19, 12.21), (1900, 2101)
"""Months that look like numbers, 04.2024 and 2024.04, and between which numbers these are."""
MIN_POINTED = 8
"""So many different numbers look so by chance in one of 10 million columns."""
SAMPLE_DATES, HEAD_DATES = 500, 200
"""How many texts show how dates are written, and whether words stand around them."""
PIVOT = 69
"""Years of two digits from this on are of the 20th century, as POSIX has it."""


@dataclass(frozen=True)
class DateReading:
    """Dates in one order, or a format; null where a text is none; `is_noted` where a note was.

    They `may_have_years_first` where nothing shows that the year is last.
    """

    order: Order
    values: pl.Series
    is_formatted: bool = False
    is_noted: pl.Series | None = None
    may_have_years_first: bool = False

    @property
    def readable(self) -> int:
        """How many texts are dates."""
        return self.values.count()


def drop_out_of_calendar(column: pl.Series) -> pl.Series:
    """Set dates or datetimes outside the years 1 to 9999 to null: Python cannot represent them."""
    is_inside = column.dt.year().is_between(1, 9999).fill_null(value=False)
    return column if is_inside.all() else column.set(~is_inside, None)


def read_iso(text: pl.Series) -> pl.Series | None:
    """Read dates in ISO 8601 without a time, as most are; None where one is not."""
    head = text.head(100)
    for part in (head, text):
        days = part.str.to_date("%Y-%m-%d", strict=False)
        if days.null_count() != part.null_count() or days.null_count() == len(days):
            return None
    # polars takes `13-01-21` for a day of the year 13.
    if days.dt.year().min() < FIRST_YEAR and not text.str.contains(FOUR_DIGITS).all():  # type: ignore[operator]
        return None
    return drop_out_of_calendar(days)


def read_dates(text: pl.Series) -> list[DateReading]:
    """Read dates in every order in which the commonest way of writing may be meant."""
    best = _read_commonest(text)
    if _count(best) < text.count():
        head = text.drop_nulls().head(HEAD_DATES)
        if _count(_read_commonest(tidy_dates(head))) > _count(_read_commonest(head)):
            tidied = _read_commonest(tidy_dates(text))
            best = tidied if _count(tidied) > _count(best) else best
    if best and not any(is_monotonic(reading.values) for reading in best):
        short = _read_short_years(text)
        if short.count():
            fitting = [r.values for r in best if r.readable == _count(best)]
            is_first = weigh_years_first(short, fitting, text.count())
            if is_first:
                return [DateReading("yymd", short)]
            may_be = is_first is None
            return [replace(reading, may_have_years_first=may_be) for reading in best]
    if not best and text.str.contains(PADDED_SHORT_YEAR_FIRST).all():
        short = _read_short_years(text)
        if short.null_count() == text.null_count() and short.n_unique() >= MIN_ORDERED:
            return [DateReading("yymd", short)]
    return best


def _read_commonest(text: pl.Series) -> list[DateReading]:
    """Read dates in the way of writing that reads the most, in each order that it may have.

    A sample of the texts tells which ways are worth a try.
    """
    best: list[DateReading] = []
    present = text.drop_nulls()
    sample = present.gather_every(max(1, len(present) // SAMPLE_DATES))
    for pattern, orders in PATTERNS:
        if not sample.str.contains(pattern).any():
            continue
        parts = _split(text, pattern)
        readings = list(_read_orders(parts, orders))
        if _count(readings) > _count(best):
            best = readings
        if best and _count(best) == text.count():
            break
    return best


def _count(readings: Sequence[DateReading]) -> int:
    """Return how many texts the best of some readings reads."""
    return max((reading.readable for reading in readings), default=0)


def read_compact_days(numbers: pl.Series, *, are_dates: bool = False) -> pl.Series | None:
    """Return days written as whole numbers, such as 20240131; None where one is no day of 1900 on.

    Of one day alone it is None, too, unless all `are_dates`: it may be a number.
    """
    low, high = numbers.min(), numbers.max()
    if low is None or low < COMPACT_DAYS[0] or high > COMPACT_DAYS[1]:  # type: ignore[operator]
        return None
    if low == high and not are_dates:
        return None
    text = numbers.cast(pl.Int64, strict=False).cast(pl.String)
    days = text.str.to_date("%Y%m%d", strict=False)
    return days if days.null_count() == numbers.null_count() else None


def read_compact_times(numbers: pl.Series) -> pl.Series | None:
    """Return days with a time written as whole numbers; None where one is none, or all are one."""
    low, high = numbers.min(), numbers.max()
    if low is None or low == high:
        return None
    if not any(first <= low and high <= last for first, last in COMPACT_TIMES):  # type: ignore[operator]
        return None
    times = read_dates_in(tidy_dates(numbers.cast(pl.Int64).cast(pl.String)), "ymd")
    return times if times.null_count() == numbers.null_count() else None


def read_whole_dates(numbers: pl.Series) -> tuple[pl.Series, str] | None:
    """Return dates written as whole numbers, and what they are called; None where one is none."""
    if (days := read_compact_days(numbers)) is not None:
        return days, "days"
    times = read_compact_times(numbers)
    return None if times is None else (times, "days with a time")


def read_pointed_months(column: pl.Series, number: pl.Series) -> pl.Series | None:
    """Return months that look like numbers with a point; None where that is not sure."""
    low, high = number.min(), number.max()
    if low is None or not any(first <= low and high <= last for first, last in POINTED):  # type: ignore[operator]
        return None
    text = column.str.strip_chars()
    is_sure = text.n_unique() >= MIN_POINTED or text.str.starts_with("0").any()
    if not is_sure or not any(text.str.contains(months).all() for months in POINTED_MONTHS):
        return None
    return read_dates_in(text, "ymd").alias(column.name)


def choose_order(readings: list[DateReading]) -> list[DateReading]:
    """Return the only reading in which dates rise or fall, or follow in even steps; else all.

    Even steps prove nothing where the other reading has one date a month: both are common.
    """
    ordered = [reading for reading in readings if is_monotonic(reading.values)]
    if len(ordered) == 1:
        return ordered
    even = [reading for reading in readings if has_even_steps(reading.values)]
    others = [reading for reading in readings if reading not in even]
    if len(even) == 1 and not any(is_once_a_month(reading.values) for reading in others):
        return even
    return readings


def choose_firsts(readings: Sequence[DateReading]) -> Order | None:
    """Return the order in which all dates are first days of several months, if it is one."""
    orders = [reading.order for reading in readings if are_first_days(reading.values)]
    return orders[0] if len(orders) == 1 else None


def find_days(dates: pl.Series) -> list[int]:
    """Return the days of the month of dates, each once."""
    return dates.dt.day().drop_nulls().unique().to_list()


def read_dates_in(text: pl.Series, order: Order | None) -> pl.Series:
    """Read each date that is written in an order, or that leaves no doubt; null where none is."""
    columns: list[pl.Series] = [_read_short_years(text)] if order == "yymd" else []
    columns += _read_patterns(text, order)
    dates = _coalesce(columns, len(text))
    is_unread = dates.is_null() & text.is_not_null()
    if not is_unread.any():
        return dates
    columns += _read_patterns(tidy_dates(text.set(~is_unread, None), are_dates=True), order)
    return _coalesce(columns, len(text))


def _read_patterns(text: pl.Series, order: Order | None) -> list[pl.Series]:
    """Read dates in each way of writing that leaves no doubt, or has the order."""
    columns: list[pl.Series] = []
    for pattern, orders in PATTERNS:
        parts = _split(text, pattern)
        readings = _read_orders(parts, orders) if parts["y"].count() else ()
        columns += [r.values for r in readings if len(orders) == 1 or r.order == order]
    return columns


def _coalesce(columns: Sequence[pl.Series], rows: int) -> pl.Series:
    """Return the first value of each row; dates are times where some column has times."""
    if not columns:
        return pl.Series([None] * rows, dtype=pl.Date)
    if any(column.dtype == pl.Datetime for column in columns):
        columns = [column.cast(pl.Datetime("us")) for column in columns]
    frame = pl.DataFrame({str(number): column for number, column in enumerate(columns)})
    return frame.select(pl.coalesce(pl.all())).to_series()


def read_format(text: pl.Series, pattern: str) -> pl.Series:
    """Read dates or times in a format of strptime; null where a text is none.

    Raise InvalidRequest for a format that cannot be used.
    """
    try:
        if not any(f"%{letter}" in pattern for letter in "HIMSTRXcs"):
            return drop_out_of_calendar(text.str.to_date(pattern, strict=False))
        times = text.str.to_datetime(pattern, strict=False, time_unit="us")
    except POLARS_FAULTS as error:
        raise InvalidRequest(
            f"date_format {pattern!r} is no format of dates: {describe_error(error)}",
            field="date_format",
            fix="write it as strptime has it, such as %d/%m/%Y or %Y-%m-%d %H:%M",
        ) from error
    if times.dtype.time_zone is not None:  # type: ignore[attr-defined]  # a Datetime has one
        times = times.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return drop_out_of_calendar(times)


def _read_short_years(text: pl.Series) -> pl.Series:
    (reading,) = _read_orders(_split(text, SHORT_YEAR_FIRST), ("yymd",))
    return reading.values


def _split(text: pl.Series, pattern: str) -> pl.DataFrame:
    parts = text.str.extract_groups(pattern).struct.unnest()
    return parts.with_columns(
        pl.lit(None, dtype=pl.String).alias(name) for name in PARTS if name not in parts.columns
    )


def _read_orders(parts: pl.DataFrame, orders: tuple[Order, ...]) -> Iterator[DateReading]:
    if parts["week"].count():
        yield DateReading("ymd", _read_weeks(parts))
        return
    word = pl.col("word").str.to_lowercase().replace_strict(MONTHS, default=None)
    # The day and the month as they stand; a word is always the month.
    first = pl.col("d").cast(pl.Int32).fill_null(1)
    of_quarter = pl.col("q").cast(pl.Int32) * 3 - 2
    second = pl.coalesce(word, pl.col("m").cast(pl.Int32, strict=False), of_quarter)
    has_times = bool(parts["hour"].count())
    for order in orders:
        day, month = (second, first) if order == "mdy" else (first, second)
        text = pl.concat_str(
            [_find_year().cast(pl.String).str.zfill(4), _pad(month), _pad(day)], separator="-"
        )
        days = parts.select(text.str.to_date("%Y-%m-%d", strict=False).alias("day"))["day"]
        values = _add_times(days, parts) if has_times else days
        yield DateReading(order, drop_out_of_calendar(values))


def _read_weeks(parts: pl.DataFrame) -> pl.Series:
    """Return the days of ISO weeks, Mondays where none is named."""
    weekday = pl.col("weekday").fill_null("1")
    text = pl.concat_str(["y", "week", weekday], separator="-")
    return parts.select(text.str.to_date("%G-%V-%u", strict=False).alias("day"))["day"]


def _find_year() -> pl.Expr:
    year = pl.col("y").cast(pl.Int32)
    century = pl.when(year < PIVOT).then(2000).otherwise(1900)
    return pl.when(pl.col("y").str.len_bytes() == 2).then(year + century).otherwise(year)


def _pad(part: pl.Expr) -> pl.Expr:
    return part.cast(pl.String).str.zfill(2)


def _add_times(days: pl.Series, parts: pl.DataFrame) -> pl.Series:
    """Return instants in UTC, to the microsecond; a time without a zone is in UTC."""

    def number(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.Int64).fill_null(0)

    half = pl.col("half").str.to_lowercase().str.replace_all(".", "", literal=True)
    clock = number("hour") % 12 + pl.when(half == "pm").then(12).otherwise(0)
    hour = pl.when(half.is_null()).then(number("hour")).otherwise(clock)
    zone = pl.col("zone").str.extract_groups(r"([+-])(\d{1,2}):?(\d{2})?$")
    minutes = zone.struct.field("2").cast(pl.Int64) * 60
    minutes += zone.struct.field("3").cast(pl.Int64).fill_null(0)
    offset = pl.when(zone.struct.field("1") == "-").then(-minutes).otherwise(minutes).fill_null(0)
    fraction = pl.col("fraction").fill_null("0").str.pad_end(9, "0").str.head(6).cast(pl.Int64)
    is_midnight = (hour == 24) & (number("minute") == 0) & (number("second") == 0)
    is_time = ((hour < 24) & (number("minute") < 60) & (number("second") < 61)) | is_midnight
    seconds = (hour * 60 + number("minute") - offset) * 60 + number("second")
    micros = seconds * 1_000_000 + fraction
    shifted = pl.col("day").cast(pl.Datetime("us")) + pl.duration(microseconds=micros)
    table = parts.with_columns(days.alias("day"))
    return table.select(pl.when(is_time).then(shifted).otherwise(None).alias("at"))["at"]
