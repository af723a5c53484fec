"""Finds columns of text whose cells look like numbers that the reader does not understand."""

from __future__ import annotations

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.phones import are_phones
from lowloss.tables.sentences import warn
from lowloss.tables.units import CURRENCY

NUMBERED = r"(?:#|№|[Nn](?:[or]\.|[°º]\.?))"
START = rf"^[-+(~≈<>≤≥=▲▼△▽↑↓]{{0,3}}\s*(?:{CURRENCY}|{NUMBERED})?\s*\(?\.?\d"
WITHIN = r"^\D{1,20}(?:[:=]\s?\d+[.,]\d+\D{0,25}|\d+[.,]\d+\s?[\pL°%]\D{0,24})$"
"""One number with decimals behind something else, and a sign or a unit: `T=21.5`, `kl. 4,4 l`.
`E11.9` and `Article 3.2` are codes."""
DIGITS = r"\d+(?:[.,' ]\d+)*"
CODE = (
    r"^\D?\d+(?:\.\d+){2,}$|^\d+(?:-\d+){2,}$|^\d+(?:/\d+){2,}$|^\d{2,}[A-Z]{1,3}\d{3,}$"
    r"|^\d+-[A-Z]{1,3}$|^#\d{4,}$|\n"
)
"""What begins with a number and is none: versions, addresses of networks, dates, codes, orders, and
addresses of several lines."""
BOUND, MAX_BOUNDS = r"^[<>≤≥]", 3
"""So few bounds, if all cells are such, are classes: `<=50K` and `>50K`."""
POSTAL = r"^(\d{4,5}) \p{Lu}\pL{2,}"
"""A postal code and its town: all codes of a country are as long."""
LETTERED, MIN_LETTERS = r"^\d{1,4}[A-Za-z]?$", 3
"""Numbers of houses, seats and gates, where so many different letters stand behind them."""
DAY_AND_MONTH = r"^(?:0?[1-9]|[12]\d|3[01])\.\s?(?:0?[1-9]|1[0-2])\.$"
MAX_CHARACTERS = 40
SHARE, MAX_FORMS, SHOWN_FORMS = 0.8, 12, 3
"""How many of the cells must begin with a number, in how few ways to go on: names of streets have
more."""


def find_lookalikes(text: pl.Series) -> TableWarning | None:
    """Return a warning where most cells of a text begin with a number, or hold one."""
    present = text.count()
    is_code = text.str.contains(CODE) | (text.str.len_chars() > MAX_CHARACTERS)
    begins, holds = (
        (text.str.contains(pattern) & ~is_code).fill_null(value=False)
        for pattern in (START, WITHIN)
    )
    is_alike, verb = (begins, "begin with") if begins.sum() >= holds.sum() else (holds, "hold")
    if not present or is_alike.sum() < SHARE * present:
        return None
    if are_phones(text) or _are_lettered(text.filter(is_alike)) or _are_postal(text):
        return None
    # Named here: a column may be called `count`, as the counts are.
    written = text.filter(is_alike).str.replace_all(DIGITS, "9").alias("form")
    forms = written.value_counts(sort=True)
    if forms["count"].head(MAX_FORMS).sum() < SHARE * present:
        return None
    if len(forms) == 1 and is_alike.sum() == present:
        return _warn_of_form(text, is_alike, verb, str(forms.item(0, 0)))
    listed = ", ".join(
        f"{form!r} in {count:,}" for form, count in forms.head(SHOWN_FORMS).iter_rows()
    )
    are_classes = text.str.contains(BOUND).all() and text.drop_nulls().n_unique() <= MAX_BOUNDS
    advice = "" if are_classes else "convert them to numbers of one unit, or "
    return warn(
        "looks_numeric",
        text,
        is_alike,
        detail=f"{{count}} of {present:,} in {{name}} {verb} a number, such as {{example}}, "
        f"but not all are numbers of one unit (9 for a number: {listed}): read as text",
        fix=f"{advice}set its type to category if they are names",
    )


def _warn_of_form(text: pl.Series, is_alike: pl.Series, verb: str, form: str) -> TableWarning:
    """Say that all cells are of one form, which is no number with a unit behind it."""
    if text.drop_nulls().str.contains(DAY_AND_MONTH).all():
        return warn(
            "looks_numeric",
            text,
            is_alike,
            detail="{count} of {name}, such as {example}, are days and months: read as text",
            fix="write the years, too, or set its type to category if they are names",
        )
    return warn(
        "looks_numeric",
        text,
        is_alike,
        detail=f"all {{count}} of {{name}} {verb} a number, such as {{example}}, in one form "
        f"(9 for a number: {form!r} in {text.count():,}), which is no number with a unit: read as "
        "text",
        fix="write numbers alone, each in a column of its own, or set its type to category if they "
        "are names",
    )


def _are_postal(text: pl.Series) -> bool:
    """Return whether all texts are a postal code and several towns."""
    codes = text.drop_nulls().str.extract(POSTAL)
    towns = text.drop_nulls().str.replace(r"^\d+ ", "")
    is_code = not codes.has_nulls() and codes.str.len_bytes().n_unique() == 1
    return is_code and towns.n_unique() > 1


def _are_lettered(text: pl.Series) -> bool:
    """Return whether most texts are numbers with one of several letters, as of houses."""
    lettered = text.filter(text.str.contains(LETTERED))
    letters = lettered.str.extract(r"([A-Za-z])$").drop_nulls().str.to_lowercase()
    return len(lettered) >= SHARE * len(text) and letters.n_unique() >= MIN_LETTERS
