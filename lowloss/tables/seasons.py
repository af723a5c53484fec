"""Tells seasons and fiscal years, `2004-05`, from months."""

from __future__ import annotations

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.sentences import warn

SEASON = r"^(\d{4})\s?[-/\x{2013}]\s?(\d{4}|\d{2})$"
MONTH = r"^\d{4}[-/](?:0[1-9]|1[0-2])$"
MIN_SEASONS = 3
"""Of so many different months, each is the year's last digits and one in one of 1,000 columns."""


def are_seasons(text: pl.Series) -> bool:
    """Return whether all texts are a year and the next one."""
    distinct = text.drop_nulls().unique()
    if len(distinct) < MIN_SEASONS or not distinct.str.contains(SEASON).all():
        return False
    year, second = (distinct.str.extract(SEASON, part).cast(pl.Int64) for part in (1, 2))
    following = year + 1
    return bool(((following == second) | (following % 100 == second)).all())


def warn_of_seasons(text: pl.Series) -> TableWarning:
    """Say that texts were taken for seasons."""
    other = "set its type to date if they are months, or "
    may_be_months = bool(text.drop_nulls().str.contains(MONTH).all())
    return warn(
        "read_as_seasons",
        text,
        text.is_not_null(),
        detail="{count} of {name}, such as {example}, are a year and the next one, as seasons and "
        "fiscal years are: read as text",
        fix=(other if may_be_months else "") + "write the first year alone if it is to be a number",
    )
