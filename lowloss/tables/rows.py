"""Finds rows of texts that are no data: headers that come again, units below them, totals."""

from __future__ import annotations

import re

import polars as pl

from lowloss.results import TableWarning
from lowloss.tables.remarks import find_rows
from lowloss.tables.values import is_missing, is_value

MIN_ROWS, MAX_ROWS = 5, 200
"""How many rows tell that the first one is none, at least and at most."""
NUMERIC = 0.95
RULE = re.compile(r"[-=_]{2,}")
TOTAL = re.compile(
    r"(?:grand |sub)?-?total|total general|sum|summe|somme|gesamt|insgesamt|average|mean|median"
    r"|std\.? ?dev\.?|standard deviation",
    re.IGNORECASE,
)


def drop_odd_rows(
    strings: pl.DataFrame,
    warnings: list[TableWarning],
    *,
    header: tuple[str, ...] | None,
    has_total: bool,
) -> pl.DataFrame:
    """Drop rows that are no data, and say so; units stand only below a header, if there is one.

    Rows to predict have no total: a row is predicted whatever it is called.
    """
    if header is not None:
        strings = _drop_headers(strings, header, warnings)
        strings = _drop_units(strings, warnings)
    return _drop_total(strings, warnings) if has_total else strings


def _drop_headers(
    strings: pl.DataFrame, header: tuple[str, ...], warnings: list[TableWarning]
) -> pl.DataFrame:
    """Drop rows in which every cell is its column's name in the file, as after joining files."""
    if strings.width < 2 or not (strings.to_series(0).fill_null("") == header[0]).any():
        return strings
    again = strings.select(
        pl.all_horizontal(
            pl.col(column).fill_null("").str.strip_chars() == name
            for column, name in zip(strings.columns, header, strict=True)
        )
    ).to_series()
    if not again.any():
        return strings
    warnings.append(
        TableWarning(
            code="header_repeated",
            count=int(again.sum()),
            rows=find_rows(again),
            example=", ".join(header),
            detail="rows that repeat the header were left out",
            fix="take them out of the file",
        )
    )
    return strings.filter(~again)


def _drop_units(strings: pl.DataFrame, warnings: list[TableWarning]) -> pl.DataFrame:
    """Drop a first row whose cells are no numbers where all below them are: units, or a line."""
    if strings.height < MIN_ROWS + 1:
        return strings
    first = strings.row(0)
    suspects = [
        position
        for position, cell in enumerate(first)
        if cell is not None
        and not is_value(cell)
        and (not is_missing(cell) or RULE.fullmatch(cell))
    ]
    if not suspects:
        return strings
    below = strings[1 : MAX_ROWS + 1]
    others = sorted(set(range(strings.width)).difference(suspects))
    # A row with one number is a row, and one odd cell may be a mistake.
    if any(first[p] is not None and _is_numeric(below.to_series(p)) for p in others):
        return strings
    if sum(_is_numeric(below.to_series(p)) for p in suspects) < 2:
        return strings
    warnings.append(_make_row_warning(first, 1, "stands between the header and the numbers"))
    return strings[1:]


def _is_numeric(column: pl.Series) -> bool:
    present = [cell for cell in column.to_list() if cell is not None and not is_missing(cell)]
    return len(present) > 2 and sum(map(is_value, present)) >= NUMERIC * len(present)


def _drop_total(strings: pl.DataFrame, warnings: list[TableWarning]) -> pl.DataFrame:
    """Drop the last rows that say they are totals or means, where no other row says so."""
    while (shorter := _drop_last(strings, warnings)).height < strings.height:
        strings = shorter
    return strings


def _drop_last(strings: pl.DataFrame, warnings: list[TableWarning]) -> pl.DataFrame:
    if strings.height < MIN_ROWS + 1 or strings.width < 2:
        return strings
    last = strings.row(-1)
    label = next((cell.strip() for cell in last if cell and cell.strip()), "")
    if not TOTAL.fullmatch(label.rstrip(":").strip()):
        return strings
    position = next(p for p, cell in enumerate(last) if cell and cell.strip())
    if (strings.to_series(position)[:-1].str.strip_chars() == label).any():
        return strings
    warnings.append(_make_row_warning(last, strings.height, f"says {label!r}"))
    return strings[:-1]


def _make_row_warning(cells: tuple[str | None, ...], row: int, reason: str) -> TableWarning:
    return TableWarning(
        code="row_skipped",
        count=1,
        rows=(row,),
        example=", ".join(cell or "" for cell in cells),
        detail=f"row {row} {reason}: it was left out",
        fix="take it out of the file, or change its label if it is data",
    )
