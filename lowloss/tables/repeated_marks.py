"""Finds words that come again and again among numbers or dates: `MM`, `NoData`, `open`."""

from __future__ import annotations

import polars as pl

MAX_MARKS = 3
"""So many different words may be marks; columns of categories have more."""
MIN_VALUES = 20
"""Beside more different numbers, words are marks; beside fewer, numbers are names as well."""
MIN_CELLS = 3
"""A word that is a mark comes so often."""
DIGIT = r"\d"


def drop_repeated_marks(tidy: pl.Series) -> pl.Series:
    """Set the few words of a column that otherwise holds many numbers or dates to null."""
    is_word = find_repeated_marks(tidy)
    return tidy if is_word is None else tidy.set(is_word, None)


def find_repeated_marks(text: pl.Series) -> pl.Series | None:
    """Return where texts are such words; None where they are none."""
    is_word = (~text.str.contains(DIGIT)).fill_null(value=False)
    words = text.filter(is_word).str.to_lowercase().alias("word").value_counts()
    if not 0 < len(words) <= MAX_MARKS or (words["count"] < MIN_CELLS).any():
        return None
    values = text.filter(~is_word)
    return is_word if values.drop_nulls().n_unique() > MIN_VALUES else None
