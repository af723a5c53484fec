"""Reads columns of dates of which some are written in another way than most."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from lowloss.tables.dates import DateReading, find_days, read_dates

MONTHS_OF_YEAR = 12
"""A larger number is no month."""


@dataclass(frozen=True)
class MixedDates:
    """Dates that are written in two ways; `may_swap` where one has days up to 12, the other above.

    `is_other` where a date is not written as most.
    """

    reading: DateReading
    is_other: pl.Series
    may_swap: bool


def mix_dates(text: pl.Series, readings: list[DateReading]) -> MixedDates | None:
    """Return dates of which some are written in another way than most; None where one is in doubt.

    Spreadsheets leave such a column where they take only some texts for dates.
    """
    best = _choose_only(readings)
    if best is None:
        return None
    is_other = best.values.is_null() & text.is_not_null()
    others = _choose_only(read_dates(text.set(~is_other, None)))
    # The month and the day must not change places within a column.
    if others is None or {best.order, others.order} == {"dmy", "mdy"}:
        return None
    parts = [best.values, others.values]
    if len({part.dtype for part in parts}) > 1:
        parts = [part.cast(pl.Datetime("us")) for part in parts]
    values = pl.select(pl.coalesce(*parts)).to_series()
    order = others.order if best.order == "ymd" else best.order
    days = sorted((find_days(part) for part in parts), key=max)
    may_swap = max(days[0]) <= MONTHS_OF_YEAR < min(days[1])
    is_read = is_other & others.values.is_not_null()
    return MixedDates(DateReading(order, values), is_read, may_swap)


def _choose_only(readings: list[DateReading]) -> DateReading | None:
    """Return the reading that reads the most; None where two that differ read as much."""
    best = max((reading.readable for reading in readings), default=0)
    fitting = [reading for reading in readings if reading.readable == best > 0]
    if not fitting or any(not r.values.equals(fitting[0].values) for r in fitting[1:]):
        return None
    return fitting[0]
