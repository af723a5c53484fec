"""Writes what warnings say of cells; the rows in a sentence stay numbers, as some are left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

import polars as pl
from pydantic import PrivateAttr

from lowloss.results import TableWarning
from lowloss.results.datasets import MAX_EXAMPLE

SHOWN_ROWS = 5
"""How many rows a warning names."""
BLANK = re.compile(r"\{(count|example|name|other_count|other_example)\}")
"""What `warn` fills in."""

Sentence = tuple[str | int, ...]
"""Texts, and numbers of rows between them."""


class CellWarning(TableWarning):
    """A warning of cells, whose rows are counted from 1 among those that are left."""

    _sentence: Sentence = PrivateAttr(default=())

    @classmethod
    def write(cls, sentence: Sentence, **fields: object) -> Self:
        """Return a warning with a sentence as its detail."""
        warning = cls.model_validate(fields | {"detail": _join(sentence)})
        warning._sentence = sentence
        return warning

    def renumber(self, numbers: pl.Series) -> TableWarning:
        """Return the warning with the rows as the file counts them."""
        rows = tuple(int(numbers[row - 1]) for row in self.rows)
        parts = (
            part if isinstance(part, str) else int(numbers[part - 1]) for part in self._sentence
        )
        return TableWarning(**self.model_dump() | {"rows": rows, "detail": _join(tuple(parts))})


def find_rows(is_row: pl.Series) -> tuple[int, ...]:
    """Return the numbers of the first rows, from 1, where something holds."""
    return tuple(int(row) + 1 for row in is_row.fill_null(value=False).arg_true()[:SHOWN_ROWS])


def warn(
    code: str,
    text: pl.Series,
    is_row: pl.Series,
    *,
    detail: str,
    fix: str,
    is_other: pl.Series | None = None,
) -> CellWarning:
    """Return a warning of the rows of a column where something holds.

    In its `detail`, `{example}` is such a cell, `{count}` their number, and `{name}` the column;
    `{other_example}` and `{other_count}` are of the cells where `is_other`.
    """
    rows = find_rows(is_row)
    words: dict[str, Sentence] = {"name": (repr(text.name),)} | _describe(text, is_row, "")
    if is_other is not None:
        words |= _describe(text, is_other, "other_")
    return CellWarning.write(
        _fill(detail, words),
        code=code,
        column=text.name,
        count=int(is_row.sum() or 0),
        rows=rows,
        example=_cut_cell(text, rows[0]),
        fix=fix,
    )


def _describe(text: pl.Series, is_row: pl.Series, prefix: str) -> dict[str, Sentence]:
    """Say how many cells there are where something holds, and show one."""
    count, row = int(is_row.sum() or 0), find_rows(is_row)[0]
    return {
        f"{prefix}count": (f"{count:,} cell{'' if count == 1 else 's'}",),
        f"{prefix}example": (f"{_cut_cell(text, row)!r} in row ", row),
    }


def _cut_cell(text: pl.Series, row: int) -> str:
    return str(text[row - 1])[:MAX_EXAMPLE]


def _fill(detail: str, words: Mapping[str, Sentence]) -> Sentence:
    """Fill in a sentence: every second part of it is the name of a word."""
    parts = BLANK.split(detail)
    return tuple(
        piece
        for position, part in enumerate(parts)
        for piece in (words[part] if position % 2 else (part,))
    )


def _join(sentence: Sentence) -> str:
    return "".join(map(str, sentence))
