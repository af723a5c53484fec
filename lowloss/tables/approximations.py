"""Takes off what people write around numbers that are not exact: `~55`, `ca. 30`, `500+`, `<5`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from lowloss.results import InexactMark

NUMBER = r"([-+(]?\s*[^\d\s\pL]?\s*(?:\pL{1,3}\.?\s*)?[.,]?\d.*)$"
"""The rest of a cell: a number, perhaps with a currency."""
WORDS = "ca|circa|approx|approximately|about|around|roughly|etwa|rund|ungefähr|environ|env|aprox"
ABOUT = rf"^(?:[~≈±]\s*|\+/-\s*|c\.\s*|(?i:{WORDS})(?:\.\s*|\s+)){NUMBER}"
ERROR = r"^([-+]?\d[\d.,]*)\s*(?:±|\+/-)\s*\d[\d.,]*%?$"
"""A number with its error behind it."""
LIMITS = "under|over|below|above|less than|more than|fewer than|at least|at most|up to|max|min"
LIMITS += "|from|starting (?:at|from)|ab|bis|dès|à partir de|jusqu'à|desde|hasta|vanaf|tot|od|do"
BOUND = rf"^(?:[<>]\s*=?\s*|=[<>]\s*|[≤≥]\s*|(?i:{LIMITS})\.?\s+){NUMBER}"
PLUS = r"^(.*[\d\pL%])\s*\+(\s*\pL*\.?)$"
SIGNS = r"[~≈<>≤≥±]|\+/-|\+\s*\pL*\.?$|^\pL[\pL ]+\.?\s*\S{0,2}\d|^c\.\s*\d"
"""What cells have at least that are not exact."""
GRADE_UP, GRADE_DOWN, GRADE_SHARE = r"^\d\+$", r"^\d-$", 0.2
"""Grades of schools, `2+` and `2-`, and the share of such cells from which on they are: else, or
without the other kind, they are a minus of accounts and a bound."""
FEW_LEVELS, FEW_BOUNDS = 20, 0.5
"""As a category of more levels, bounds are worth little; where most cells are, not all, they are
names."""
MAX_LIMITS = 3
"""So few different bounds are limits of detection, however many cells have one."""


PATTERNS: dict[InexactMark, tuple[str, str]] = {
    "about": (f"{ABOUT}|{ERROR}", "$1$2"),
    "bound": (BOUND, "$1"),
    "plus": (PLUS, "$1$2"),
}
"""What a mark is taken off by, and what of the cell stays."""


@dataclass(frozen=True)
class Approximations:
    """Texts without the marks of numbers that are not exact, and where some were taken off.

    `unread` are the marks with which cells are no numbers of their column.
    """

    text: pl.Series
    is_marked: pl.Series
    unread: tuple[InexactMark, ...] = ()


def strip_marks(text: pl.Series, unread: Collection[InexactMark] = ()) -> Approximations:
    """Take off the marks of numbers that are not exact, but for those with which none is one."""
    bare = text
    if text.str.contains(SIGNS).any():
        for mark in PATTERNS:
            bare = bare if mark in unread else _take_off(bare, mark)
    return Approximations(bare, _differ(text, bare))


def choose_marks(text: pl.Series, *, are_numbers: bool = False) -> Approximations:
    """Take off the marks of a column where that leaves no two kinds of cells alike.

    Approximate numbers are numbers. `5+` is one unless `5` is another; bounds such as `<5` are
    where a column has many numbers besides.
    """
    everything = strip_marks(text)
    if are_numbers or not everything.is_marked.any():
        return everything
    unread: list[InexactMark] = []
    bare = _take_off(text, "about")
    without_plus = _take_off(bare, "plus")
    has_plus = _differ(bare, without_plus)
    if without_plus.filter(has_plus).is_in(bare.filter(~has_plus).unique().implode()).any():
        unread.append("plus")
    else:
        bare = without_plus
    without_bound = _take_off(bare, "bound")
    is_bound = _differ(bare, without_bound)
    bounds = int(is_bound.sum())
    are_few = bounds <= FEW_BOUNDS * text.count() or bounds == text.count()
    are_limits = bare.filter(is_bound).n_unique() <= MAX_LIMITS
    if (are_few or are_limits) and bare.n_unique() > FEW_LEVELS:
        bare = without_bound
    elif bounds:
        unread.append("bound")
    return Approximations(bare, _differ(text, bare), tuple(unread))


def mark_grades(tidy: pl.Series) -> pl.Series:
    """Write a word before grades such as `2-`, where some are `2+`: so they are no numbers."""
    is_down = tidy.str.contains(GRADE_DOWN).fill_null(value=False)
    if not is_down.any() or not tidy.str.contains(GRADE_UP).any():
        return tidy
    is_grade = is_down | tidy.str.contains(GRADE_UP).fill_null(value=False)
    if is_grade.sum() < GRADE_SHARE * tidy.count():
        return tidy
    return tidy.zip_with(~is_grade, ("grade " + tidy).alias(tidy.name))


def _take_off(text: pl.Series, mark: InexactMark) -> pl.Series:
    pattern, rest = PATTERNS[mark]
    return text.str.replace(pattern, rest)


def _differ(text: pl.Series, other: pl.Series) -> pl.Series:
    return (text != other).fill_null(value=False)
