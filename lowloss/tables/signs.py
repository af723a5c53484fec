"""Reads words and triangles that say whether a number is positive: `5 Dr`, `▲5`, `52.5° N`."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from lowloss.tables.values import HEAD_ROWS

FAMILIES: tuple[Mapping[str, int], ...] = (
    {"dr": -1, "cr": 1},
    {"db": -1, "cr": 1},
    {"d": -1, "c": 1},
    {"s": -1, "h": 1},
    {"s": -1, "n": 1},
    {"w": -1, "e": 1},
    {"w": -1, "o": 1},
    {"o": -1, "e": 1},
    {"▼": -1, "▲": 1},
    {"▽": -1, "△": 1},
    {"↓": -1, "↑": 1},
)
"""What a minus and a plus is called: debit and credit, Soll und Haben, south and north, west and
east, also in German (W, O) and French (O, E), down and up. Both must be there."""
TRIANGLES = ("▲", "△")
"""Behind which the accounts of Japan write negative numbers, beside others without a mark."""
NUMBER = r"[-+]?[^\pL\d]{0,3}\d[\d.,' ]*"
IN_FRONT = rf"^(?P<mark>[▲△▼▽↑↓]|[NSEWO])\s?(?P<number>{NUMBER}.*)$"
BEHIND = rf"^(?P<number>{NUMBER}°?)\s?(?P<mark>(?i:[dc][rb]|[dcshnweo])\.?|[▲△▼▽↑↓])$"
BRACKETS, IN_BRACKETS = "()", r"^\(\s?(\d+(?:\.\d+)?)\)$"
BRACKETED = r"^\(\s?\d{1,4}\)$"
"""Whole numbers of which none stands without brackets: years of films. Those with marks between
their digits are bookkeeping."""
SHARE, MOSTLY = 0.95, 0.5
"""The share of the cells that must have a mark, unless a triangle is the minus, and that of the
numbers with decimals where the marks are letters."""

Signs = Mapping[str, int]
"""1 or -1 for each mark, in lower case."""


def find_signs(tidy: pl.Series) -> Signs:
    """Return what the marks of a column of numbers mean; nothing where they are none.

    Where they are letters, nearly all cells have them: the head is looked at first.
    """
    if _are_bracketed(tidy.head(HEAD_ROWS)) and _are_bracketed(tidy):
        return {BRACKETS: 1}
    return _find_families(tidy)


def _find_families(tidy: pl.Series) -> Signs:
    head = _find_marks(tidy.head(HEAD_ROWS))
    if head.null_count() == len(head) and not tidy.str.contains("[▲△]").any():
        return {}
    marks = _find_marks(tidy).drop_nulls()
    if not len(marks):
        return {}
    names, present = set(marks.unique()), tidy.count()
    if len(names) == 1 and names <= set(TRIANGLES) and len(marks) < present:
        return dict.fromkeys(names, -1)
    if len(marks) < SHARE * present:
        return {}
    is_letter = all(len(name) == 1 and name.isalpha() for name in names)
    # 12C and 14D are seats, 12N and 14S houses.
    if is_letter and tidy.str.contains(r"\d[.,]\d").sum() < MOSTLY * present:
        return {}
    return next((family for family in FAMILIES if names == set(family)), {})


def apply_signs(tidy: pl.Series, signs: Signs) -> pl.Series:
    """Write numbers with a minus in place of their marks."""
    if not signs:
        return tidy
    if BRACKETS in signs:
        return tidy.str.replace(IN_BRACKETS, "$1")
    mark = _find_marks(tidy)
    is_marked = mark.is_in(list(signs)).fill_null(value=False)
    bare = tidy.str.replace(IN_FRONT, "${number}").str.replace(BEHIND, "${number}")
    bare = bare.str.strip_chars_end("° ")
    sign = mark.replace_strict(
        {name: "-" if sign < 0 else "" for name, sign in signs.items()},
        default="",
        return_dtype=pl.String,
    )
    return tidy.zip_with(~is_marked, (sign + bare).alias(tidy.name))


def has_sign(tidy: pl.Series, signs: Signs) -> pl.Series:
    """Return where a number has one of the marks."""
    if BRACKETS in signs:
        return tidy.str.contains(IN_BRACKETS).fill_null(value=False)
    return _find_marks(tidy).is_in(list(signs)).fill_null(value=False)


def _are_bracketed(tidy: pl.Series) -> bool:
    present = tidy.drop_nulls()
    return len(present) > 0 and bool(present.str.contains(BRACKETED).all())


def _find_marks(tidy: pl.Series) -> pl.Series:
    """Return the mark of each text, in lower case; null where it has none."""
    in_front, behind = (
        tidy.str.extract_groups(pattern).struct.field("mark") for pattern in (IN_FRONT, BEHIND)
    )
    return in_front.fill_null(behind).str.to_lowercase().str.strip_chars_end(".")
