"""Reads booleans in words."""

from __future__ import annotations

import polars as pl

from lowloss.tables.marks import FALSE_WORDS, MISSING_LOWER, TRUE_WORDS
from lowloss.tables.values import HEAD_ROWS

BOOLEAN_WORDS_AND_MARKS = [*TRUE_WORDS, *FALSE_WORDS, *MISSING_LOWER]


def read_booleans(text: pl.Series) -> pl.Series | None:
    """Read booleans; None where a text is none, or all are missing. The head is tried first."""
    for part in (text.head(HEAD_ROWS), text):
        lower = part.str.to_lowercase()
        if not lower.is_in(BOOLEAN_WORDS_AND_MARKS).all():
            return None
    lower = lower.set(lower.is_in(list(MISSING_LOWER)), None)
    return lower.is_in(list(TRUE_WORDS)) if lower.count() else None


def find_words(text: pl.Series, is_true: pl.Series) -> tuple[str, str]:
    """Return the first words of false and of true as they are written, or what they would be."""
    false, true = (text.filter(is_true == value).first() for value in (False, True))
    default = ("False", "True") if str(true or false)[:1].isupper() else ("false", "true")
    return str(false or default[0]), str(true or default[1])
