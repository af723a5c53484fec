"""Recognizes phone numbers among texts."""

from __future__ import annotations

import polars as pl

from lowloss.tables.numbers import HEAD_ROWS

PHONE = (
    r"^(?:\(?\+\d|\(\d+\)[ ./-]*\d|0\d+[ ./-]+\d|\d+(?:[ ./-]+\d+){2})[\d ()./-]*"
    r"(?: ?(?:x|ext\.?) ?\d{1,6})?$"
)
"""Digits with blanks, brackets and hyphens between them, which begin with a plus, a bracket or a
zero, or are in three groups or more; an extension may follow."""
DIGITS = (7, 20)
"""How many digits a phone number has, that of an extension included."""
SHARE = 0.95
"""The share of the cells that must be phone numbers."""


def find_phones(text: pl.Series) -> pl.Series:
    """Return where a text is a phone number; null where it is missing."""
    return text.str.contains(PHONE) & text.str.count_matches(r"\d").is_between(*DIGITS)


def are_phones(text: pl.Series) -> bool:
    """Return whether nearly all texts that are there are phone numbers. The head is tried first."""
    for part in (text.head(HEAD_ROWS), text):
        if int(find_phones(part).sum() or 0) < SHARE * part.count():
            return False
    return text.count() > 0
