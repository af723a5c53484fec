"""Finds levels that differ in case or blanks alone: one word, written in two ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from lowloss.results import Column, ColumnKind, Level, TableWarning
from lowloss.wording import counted


def warn_of_spellings(profile: Sequence[Column]) -> Iterator[TableWarning]:
    """Say which columns have such levels, of those that their profile lists."""
    for column in profile:
        if column.kind is ColumnKind.categorical:
            levels = sorted(column.levels, key=lambda level: (_spell(level), -level.rows))
            groups = [list(group) for _, group in groupby(levels, key=_spell)]
            if pairs := [(group[0], other) for group in groups for other in group[1:]]:
                yield _warn(column, pairs)


def _spell(level: Level) -> str:
    """Return a level without case, and with one blank where there are several."""
    return " ".join(level.value.casefold().split())


def _warn(column: Column, pairs: Sequence[tuple[Level, Level]]) -> TableWarning:
    rows = sum(other.rows for _, other in pairs)
    usual, other = pairs[0]
    return TableWarning(
        code="levels_alike",
        column=column.name,
        count=rows,
        example=other.value,
        detail=f"{other.value!r} beside {usual.value!r} differs in case or blanks alone, as such "
        f"levels do in {counted(rows, 'row')} of {column.name!r}: each is a level of its own",
        fix="write them alike in the file if they are one",
    )
