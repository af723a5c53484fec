"""Takes off the marks of footnotes and flags behind numbers: `5.1*`, `6 (e)`, `7.5[1]`, `8 p`."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl

NUMBER = r"(?:[<>\x{2264}\x{2265}]\s?)?[-+(]?\s*[\d.,' ]*\d[.,]?\s?%?\)?"
PLAIN = rf"^{NUMBER}$"
"""A number without a unit, loosely; it may be a bound."""
MARKED = (
    rf"^(?P<number>{NUMBER})\s*"
    r"(?P<mark>\*{1,3}|[†‡§¹²³⁴]{1,3}|\([a-z]{1,2}\)|\[(?:[a-z]|\d{1,2})\]"
    r"|[bcdefnprsuz]{1,2}|bep|(?:\*\s?)?(?:HH?|LL?)|[UJEBQ]|est\.?)$"
)
"""A number with such a mark behind it."""
FLAG = r"\d\)?\s?%?\s?(?:\*\s?)?([a-z]{1,2}|bep|HH?|LL?|[UJEBQ]|est\.?)$"
GLUED = r"\d(?:[a-z]{1,2}|[EBQ])$"
"""Letters without a blank before them: `1.9d` may have a unit, and `12B` be a house."""
GLUED_FLAG, DECIMALS = r"\d(?:HH?|LL?)$", r"\d[.,]\d"
"""So may `12H` be: flags stand behind numbers with decimals, or at numbers that no other has."""
LISTED = r"\[\w{1,2}\]$"
"""The mark of a footnote as encyclopedias write it, which nothing else is."""
EUROSTAT, LABORATORY = frozenset("bperu"), frozenset(("H", "HH", "L", "LL"))
JOINED = frozenset(("be", "bp", "bu", "ep", "eu", "pu", "bep"))
SINGLE = EUROSTAT | JOINED | frozenset(("U", "J", "E", "B", "Q", "est", "est."))
"""Flags, of which one shows that such letters are no units: of Eurostat's beside another one, or
among numbers of the same size, as `50 p` may be pence; so those of laboratories for what is below a
limit, or estimated."""
MIN_CELLS, MANY_CELLS = 8, 20
"""How many cells show what size numbers have, and how many the middle half of them."""
MOSTLY, SHARE, FEW_PLAIN = 0.5, 0.95, 0.2
"""The share of cells that must be plain numbers, and that of them and those with marks; that of
plain numbers beside footnotes as encyclopedias have them, or several flags of Eurostat."""


def find_footnotes(tidy: pl.Series, *, are_numbers: bool = False) -> pl.Series | None:
    """Return where tidy texts are numbers with a mark, if all others are plain; else None.

    Where all `are_numbers`, each that has a mark is one.
    """
    is_noted = tidy.str.contains(MARKED).fill_null(value=False)
    if not is_noted.any():
        return None
    if are_numbers:
        return is_noted
    flag = tidy.set(~is_noted, None).str.extract(FLAG)
    if not _are_flags(tidy, flag):
        is_noted &= flag.is_null()
    # Of an estimate, `5.1e` is one as well.
    elif set(flag.drop_nulls()) != {"e"}:
        is_noted &= ~tidy.str.contains(GLUED).fill_null(value=False)
    is_glued = tidy.str.contains(GLUED_FLAG).fill_null(value=False)
    if is_glued.any() and _are_names(tidy, is_glued):
        is_noted &= ~is_glued
    if not is_noted.any():
        return None
    is_plain = tidy.str.contains(PLAIN).fill_null(value=False)
    present = tidy.count()
    flags = set(flag.filter(is_noted).drop_nulls())
    is_sure = len(flags) > 1 and flags <= EUROSTAT | JOINED
    is_sure |= tidy.filter(is_noted).str.contains(LISTED).all()
    mostly = FEW_PLAIN if is_sure else MOSTLY
    if is_plain.sum() < mostly * present or (is_plain | is_noted).sum() < SHARE * present:
        return None
    return is_noted


def _are_flags(tidy: pl.Series, flag: pl.Series) -> bool:
    """Return whether letters behind numbers are flags."""
    letters = set(flag.drop_nulls().unique())
    if not LABORATORY.isdisjoint(letters):
        return True
    if SINGLE.isdisjoint(letters):
        return False
    are_eurostat = not EUROSTAT.isdisjoint(letters) or letters <= JOINED
    has_several = len(letters) > 1 and are_eurostat
    return has_several or _are_alike(tidy, flag.is_not_null())


def _are_names(tidy: pl.Series, is_glued: pl.Series) -> bool:
    """Return whether `12H` may be a house or a flat: among whole numbers, of which one is `12`.

    Of two equal numbers none is above a limit and the other below it.
    """
    bare = strip_footnotes(tidy).zip_with(is_glued, tidy)
    return bare.n_unique() < tidy.n_unique() and not tidy.str.contains(DECIMALS).any()


def _are_alike(tidy: pl.Series, is_flagged: pl.Series) -> bool:
    """Return whether numbers with a letter lie among those without one, in the middle of many."""
    plain = strip_footnotes(tidy).str.replace_all(r"[, ]", ".").cast(pl.Float64, strict=False)
    flagged, bare = plain.filter(is_flagged).drop_nulls(), plain.filter(~is_flagged).drop_nulls()
    cells = len(flagged) + len(bare)
    if cells < MIN_CELLS or not len(flagged) or not len(bare):
        return False
    margin = 0.25 if cells >= MANY_CELLS else 0
    low, middle, high = (
        np.quantile(part, share)
        for part, share in ((bare, margin), (flagged, 0.5), (bare, 1 - margin))
    )
    return bool(low <= middle <= high)


def strip_footnotes(tidy: pl.Series, multiples: Collection[str] = ()) -> pl.Series:
    """Take off the marks behind numbers, but for those that multiply them."""
    bare = tidy.str.replace(MARKED, "${number}").str.strip_chars()
    if not multiples:
        return bare
    is_multiple = extract_marks(tidy).is_in(list(multiples)).fill_null(value=False)
    return tidy.zip_with(is_multiple, bare)


def extract_marks(tidy: pl.Series) -> pl.Series:
    """Return the mark behind each number; null where there is none."""
    return tidy.str.extract_groups(MARKED).struct.field("mark")


def list_marks(noted: pl.Series) -> list[str]:
    """Return the marks of numbers that have some, in their order."""
    return sorted(extract_marks(noted).unique().drop_nulls())
