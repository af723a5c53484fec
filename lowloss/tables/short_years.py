"""Weighs whether dates of three numbers of two digits, `12/03/21`, have the year first or last."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from lowloss.tables.evidence import (
    FEW_YEARS,
    MIN_DATES,
    MIN_ORDERED,
    is_monotonic,
    shows_years_first,
)

NEXT_YEAR = 2027
"""The first year of which few tables have dates: a constant, as a table is read alike every year.
Of the days of months read as years, a sixth are later ones, so that of `MIN_DATES` some are."""
FEW = 0.05
"""The share of the dates up to which some that are odd are taken for mistakes."""
MIN_FIRSTS, MIN_YEARS = 3, 2
"""In several years, first days of so many months are hardly the first days of one January after the
other."""


def weigh_years_first(short: pl.Series, others: Sequence[pl.Series], present: int) -> bool | None:
    """Return whether dates have the year first; None where nothing shows it.

    `short` are the dates so read, `others` those read otherwise, none of which rise or fall.
    """
    best = max(other.count() for other in others)
    if short.count() < best:
        return False
    readings, is_odd = (short, *others), short.count() - best > FEW * present
    firsts = [are_first_days(dates) for dates in readings]
    is_rising = is_monotonic(short)
    if sum(firsts) == 1 and not is_odd and not is_rising:
        return firsts[0]
    if is_rising or shows_years_first(short):
        return True
    if is_odd:
        return short.count() == present
    later = [(dates.dt.year() >= NEXT_YEAR).sum() for dates in readings]
    if short.n_unique() >= MIN_DATES and 0 in later and max(later) > FEW * present:
        return later[0] == 0 if 0 in (later[0], max(later[1:])) else None
    return False if _shows_days_first(short, others) else None


def are_first_days(dates: pl.Series) -> bool:
    """Return whether all dates are first days of several months in several years."""
    days = dates.drop_nulls().dt
    is_long = days.month().n_unique() >= MIN_FIRSTS and days.year().n_unique() >= MIN_YEARS
    return is_long and days.day().unique().to_list() == [1]


def _shows_days_first(short: pl.Series, others: Sequence[pl.Series]) -> bool:
    """Return whether few dates are there to judge, or the last numbers are few beside the first."""
    if short.n_unique() < MIN_ORDERED:
        return True
    days, years = short.drop_nulls().unique().dt.day(), short.drop_nulls().unique().dt.year()
    if len(years) >= MIN_DATES and days.n_unique() <= FEW_YEARS * years.n_unique():
        return True
    return len(others) > 1
