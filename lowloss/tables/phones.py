"""Recognizes phone numbers among texts."""

from __future__ import annotations

import polars as pl

from lowloss.tables.values import HEAD_ROWS

PHONE = (
    r"^(?:\(?\+\d[\d ()./-]*"
    r"|\(\d+\)[ ./-]*\d[\d ()./-]*"
    r"|0\d{1,5} ?[ /-] ?\d{2,}(?:[ -]\d{2,})*"
    r"|\d{1,5}(?:[ -]\d{2,}){2,}"
    r"|\d{3}\.\d{3}\.\d{4})"
    r"(?: ?(?:x|ext\.?) ?\d{1,6})?$"
)
"""What begins with a plus or a bracket; a code with a zero, and a number; three groups or more, of
two digits or more but for the first, with blanks or hyphens between them; and as in 555.123.4567.
An extension may follow."""
OTHER = (
    r"^(?:[1-9]\d{0,2}(?: \d{3})+"
    r"|(?:19|20)\d\d[ -]\d{1,2}[ -]\d{1,2}(?: .*)?"
    r"|\d{1,2}[ -]\d{1,2}[ -](?:19|20)\d\d(?: .*)?)$"
)
"""What has such groups, too: numbers with blanks between thousands, and dates."""
DIGITS = (7, 20)
"""How many digits a phone number has, that of an extension included."""
SHARE = 0.95
"""The share of the cells that must be phone numbers."""


def find_phones(text: pl.Series) -> pl.Series:
    """Return where a text is a phone number; null where it is missing."""
    is_phone = text.str.contains(PHONE) & ~text.str.contains(OTHER)
    return is_phone & text.str.count_matches(r"\d").is_between(*DIGITS)


def are_phones(text: pl.Series) -> bool:
    """Return whether nearly all texts that are there are phone numbers. The head is tried first."""
    for part in (text.head(HEAD_ROWS), text):
        if int(find_phones(part).sum() or 0) < SHARE * part.count():
            return False
    return text.count() > 0
