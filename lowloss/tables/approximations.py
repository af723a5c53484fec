"""Takes off what people write around numbers that are not exact: `~55`, `ca. 30`, `500+`, `<5`."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

NUMBER = r"([-+(]?\s*[^\d\s\pL]?\s*(?:\pL{1,3}\.?\s*)?[.,]?\d.*)$"
"""The rest of a cell: a number, perhaps with a currency."""
WORDS = "ca|circa|approx|approximately|about|around|roughly|etwa|rund|ungefähr|environ|env|aprox"
ABOUT = rf"^(?:[~≈]\s*|c\.\s*|(?i:{WORDS})(?:\.\s*|\s+)){NUMBER}"
LIMITS = "under|over|below|above|less than|more than|fewer than|at least|at most|up to|max|min"
BOUND = rf"^(?:[<>]\s*=?\s*|=[<>]\s*|[≤≥]\s*|(?i:{LIMITS})\.?\s+){NUMBER}"
PLUS = r"^(.*[\d\pL%])\s*\+(\s*\pL*\.?)$"
SIGNS = r"[~≈<>≤≥]|\+\s*\pL*\.?$|^\pL[\pL ]+\.?\s*\S{0,2}\d|^c\.\s*\d"
"""What cells have at least that are not exact."""
FEW_LEVELS, FEW_BOUNDS = 20, 0.5
"""As a category of more levels, bounds are worth little; where most cells are, they are names."""


@dataclass(frozen=True)
class Approximations:
    """Texts without the marks of numbers that are not exact, and where some were taken off."""

    text: pl.Series
    is_marked: pl.Series


def strip_marks(text: pl.Series) -> Approximations:
    """Take off all marks of numbers that are not exact."""
    if not text.str.contains(SIGNS).any():
        return Approximations(text, pl.repeat(False, len(text), dtype=pl.Boolean, eager=True))
    bare = text.str.replace(ABOUT, "$1").str.replace(BOUND, "$1").str.replace(PLUS, "$1$2")
    return Approximations(bare, _differ(text, bare))


def choose_marks(text: pl.Series) -> Approximations:
    """Take off the marks of a column where that leaves no two kinds of cells alike.

    Approximate numbers are numbers. `5+` is one unless `5` is another; bounds such as `<5` are
    where a column has many numbers besides.
    """
    everything = strip_marks(text)
    if not everything.is_marked.any():
        return everything
    bare = text.str.replace(ABOUT, "$1")
    without_plus = bare.str.replace(PLUS, "$1$2")
    has_plus = _differ(bare, without_plus)
    if not without_plus.filter(has_plus).is_in(bare.filter(~has_plus).unique().implode()).any():
        bare = without_plus
    without_bound = bare.str.replace(BOUND, "$1")
    bounds = int(_differ(bare, without_bound).sum())
    if 0 < bounds <= FEW_BOUNDS * text.count() and bare.n_unique() > FEW_LEVELS:
        bare = without_bound
    return Approximations(bare, _differ(text, bare))


def _differ(text: pl.Series, other: pl.Series) -> pl.Series:
    return (text != other).fill_null(value=False)
