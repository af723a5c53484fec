"""Finds rows of texts that are no data: headers that come again, units below them, totals."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.groups import warn_of_groups
from lowloss.tables.numbered import NumberedRows, make_row_warning
from lowloss.tables.totals import drop_totals
from lowloss.tables.values import is_missing, is_value

MIN_ROWS, MAX_ROWS = 5, 200
"""How many rows tell that the first one is none, at least and at most."""
MAX_UNITS, QUESTION_ROWS = 3, 2
"""How many lines of units or types stand below a header, and how many of Qualtrics."""
NUMERIC = 0.95
RULE = re.compile(r"[-=_]{2,}")
NO_UNIT = re.compile(r"\([A-Za-z]\)|[-\u2013\u2014]")
"""A unit that is a missing mark elsewhere, such as `(s)`, or a dash for none."""
IMPORT_ID = re.compile(r'\s*\{\s*"ImportId"')


def drop_odd_rows(
    rows: NumberedRows,
    warnings: list[TableWarning],
    *,
    header: tuple[str, ...] | None,
    is_training: bool,
) -> NumberedRows:
    """Drop rows that are no data, and say so; units stand only below a header, if there is one.

    Rows to predict have no totals: a row is predicted whatever it is called.
    """
    if header is not None:
        rows = _drop_headers(rows, header, warnings)
        rows = _drop_questions(rows, warnings)
        rows = _drop_units(rows, warnings)
    if not is_training:
        return rows
    rows = drop_totals(rows, warnings)
    warn_of_groups(rows, warnings)
    return rows


def find_blank_rows(columns: Sequence[pl.Series]) -> pl.Series:
    """Return where no cell of a row has anything in it: `NA` in all of them is a row."""
    is_blank = pl.repeat(value=True, n=len(columns[0]), eager=True)
    for column in columns:
        is_blank &= column.fill_null("").str.strip_chars() == ""
        if not is_blank.any():
            break
    return is_blank


def _drop_headers(
    rows: NumberedRows, header: tuple[str, ...], warnings: list[TableWarning]
) -> NumberedRows:
    """Drop rows in which every cell is its column's name in the file, as after joining files."""
    strings = rows.strings
    if strings.width < 2 or not (strings.to_series(0).fill_null("") == header[0]).any():
        return rows
    again = strings.select(
        pl.all_horizontal(
            pl.col(column).fill_null("").str.strip_chars() == name
            for column, name in zip(strings.columns, header, strict=True)
        )
    ).to_series()
    if not again.any():
        return rows
    warnings.append(
        TableWarning(
            code="header_repeated",
            count=int(again.sum()),
            rows=rows.find(again),
            example=", ".join(header),
            detail="rows that repeat the header were left out",
            fix="take them out of the file",
        )
    )
    return rows.drop(again)


def _drop_units(rows: NumberedRows, warnings: list[TableWarning]) -> NumberedRows:
    """Drop first rows whose cells are no numbers where all below them are: units, or a line."""
    strings = rows.strings
    for count in range(MAX_UNITS, 0, -1):
        below = strings[count : count + MAX_ROWS]
        if below.height < MIN_ROWS or not all(
            _is_unit(strings.row(r), below) for r in range(count)
        ):
            continue
        if count == 1 or not _comes_again(strings[: count + MAX_ROWS], count):
            return _drop_first(rows, count, warnings)
    return rows


def _comes_again(strings: pl.DataFrame, count: int) -> bool:
    """Return whether a cell of the first rows is in another row, too: they are data then."""
    return any(
        cell and (column == cell).sum() > 1
        for column in strings
        for cell in column[:count].to_list()
    )


def _is_unit(cells: tuple[str | None, ...], below: pl.DataFrame) -> bool:
    """Return whether a row has words above columns of numbers, and no number."""
    suspects = [
        position
        for position, cell in enumerate(cells)
        if cell and not is_value(cell) and (not is_missing(cell) or RULE.fullmatch(cell))
    ]
    if not suspects:
        return False
    others = sorted(set(range(below.width)).difference(suspects))
    # A row with one number is a row, and one odd cell beside some may be a mistake.
    filled = [p for p in others if cells[p] and _is_numeric(below.to_series(p))]
    if not all(_may_be_no_unit(cells[p], below.to_series(p)) for p in filled):
        return False
    above = [p for p in suspects if _is_numeric(below.to_series(p))]
    return len(above) > 1 or (len(above) == 1 and not _has_others(cells, above + filled))


def _may_be_no_unit(cell: str | None, column: pl.Series) -> bool:
    """Return whether a missing mark may be a unit: none below is the same."""
    text = (cell or "").strip()
    return NO_UNIT.fullmatch(text) is not None and text not in column.to_list()


def _has_others(cells: tuple[str | None, ...], positions: list[int]) -> bool:
    """Return whether a row has cells elsewhere."""
    return any(cell and cell.strip() for p, cell in enumerate(cells) if p not in positions)


def _drop_questions(rows: NumberedRows, warnings: list[TableWarning]) -> NumberedRows:
    """Drop the texts of questions and their ids, which Qualtrics writes below the names."""
    if rows.height < QUESTION_ROWS + 1:
        return rows
    cells = [cell for cell in rows.strings.row(1) if cell]
    if not cells or not all(IMPORT_ID.match(cell) for cell in cells):
        return rows
    return _drop_first(rows, QUESTION_ROWS, warnings)


def _drop_first(rows: NumberedRows, count: int, warnings: list[TableWarning]) -> NumberedRows:
    """Drop the first rows, which belong to the header."""
    for row in range(count):
        reason = "stands between the header and the numbers"
        warnings.append(make_row_warning(rows.strings.row(row), rows.number(row), reason))
    return rows.drop(pl.int_range(rows.height, eager=True) < count)


def _is_numeric(column: pl.Series) -> bool:
    present = [cell for cell in column.to_list() if cell is not None and not is_missing(cell)]
    return len(present) > 2 and sum(map(is_value, present)) >= NUMERIC * len(present)
