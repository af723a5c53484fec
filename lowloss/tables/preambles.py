"""Tells what stands above the header of a CSV from it: titles, comments, settings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile

import numpy as np

from lowloss.errors import TableRagged
from lowloss.results import TableWarning
from lowloss.tables.dialect import Dialect, Record
from lowloss.tables.headers import join_two_lines
from lowloss.tables.lines import warn_of_lines
from lowloss.tables.records import Records
from lowloss.tables.values import is_value

MAX_PREAMBLE = 100
"""The most records above the header that may be no data."""
MAX_FILLED = 20
"""The most lines above the header that a spreadsheet may have filled up with delimiters."""
MIN_ROWS, UNIT_LINES = 5, 4
"""How many rows show that lines with a word in front are settings; how many lines the names and
their units have at most."""


def find_first(records: Records, dialect: Dialect, width: int, *, has_titles: bool) -> int:
    """Return the index of the first record of full width.

    Titles that are filled up with delimiters are passed over where a full header follows.
    """
    full = np.flatnonzero(records.fields == width)
    if not has_titles or width < 2:
        return int(full[0])
    head = [dialect.fields(records.text(index)) for index in full[:MAX_FILLED]]
    before = dialect.fields(records.text(int(full[0]) - 1)) if full[0] else [""]
    if passed := _count_annotations(head) or (_is_setting(before) and _count_settings(head)):
        return int(full[passed])
    for position, (index, fields) in enumerate(zip(full[:MAX_FILLED], head, strict=True)):
        if not all(fields) and join_two_lines(head[position:]) is not None:
            return int(index)
        if all(fields) and not all(map(is_value, fields)):
            return int(index)
        # Names but for that of the rows, below a title: `;2021;2022`.
        are_names = len(fields) > 2 and not fields[0] and all(fields[1:])
        if position and (are_names or _has_names(fields, head[:position], head[position + 1 :])):
            return int(index)
        filled = sum(map(bool, fields))
        is_labelled = has_label(fields)
        if filled > max(1, width // 3) or (any(map(is_value, fields)) and not is_labelled):
            break
    return int(full[0])


def _has_names(fields: Record, above: Sequence[Record], below: Sequence[Record]) -> bool:
    """Return whether a line has words in most fields, below titles of one cell and above values."""
    if any(sum(map(bool, record)) > 1 for record in above) or any(map(is_value, fields)):
        return False
    is_filled = 2 * sum(map(bool, fields)) > len(fields) > 2
    return is_filled and bool(below) and sum(map(is_value, below[0])) > 1


def has_label(record: Record) -> bool:
    """Return whether a line has a label and one thing behind it: `Printed:`, and when."""
    return sum(map(bool, record)) == 2 and record[0].endswith(":")


def are_titles(above: list[Record], width: int, *, has_header: bool) -> bool:
    """Return whether lines above the rows look like titles, not like a header of another width."""
    is_comment = all(record[0].startswith(("#", "%")) for record in above)
    are_short = is_comment or all(
        _is_title(record, width) or _is_setting(record) for record in above
    )
    is_title = len(above) <= MAX_PREAMBLE and are_short
    return is_title and (has_header or is_comment or len(above[-1]) == 1)


def make_ragged(record: Record, width: int, line: int) -> TableRagged:
    """Return the error for the last line above the rows, which is none of them and no title."""
    if len(record) == width:
        return TableRagged(
            f"line {line} has empty fields, and no names of columns stand below it",
            fix=f"give skip_rows={line} if it is a title, or name all columns in it",
        )
    return TableRagged(
        f"line {line} has {len(record)} fields; most lines have {width}",
        fix="give every line as many fields as the header (quote numbers with decimal commas), "
        f"or say quote, or skip_rows={line} if the table begins below",
    )


def warn_of_preamble(above: list[Record], dialect: Dialect, warnings: list[TableWarning]) -> None:
    """Say that lines above the header were left out."""
    if above:
        warnings.append(
            warn_of_lines(
                len(above),
                dialect.delimiter.join(above[0]),
                detail=f"lines above the header are no data and were left out: {len(above)}",
                fix="give skip_rows, or header=false if they are rows",
            )
        )


def _count_annotations(head: Sequence[Record]) -> int:
    """Return how many lines of comments stand in full width above the names, as InfluxDB writes.

    Of one alone it is none: it may have the names.
    """
    count = next((p for p, record in enumerate(head) if not record[0].startswith("#")), 0)
    if count < 2 or any(map(is_value, head[count])) or len(head) < count + 2:
        return 0
    return count if any(map(is_value, head[count + 1])) else 0


def _count_settings(head: Sequence[Record]) -> int:
    """Return how many lines of settings stand in full width above the names, as of oscilloscopes.

    Each has a word in front of its values, and all rows below the names have none.
    """
    for position, record in enumerate(head):
        if all(record) and not any(map(is_value, record)):
            rows = list(dropwhile(lambda row: not is_value(row[0]), head[position + 1 :]))
            are_rows = len(rows) >= MIN_ROWS and all(is_value(row[0]) for row in rows)
            return position if are_rows and len(head) - position - len(rows) <= UNIT_LINES else 0
        if not _is_setting(record):
            return 0
    return 0


def _is_setting(record: Record) -> bool:
    """Return whether a line has a name and values."""
    values = [cell for cell in record[1:] if cell]
    return bool(record[0] and values) and not is_value(record[0]) and all(map(is_value, values))


def _is_title(record: Record, width: int) -> bool:
    return len(record) < width or not all(record)
