"""Tells plain numbers that may be something else: times, days with months, versions, codes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.sentences import warn
from lowloss.tables.values import HEAD_ROWS

PADDED = r"^0\d+\.\d"
"""A number that begins with a zero and goes on, which no program writes by itself."""
DAY_AND_MONTH = r"^(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])$"
TIME = r"^(?:[01]\d|2[0-3])\.[0-5]\d$"
CLOCK, MIN_CLOCKS = r"^(?:[01]?\d|2[0-3])\.[0-5]\d$", 10
TIME_NAME = re.compile(
    r"(?:^|[^a-z])(?:time|uhrzeit|zeit|abfahrt|ankunft|ora|orario|hora|heure|godz|godzina|saat|tid"
    r"|klockan|klokken|kl|klo|kello|hodina|departure|arrival)(?:$|[^a-z])",
    re.IGNORECASE,
)
"""A time of day, how many different ones are hardly decimals, and what their column is called."""
VERSION = r"^\d{1,3}(?:\.(?:0|[1-9]\d?))?$"
"""A version: behind the point is a whole number. `1.05` is none."""
LONGER, SHORTER = r"\.[1-9]0$", r"\.\d$"
MAX_LENGTH = 6
MAX_MINOR = 40
"""Of two digits behind a point, those of versions count up from 10: decimals go up to 99."""
POWER, POINT_OR_SIGN = r"^\d{1,4}[eE](?:\d|1[0-5])$", r"[.,+-]"
"""A power of ten as no program writes it: they write `1e+05`, or from `1e16` on without a sign."""


def tell_doubtful_decimals(text: pl.Series) -> Iterator[TableWarning]:
    """Say which numbers of a column with points, or powers of ten, may be none.

    The head is looked at first: most columns are none of them.
    """
    head = text.head(HEAD_ROWS)
    if says_time(text.name) and _are_clocks(text):
        yield _warn_of_clocks(text)
        return
    zeros = text.filter(text.str.starts_with("0"))
    if may_be_padded(zeros).any() and (is_padded := _contains(text, PADDED)).any():
        yield _warn_of_padded(text, is_padded)
    if may_be_versions(head).all() and may_be_versions(text).all() and _are_versions(text):
        yield _warn_of_versions(text, has_long_minor(text))
    if not _contains(head, POINT_OR_SIGN).any() and (is_power := _find_powers(text)).any():
        yield _warn_of_powers(text, is_power)


def says_time(name: str) -> bool:
    """Return whether the name of a column says that it holds times of day."""
    return TIME_NAME.search(name) is not None


def _are_clocks(text: pl.Series) -> bool:
    """Return whether all numbers may be times of day, and many are."""
    return text.n_unique() >= MIN_CLOCKS and _fit(text, CLOCK)


def _warn_of_clocks(text: pl.Series) -> TableWarning:
    """Say that decimals may be times of day, as their column is called."""
    return warn(
        "may_be_times",
        text,
        text.is_not_null(),
        detail="{count} of {name}, such as {example}, may be times of day, as its name says: read "
        "as decimal numbers",
        fix="set its type to duration if they are times",
    )


def may_be_padded(text: pl.Series) -> pl.Series:
    """Return where a number begins with a zero that no point follows; no pattern is matched."""
    is_padded = text.str.starts_with("0") & ~text.str.starts_with("0.") & (text != "0")
    return is_padded.fill_null(value=False)


def may_be_versions(text: pl.Series) -> pl.Series:
    """Return where a cell is as short as a version, or missing."""
    return (text.str.len_bytes() <= MAX_LENGTH).fill_null(value=True)


def has_long_minor(text: pl.Series) -> pl.Series:
    """Return where a number has two decimals, of which the last is a zero, as 1.10."""
    return _contains(text, LONGER)


def has_no_point(text: pl.Series) -> pl.Series:
    """Return where a cell has no point, and is not missing."""
    return ~text.str.contains(".", literal=True).fill_null(value=True)


def _find_powers(text: pl.Series) -> pl.Series:
    """Return where a number has an exponent, if none has a point or a sign."""
    is_power = _contains(text, POWER)
    return is_power & (not _contains(text, POINT_OR_SIGN).any())


def _are_versions(text: pl.Series) -> bool:
    """Return whether 1.10 may be another number than 1.1.

    Both are there, or 1.9 is, and no number behind a point is large.
    """
    present = text.drop_nulls()
    if not has_long_minor(present.filter(present.str.ends_with("0"))).any():
        return False
    if not _contains(present, VERSION).all():
        return False
    distinct = present.unique()
    longer = distinct.filter(_contains(distinct, LONGER))
    if not _contains(distinct, SHORTER).any():
        return False
    if longer.str.strip_suffix("0").is_in(distinct.to_list()).any():
        return True
    minor = distinct.str.extract(r"\.(\d+)$").cast(pl.Int64)
    return bool((minor <= MAX_MINOR).all())


def _warn_of_padded(text: pl.Series, is_padded: pl.Series) -> TableWarning:
    """Say that decimals begin with a zero, and what else they may be."""
    names, fixes = [], []
    if _fit(text, TIME):
        names.append("times of day")
        fixes.append("to duration if they are times")
    if _fit(text, DAY_AND_MONTH):
        names.append("days with months")
    meaning = " or ".join(names) or "codes"
    fixes.append("to category if they are names")
    return warn(
        "leading_zeros",
        text,
        is_padded,
        detail="{count} of {name}, such as {example}, begin with a zero, as decimals do not: they "
        f"may be {meaning}; read as decimal numbers",
        fix=f"set its type {', '.join(fixes)}",
    )


def _warn_of_versions(text: pl.Series, is_longer: pl.Series) -> TableWarning:
    """Say that 1.10 was read as 1.1."""
    return warn(
        "may_be_versions",
        text,
        is_longer,
        detail="{count} of {name}, such as {example}, end in a zero where others have fewer "
        "decimals, as versions do: read as decimal numbers, 1.10 as 1.1",
        fix="set its type to category if they are versions or numbers of sections",
    )


def _warn_of_powers(text: pl.Series, is_power: pl.Series) -> TableWarning:
    """Say that codes with an E were read as powers of ten."""
    return warn(
        "powers_of_ten",
        text,
        is_power,
        detail="{count} of {name}, such as {example}, were read as powers of ten: 3E2 as 300",
        fix="set its type to category if they are codes",
    )


def _fit(text: pl.Series, pattern: str) -> bool:
    return bool(_contains(text.drop_nulls(), pattern).all())


def _contains(text: pl.Series, pattern: str) -> pl.Series:
    return text.str.contains(pattern).fill_null(value=False)
