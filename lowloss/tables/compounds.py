"""Reads numbers of two units as one: `5'7"` in inches, `4 years 6 months`, `52° 31' 12" N`."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

WHOLE = r"^(\d{1,3})\s*"
FOOT, INCH = r"(?:ft\.?|feet|foot)", r"(?:\"|''|in\.?|inch(?:es)?)"
POUND, OUNCE = r"lbs?\.?", r"oz\.?"
YEAR, MONTH = r"(?:y\.?|yrs?\.?|years?)", r"(?:m\.?|mos?\.?|mths?\.?|months?)"
UP_TO_11, UP_TO_15 = (rf"\s*((?:\d|1[0-{last}])(?:\.\d+)?)\s*" for last in (1, 5))
SIXTIETHS = r"\s*([0-5]?\d(?:\.\d+)?)\s*"
MAYBE = r"(?i)^\s*(?:[NSEWO]\s?)?\d{1,3}\s*(?:['\x{2019}\x{2032}°]|f|lb|y)"
"""What all of these begin with, tidy or not."""
IN_FRONT = r"^([NSEWO])\s?(\d{1,3}\s*°.*['\"])$"
"""A direction that others write behind: `N48°26'15.5"`."""
DIGITS = 9


@dataclass(frozen=True)
class Compound:
    """Numbers of several units: the `pattern` of its numbers, and what each counts of one `unit`.

    A group of the pattern behind them is a mark that stays.
    """

    name: str
    pattern: str
    factors: tuple[float, ...]
    unit: str


COMPOUNDS = (
    # Without a mark of inches, only heights of people: `45'2` is a minute of a match.
    Compound("feet and inches", rf"(?i)^(\d)\s*'{UP_TO_11}$", (12, 1), "inches"),
    Compound("feet and inches", rf"(?i){WHOLE}(?:'|{FOOT}){UP_TO_11}{INCH}$", (12, 1), "inches"),
    Compound("pounds and ounces", rf"(?i){WHOLE}{POUND},?{UP_TO_15}{OUNCE}$", (16, 1), "ounces"),
    Compound(
        "years and months", rf"(?i){WHOLE}{YEAR}(?:,|\s+and)?{UP_TO_11}{MONTH}$", (12, 1), "months"
    ),
    Compound(
        "degrees and minutes",
        rf"{WHOLE}°{SIXTIETHS}'(?:{SIXTIETHS}(?:\"|''))?\s*([NSEWO])?$",
        (1, 1 / 60, 1 / 3600),
        "degrees",
    ),
)


def may_be_compounds(text: pl.Series) -> bool:
    """Return whether some text begins as a number of two units does; it need not be tidy."""
    return bool(text.str.contains(MAYBE).any())


def find_compounds(tidy: pl.Series) -> list[tuple[Compound, pl.Series]]:
    """Return the kinds of such numbers among tidy texts, and where each is."""
    return _find_compounds(_put_behind(tidy)) if may_be_compounds(tidy) else []


def join_compounds(tidy: pl.Series) -> pl.Series:
    """Write numbers of several units as one number of the last, or of degrees."""
    if not may_be_compounds(tidy):
        return tidy
    tidy = _put_behind(tidy)
    for compound, is_one in _find_compounds(tidy):
        tidy = tidy.zip_with(~is_one, _join(tidy, compound).alias(tidy.name))
    return tidy


def _put_behind(tidy: pl.Series) -> pl.Series:
    """Write directions behind degrees."""
    return tidy.str.replace(IN_FRONT, "$2 $1")


def _find_compounds(tidy: pl.Series) -> list[tuple[Compound, pl.Series]]:
    """Return the kinds of such numbers among texts with directions behind, and where each is."""
    masks = [
        (compound, tidy.str.contains(compound.pattern).fill_null(value=False))
        for compound in COMPOUNDS
    ]
    return [(compound, is_one) for compound, is_one in masks if is_one.any()]


def _join(tidy: pl.Series, compound: Compound) -> pl.Series:
    groups = tidy.str.extract_groups(compound.pattern).struct.unnest()
    parts, factors = groups.get_columns(), compound.factors
    total = pl.Series([0.0])
    for part, factor in zip(parts, factors, strict=False):
        total = total + part.cast(pl.Float64).fill_null(0.0) * factor
    number = total.round(DIGITS).cast(pl.String).str.replace(r"\.0$", "")
    for mark in parts[len(factors) :]:
        number = number + pl.Series(["° "]) + mark.fill_null("")
    return number
