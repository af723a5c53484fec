"""Tells of groups that are named in their first row only, as merged cells of a spreadsheet are."""

from __future__ import annotations

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.evidence import find_empty
from lowloss.tables.numbered import NumberedRows
from lowloss.wording import counted

MIN_ROWS, MIN_GROUPS, MAX_FILLED, FILLED = 6, 2, 0.5, 0.95
"""How many rows and groups tell so; the share of rows that may name one; and that of the rows that
must have a value in another column."""
MIN_GAPS = 0.8
"""The share of the names that must have an empty cell below: it is of groups, not of few values."""
MAX_COLUMNS = 5
"""The first columns, which may name groups of groups."""


def warn_of_groups(rows: NumberedRows, warnings: list[TableWarning]) -> None:
    """Say which first columns name a group in its first row only: the others are missing there."""
    strings = rows.strings
    if strings.height < MIN_ROWS or strings.width < 2:
        return
    for column in strings.get_columns()[: min(MAX_COLUMNS, strings.width - 1)]:
        if not _names_groups(column):
            return
        is_gap = find_empty(column)
        count = int(is_gap.sum())
        others = strings.filter(is_gap).select((pl.all().fill_null("") != "").sum()).row(0)
        if max(others) < FILLED * count:
            return  # The rows are empty.
        numbers = rows.find(is_gap)
        warnings.append(
            TableWarning(
                code="groups_named_once",
                column=column.name,
                count=count,
                rows=numbers,
                example=str(column[0]),
                detail=f"{column.name!r} is empty in {counted(count, 'row')} below a name such as "
                f"{str(column[0])[:80]!r} in row {rows.number(0)}: if a name is that of all rows "
                "down to the next one, as in merged cells, these rows miss it",
                fix="fill the names down in the file, as DataFrame.ffill() does",
            )
        )


def _names_groups(column: pl.Series) -> bool:
    """Return whether a column begins with a name, is mostly empty, and has no name twice."""
    is_gap = find_empty(column)
    names = column.filter(~is_gap)
    if not column[0] or not MIN_GROUPS <= len(names) <= MAX_FILLED * len(column):
        return False
    gaps = (is_gap & ~is_gap.shift(1, fill_value=False)).sum()
    return gaps >= MIN_GAPS * len(names) and names.n_unique() == len(names)
