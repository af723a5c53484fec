"""Finds marks of missing values that may be levels: `NA` beside `EU`, `None` beside `Brick`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.evidence import clean
from lowloss.tables.marks import LEVEL_MARKS
from lowloss.tables.sentences import warn

MIN_SHARE, MAX_LEVELS = 0.05, 20
"""The share of the cells that a mark has at least to be told, and how many levels a column has at
most beside it."""
SHOWN_LEVELS, SHOWN_CHARACTERS = 3, 20
"""How many of them a warning names, and how much of each."""
COUNTRY = r"^[A-Z]{2}$"
"""A code of a country or a continent: beside them one `NA` alone may be Namibia."""


def keep_marks(column: pl.Series) -> tuple[pl.Series, bool]:
    """Return texts without blanks around them, and whether marks among them are levels.

    They are where most other cells have letters; where those are digits, marks are missing.
    """
    text = clean(column)
    stripped = strip(column)
    is_mark = stripped.is_in(LEVEL_MARKS).fill_null(value=False)
    letters = text.str.contains(r"\pL").sum()
    if not is_mark.any() or 2 * letters <= text.count():
        return text, False
    return stripped, True


def strip(column: pl.Series) -> pl.Series:
    """Return texts without blanks around them; null where nothing is left."""
    text = column.str.strip_chars()
    return text.set(text == "", None)


@dataclass
class MarkLevels:
    """Collects the columns of texts of one file in which a mark may be a level.

    A mark that is in a column of numbers or dates, too, is hardly one: `of_values` are those.
    """

    null_values: Collection[str] = ()
    of_values: set[str] = field(default_factory=set)
    doubtful: list[tuple[str, TableWarning]] = field(default_factory=list)

    def look_at(self, column: pl.Series, values: object) -> None:
        """Look at the marks of a column, and at what was read from it."""
        if isinstance(values, pl.Series) and not values.null_count():
            return
        if not isinstance(values, pl.Series) or values.dtype != pl.String:
            missing = column.filter(values.is_null()) if isinstance(values, pl.Series) else column
            text = missing.str.strip_chars()
            self.of_values.update(text.filter(text.is_in(LEVEL_MARKS)).unique().to_list())
            return
        stripped = strip(column)
        # Named here: a column may be called `count`, as the counts are.
        marks = stripped.filter(stripped.is_in(LEVEL_MARKS)).alias("mark").value_counts()
        for mark, count in marks.iter_rows():
            if mark not in self.null_values and _may_be_level(mark, count, values):
                self.doubtful.append((mark, _warn_of_mark(stripped, mark, values)))

    def tell(self) -> Iterator[TableWarning]:
        """Say which marks may be levels."""
        yield from (warning for mark, warning in self.doubtful if mark not in self.of_values)


def _may_be_level(mark: str, count: int, values: pl.Series) -> bool:
    """Return whether a mark is frequent among few levels, or the code of a country among others."""
    levels = values.drop_nulls().unique()
    if not len(levels):
        return False
    if mark == "NA" and levels.str.contains(COUNTRY).all():
        return True
    return count >= MIN_SHARE * len(values) and 1 < len(levels) <= MAX_LEVELS


def _warn_of_mark(text: pl.Series, mark: str, values: pl.Series) -> TableWarning:
    levels = values.drop_nulls().unique(maintain_order=True).head(SHOWN_LEVELS)
    listed = ", ".join(repr(str(level)[:SHOWN_CHARACTERS]) for level in levels)
    return warn(
        "may_be_levels",
        text,
        text == mark,
        detail=f"{{count}} of {{name}}, such as {{example}}, were read as missing, and may be a "
        f"level beside {listed}",
        fix="set its type to category if they are a level",
    )
