"""Reads numbers of two units as one: `5'7"` in inches, `4 years 6 months`, `52° 31' 12" N`."""

from __future__ import annotations

import polars as pl

WHOLE = r"^(\d{1,3})\s*"
FOOT, INCH = r"(?:'|(?:ft\.?|feet|foot)\s)", r"(?:\"|''|in\.?|inch(?:es)?)"
POUND, OUNCE = r"lbs?\.?", r"oz\.?"
YEAR, MONTH = r"(?:y\.?|yrs?\.?|years?)", r"(?:m\.?|mos?\.?|mths?\.?|months?)"
UP_TO_11, UP_TO_15 = (rf"\s*((?:\d|1[0-{last}])(?:\.\d+)?)\s*" for last in (1, 5))
COMPOUNDS = {
    "feet and inches": (rf"(?i){WHOLE}{FOOT}{UP_TO_11}{INCH}?$", 12, "inches"),
    "pounds and ounces": (rf"(?i){WHOLE}{POUND},?{UP_TO_15}{OUNCE}$", 16, "ounces"),
    "years and months": (rf"(?i){WHOLE}{YEAR}(?:,|\s+and)?{UP_TO_11}{MONTH}$", 12, "months"),
}
"""The pattern of each two units, how many of the second are one of the first, and its name."""
SIXTIETHS = r"\s*([0-5]?\d(?:\.\d+)?)\s*"
DEGREES = rf"{WHOLE}°{SIXTIETHS}'(?:{SIXTIETHS}(?:\"|''))?\s*([NSEWO])?$"
MAYBE = r"(?i)^\d{1,3}\s*(?:'|°|f|lb|y)"
"""What all of these begin with."""
DIGITS = 9


def find_compounds(tidy: pl.Series) -> dict[str, pl.Series]:
    """Return where tidy texts are numbers of two units, by what the units are called."""
    if not tidy.str.contains(MAYBE).any():
        return {}
    patterns = {name: pattern for name, (pattern, _, _) in COMPOUNDS.items()}
    patterns["degrees and minutes"] = DEGREES
    masks = {
        name: tidy.str.contains(pattern).fill_null(value=False)
        for name, pattern in patterns.items()
    }
    return {name: is_one for name, is_one in masks.items() if is_one.any()}


def join_compounds(tidy: pl.Series) -> pl.Series:
    """Write numbers of two units as one number: of the second unit, or of degrees."""
    for name, is_one in find_compounds(tidy).items():
        tidy = tidy.zip_with(~is_one, _join(tidy, name).alias(tidy.name))
    return tidy


def _join(tidy: pl.Series, name: str) -> pl.Series:
    if name in COMPOUNDS:
        pattern, ratio, _ = COMPOUNDS[name]
        large, small = _extract(tidy, pattern, 1), _extract(tidy, pattern, 2)
        return _write(large * ratio + small)
    degrees, minutes, seconds = (_extract(tidy, DEGREES, group) for group in (1, 2, 3))
    mark = tidy.str.extract(DEGREES, 4).fill_null("")
    return _write(degrees + minutes / 60 + seconds / 3600) + pl.Series(["° "]) + mark


def _extract(tidy: pl.Series, pattern: str, group: int) -> pl.Series:
    return tidy.str.extract(pattern, group).cast(pl.Float64).fill_null(0.0)


def _write(number: pl.Series) -> pl.Series:
    return number.round(DIGITS).cast(pl.String).str.replace(r"\.0$", "")
