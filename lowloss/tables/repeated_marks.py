"""Finds words that come again and again among numbers or dates: `MM`, `NoData`, `open`."""

from __future__ import annotations

import polars as pl

MAX_MARKS = 3
"""So many different words may be marks; columns of categories have more."""
MAX_NAMES = 20
"""Beside more different numbers, words are marks; beside fewer, numbers are names as well."""
MIN_NUMBERS = 6
"""Beside so many different numbers, words that say that nothing was measured are marks."""
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
NUMBER = r"^[-+]?\d+(?:[.,]\d+)?$"


def drop_repeated_marks(tidy: pl.Series) -> pl.Series:
    """Set the few words of a column that otherwise holds many numbers or dates to null."""
    is_word = find_repeated_marks(tidy)
    return tidy if is_word is None else tidy.set(is_word, None)


def find_repeated_marks(text: pl.Series) -> pl.Series | None:
    """Return where texts are such words; None where they are none."""
    is_word, words = _count_words(text)
    if words is None or words["count"].sum() > _find_share(words["word"]) * text.count():
        return None
    needed = MIN_NUMBERS if _say_not_measured(words["word"]) else MAX_NAMES + 1
    return is_word if text.filter(~is_word).drop_nulls().n_unique() >= needed else None


def find_possible_marks(text: pl.Series) -> pl.Series | None:
    """Return where a few words stand that may be marks or levels; None where none do.

    All other cells are plain numbers, and enough of them differ.
    """
    is_word, words = _count_words(text)
    numbers = text.filter(~is_word).drop_nulls()
    if words is None or numbers.n_unique() < MIN_NUMBERS:
        return None
    return is_word if numbers.str.contains(NUMBER).all() else None


def _count_words(text: pl.Series) -> tuple[pl.Series, pl.DataFrame | None]:
    """Return where words stand, and how often each does; None for too many or too rare ones."""
    is_word = (~text.str.contains(DIGIT)).fill_null(value=False)
    words = text.filter(is_word).str.to_lowercase().alias("word").value_counts()
    is_few = 0 < len(words) <= MAX_MARKS and (words["count"] >= MIN_CELLS).all()
    return is_word, words if is_few else None


def _find_share(words: pl.Series) -> float:
    """Return which share of the cells different words may have."""
    if len(words) > 1:
        return MAX_SHARE_OF_SEVERAL
    return 1.0 if _say_not_measured(words) else MAX_SHARE


def _say_not_measured(words: pl.Series) -> bool:
    return bool(words.str.contains(NOT_MEASURED).all())
