"""Columns that leave a doubt, which the other columns of a file must decide."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from lowloss.tables.dates import DateReading, Order, choose_firsts
from lowloss.tables.notation import Mark, guess_decimal
from lowloss.tables.numbers import Numbers


@dataclass(frozen=True)
class DoubtfulNumbers:
    """A column of numbers whose mark other columns must decide."""

    text: pl.Series
    numbers: Numbers
    mark: Mark

    def guess_decimal(self) -> Mark:
        """Return the decimal mark where no other column proves it."""
        has_currency = bool(self.numbers.around.currencies)
        return guess_decimal(self.numbers.shapes, self.mark, has_currency=has_currency)


@dataclass(frozen=True)
class DoubtfulDates:
    """A column of dates whose order other columns must decide."""

    text: pl.Series
    readings: tuple[DateReading, ...]

    def guess_order(self, mark: str) -> Order:
        """Return the order that dates with a mark most often have, unless all are first days."""
        # 4/3/2024 in America, 4.3.2024 in Europe.
        return choose_firsts(self.readings) or ("mdy" if mark == "/" else "dmy")


Doubt = DoubtfulNumbers | DoubtfulDates
