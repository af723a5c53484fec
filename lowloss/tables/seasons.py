"""Tells seasons and fiscal years, `2004-05`, from months."""

from __future__ import annotations

import re

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.sentences import warn

SEASON = r"^(\d{4})\s?[-/\x{2013}]\s?(\d{4}|\d{2})$"
MONTH = r"^\d{4}[-/](?:0[1-9]|1[0-2])$"
NAME = (
    r"(?i)(?:^|[^a-z])(?:seasons?|saison|stagione|temporada|seizoen|fiscal|fy|schuljahr"
    r"|wirtschaftsjahr|(?:school|academic|financial|tax|crop|water|marketing)[ _]?year)(?:$|[^a-z])"
)
"""The name of a column of seasons or fiscal years."""
MIN_SEASONS, MIN_STEPS = 3, 5
"""Of so many different months, each is the year's last digits and one in one of 1,000 columns; of
so many, each is as many years later."""
MAX_STEP = 4
"""The most years from the first to the last of a term."""
SHARE = 0.95
"""The share of the cells that must be such: one that is none does not make months of the others."""
DOUBTFUL_MONTHS = 2
"""So many different months of which each may be a season are told."""


def are_seasons(text: pl.Series) -> bool:
    """Return whether nearly all texts are a year and the next one, or all as many years later.

    Fewer are enough where the column is called so.
    """
    steps = _find_steps(text)
    counts = steps.drop_nulls().value_counts()
    if not len(counts):
        return False
    step, count = counts.sort("count", descending=True).row(0)
    distinct = text.filter(steps == step).n_unique()
    has_name = re.search(NAME, text.name) is not None
    needed = 1 if has_name else MIN_SEASONS if step == 1 else MIN_STEPS
    return count >= SHARE * text.count() and distinct >= needed


def may_be_seasons(text: pl.Series) -> bool:
    """Return whether two different months are all a year and the next one, too."""
    steps = _find_steps(text)
    are_all = steps.count() == text.count() and bool((steps.drop_nulls() == 1).all())
    return are_all and text.drop_nulls().n_unique() == DOUBTFUL_MONTHS


def _find_steps(text: pl.Series) -> pl.Series:
    """Return how many years later the second year of each text is; null where it has none."""
    text = text.set(~text.str.contains(SEASON), None).alias("step")
    year, second = (text.str.extract(SEASON, part).cast(pl.Int64) for part in (1, 2))
    is_long = text.str.contains(r"\d{4}$")
    step = (second - year).zip_with(is_long.fill_null(value=False), (second - year) % 100)
    return step.set(~step.is_between(1, MAX_STEP), None)


def warn_of_possible_seasons(text: pl.Series) -> TableWarning:
    """Say that months may be seasons."""
    return warn(
        "ambiguous_dates",
        text,
        text.is_not_null(),
        detail="{count} of {name}, such as {example}, were read as months, and may be a year and "
        "the next one, as seasons are",
        fix="set its type to category if they are seasons",
    )


def warn_of_seasons(text: pl.Series) -> TableWarning:
    """Say that texts were taken for seasons."""
    other = "set its type to date if they are months, or "
    may_be_months = bool(text.drop_nulls().str.contains(MONTH).mean() >= SHARE)  # type: ignore[operator]
    return warn(
        "read_as_seasons",
        text,
        _find_steps(text).is_not_null(),
        detail="{count} of {name}, such as {example}, are a year and a later one, as seasons and "
        "fiscal years are: read as text",
        fix=(other if may_be_months else "") + "write the first year alone if it is to be a number",
    )
