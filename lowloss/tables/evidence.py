"""What the cells of a column show before they are read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import polars as pl

from lowloss.tables.marks import MISSING, MISSING_LOWER
from lowloss.tables.null_values import match_null_values
from lowloss.tables.repeated_marks import MAX_MARKS, find_repeated_marks
from lowloss.tables.units import ZERO
from lowloss.tables.values import is_missing, may_be_value

T = TypeVar("T")

SAMPLE_CELLS, MAX_WORDS = 500, 0.5
"""Cells that are looked at first, and the share of words above which a column is text."""
MIN_ORDERED = 8
"""So many dates rise or fall by chance in one of 20,000 columns."""
MIN_DATES, FEW_YEARS, LAST_DAYS = 20, 1 / 3, 28
"""So many dates with years in front show that by years that are few beside the days, which go up to
the end of a month; of the last days of months, the days are as few."""
FIRST_YEAR = 100
"""An earlier year was written with two digits."""


def clean(column: pl.Series) -> pl.Series:
    """Return texts without blanks around them; null where one says that it is missing."""
    text = column.str.strip_chars()
    return text.set(text.is_in(MISSING), None)


def drop_null_values(column: pl.Series, null_values: Sequence[str]) -> pl.Series:
    """Set cells that were named as missing to null; -200 names `-200.0` and `-200,00`, too."""
    text = column.str.strip_chars()
    is_null = text.is_in(list(null_values)) | text.str.contains(match_null_values(null_values))
    return column.set(is_null, None)


def find_empty(column: pl.Series) -> pl.Series:
    """Return where a cell is empty: quotes with nothing between them are, too."""
    return column.fill_null("") == ""


def find_majority(votes: Counter[T]) -> T | None:
    """Return what the largest number of columns prove; None where none does, or two are equal."""
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def find_mark(text: pl.Series) -> str:
    """Return the mark between the parts of dates."""
    example = str(text.drop_nulls().first())
    return next((character for character in example if character in "/.-"), "")


def is_text(values: object) -> bool:
    """Return whether what was read from a column is texts, and not all are missing."""
    return isinstance(values, pl.Series) and values.dtype == pl.String and values.count() > 0


def has_values(text: pl.Series) -> bool:
    """Return whether a sample of the cells has numbers or dates enough to look at them all.

    Beside a few words that come again and again, some are.
    """
    present = text.drop_nulls()
    sample = present.gather_every(max(1, len(present) // SAMPLE_CELLS)).to_list()
    others = [cell for cell in sample if not is_missing(cell)]
    words = [cell for cell in others if not may_be_value(cell) and not re.search(ZERO, cell)]
    if len(words) <= MAX_WORDS * len(others) > 0:
        return True
    is_open = len(set(words)) <= MAX_MARKS and len(words) < len(others)
    return is_open and find_repeated_marks(text.set(find_missing(text), None)) is not None


def find_missing(text: pl.Series) -> pl.Series:
    """Return where a text says that a number is missing."""
    return text.str.to_lowercase().is_in(list(MISSING_LOWER)).fill_null(value=False)


def has_even_steps(values: pl.Series) -> bool:
    """Return whether enough values follow each other in steps of one size."""
    present = values.drop_nulls()
    steps = present.diff().drop_nulls()
    return steps.n_unique() == 1 and present.n_unique() >= MIN_ORDERED


def is_once_a_month(dates: pl.Series) -> bool:
    """Return whether dates are one day of many months, none twice."""
    present = dates.drop_nulls()
    return present.dt.day().n_unique() == 1 and present.dt.date().n_unique() == len(present)


def is_monotonic(values: pl.Series) -> bool:
    """Return whether enough different values rise or fall throughout."""
    present = values.drop_nulls()
    is_sorted = present.is_sorted() or present.is_sorted(descending=True)
    return is_sorted and present.n_unique() >= MIN_ORDERED


def shows_years_first(dates: pl.Series) -> bool:
    """Return whether dates that were read year first have the years of few, and days of many.

    Read day first, nearly all would be of the same few days of a month.
    """
    days = dates.drop_nulls().unique().dt
    years = days.year() % 100
    if len(years) < MIN_DATES or years.min() >= LAST_DAYS or days.day().max() < LAST_DAYS:  # type: ignore[operator]
        return False
    return years.n_unique() <= FEW_YEARS * days.day().n_unique()
