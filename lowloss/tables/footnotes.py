"""Takes off the marks of footnotes and flags behind numbers: `5.1*`, `6 (e)`, `7.5[1]`, `8 p`."""

from __future__ import annotations

import numpy as np
import polars as pl

PLAIN = r"^[-+(]?\s*[\d.,' ]*\d[.,]?\s?%?\)?$"
"""A number without a unit, loosely."""
MARKED = (
    r"^(?P<number>[-+(]?\s*[\d.,' ]*\d[.,]?\s?%?\)?)\s*"
    r"(?P<mark>\*{1,3}|[†‡§¹²³⁴]{1,3}|\([a-z]{1,2}\)|\[(?:[a-z]|\d{1,2})\]"
    r"|\b[bcdefnprsuz]{1,2}|\b(?:HH?|LL?))$"
)
"""A number with such a mark behind it."""
FLAG = r"\d\)? ?%? ([a-z]{1,2}|HH?|LL?)$"
EUROSTAT, LABORATORY = frozenset("bperu"), frozenset(("H", "HH"))
"""Flags, of which one shows that such letters are no units: of Eurostat's beside another one, or
among numbers of the same size, as `50 p` may be pence."""
MIN_CELLS = 20
"""How many cells show what size numbers have."""
MOSTLY, SHARE = 0.5, 0.95
"""The share of cells that must be plain numbers, and that of them and those with marks."""


def find_footnotes(tidy: pl.Series) -> pl.Series | None:
    """Return where tidy texts are numbers with a mark, if all others are plain; else None."""
    is_noted = tidy.str.contains(MARKED).fill_null(value=False)
    if not is_noted.any():
        return None
    flag = tidy.str.extract(FLAG)
    if not _are_flags(tidy, flag):
        is_noted &= flag.is_null()
    if not is_noted.any():
        return None
    is_plain = tidy.str.contains(PLAIN).fill_null(value=False)
    present = tidy.count()
    if is_plain.sum() < MOSTLY * present or (is_plain | is_noted).sum() < SHARE * present:
        return None
    return is_noted


def _are_flags(tidy: pl.Series, flag: pl.Series) -> bool:
    """Return whether letters behind numbers are flags."""
    letters = set(flag.drop_nulls().unique())
    if not LABORATORY.isdisjoint(letters):
        return True
    if EUROSTAT.isdisjoint(letters):
        return False
    return len(letters) > 1 or _are_alike(tidy, flag.is_not_null())


def _are_alike(tidy: pl.Series, is_flagged: pl.Series) -> bool:
    """Return whether numbers with a letter lie among those without one, in the middle."""
    plain = strip_footnotes(tidy).str.replace_all(r"[, ]", ".").cast(pl.Float64, strict=False)
    flagged, bare = plain.filter(is_flagged).drop_nulls(), plain.filter(~is_flagged).drop_nulls()
    if len(flagged) + len(bare) < MIN_CELLS or not len(flagged) or not len(bare):
        return False
    low, middle, high = (
        np.quantile(part, share) for part, share in ((bare, 0.25), (flagged, 0.5), (bare, 0.75))
    )
    return bool(low <= middle <= high)


def strip_footnotes(tidy: pl.Series) -> pl.Series:
    """Take off the marks behind numbers."""
    return tidy.str.replace(MARKED, "${number}").str.strip_chars()


def list_marks(noted: pl.Series) -> list[str]:
    """Return the marks of numbers that have some, in their order."""
    return sorted(noted.str.extract_groups(MARKED).struct.field("mark").unique().drop_nulls())
