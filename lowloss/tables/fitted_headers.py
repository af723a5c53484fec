"""Fits the names of columns to rows of another width, and takes off the marks of comments."""

from __future__ import annotations

from itertools import pairwise

from lowloss.tables.dialect import Record
from lowloss.tables.values import are_mostly_values


def fit_header(header: Record, rows: list[Record], width: int) -> tuple[str, ...] | None:
    """Fit a header whose width is not that of the rows: row names, or trailing delimiters."""
    if has_trailing_name(header, width):
        return tuple(header[:-1])
    # Both may end in a delimiter.
    if len(header) == width - 1 > 2 and all(header[:-1]) and not header[-1]:
        return None if any(any(row[-2:]) for row in rows) else (*uncomment(header), "")
    if len(header) == width - 1 and all(header):
        if all(not row[-1] for row in rows):
            return (*uncomment(header), "")
        return ("", *header) if _are_row_names([row[0] for row in rows]) else None
    return None


def has_trailing_name(record: Record, width: int) -> bool:
    """Return whether a header has one field more than its rows, and nothing in it."""
    return len(record) == width + 1 and not record[-1]


def uncomment(names: Record) -> tuple[str, ...]:
    """Take off the mark with which numpy writes a header as a comment, and banks each name."""
    first, *others = names
    filled = [name for name in names if name]
    if len(filled) > 1 and all(name.startswith("#") and len(name) > 1 for name in filled):
        return tuple(name.removeprefix("#").strip() for name in names)
    return (first.removeprefix("# ") if others else first, *others)


def _are_row_names(cells: list[str]) -> bool:
    """Return whether cells name rows, as R does: they count up, or are texts, none twice.

    Else numbers with decimal commas may have been split.
    """
    if all(cell.isdecimal() for cell in cells):
        return all(int(after) - int(before) == 1 for before, after in pairwise(cells))
    return len(set(cells)) == len(cells) and not are_mostly_values(cells)
