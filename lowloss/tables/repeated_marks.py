"""Finds words that come again and again among numbers or dates: `MM`, `NoData`, `open`."""

from __future__ import annotations

import polars as pl

MAX_MARKS = 3
"""So many different words may be marks; columns of categories have more."""
MAX_NAMES = 20
"""Beside more different numbers, words are marks; beside fewer, numbers are names as well."""
MAX_SHARE, MAX_SHARE_OF_SEVERAL = 1 / 2, 1 / 3
"""The share of the cells that one mark has at most, and that several have together: where there are
more, the words are the values, and the numbers are stray ones."""
NOT_MEASURED = (
    r"^(?:mm|no[ _-]?(?:data|samples?|values?|readings?|records?)"
    r"|not[ _-]?(?:measured|sampled|recorded|tested|reported|taken)|missing.*|offline|invalid)$"
)
"""Marks that say themselves that nothing was measured: one of them may have any share."""
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
    if words["count"].sum() > _find_share(words["word"]) * text.count():
        return None
    values = text.filter(~is_word)
    return is_word if values.drop_nulls().n_unique() > MAX_NAMES else None


def _find_share(words: pl.Series) -> float:
    """Return which share of the cells different words may have."""
    if len(words) > 1:
        return MAX_SHARE_OF_SEVERAL
    return 1.0 if words.str.contains(NOT_MEASURED).all() else MAX_SHARE
