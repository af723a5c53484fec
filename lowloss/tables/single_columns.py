"""Finds files of one column of decimal commas, which look like two columns: `Wert`, `12,4`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lowloss.results import TableWarning
from lowloss.tables.dialect import DELIMITERS, take_sample
from lowloss.tables.lines import warn_of_lines
from lowloss.tables.values import is_missing, is_value

UNIT = r"(?:\s?(?:[%‰€$£]|°\s?[CFK]?|[A-Za-zµμΩ]{1,6}(?:/[A-Za-z]{1,4})?[²³]?)\.?)?"
DECIMAL = re.compile(rf"(?:[€$£]\s?)?[-+]?\d+,\d+{UNIT}")
WHOLE = re.compile(rf"(?:[€$£]\s?)?[-+]?\d+{UNIT}")
"""A number alone in a line, with a decimal comma or whole."""
MIN_DECIMALS, MIN_SHARE, FEW = 3, 0.5, 0.05
"""How many lines, and which share of them, must have decimals; which share may be words, such as
that of a total."""
MAX_HEAD = 10
"""How many lines may stand above the numbers: titles, comments and a name."""


@dataclass(frozen=True)
class SingleColumn:
    """Where the only column begins: behind `skipped` lines, with its name or a row.

    `blank` lines stand below the name; `example` is a number.
    """

    skipped: int
    blank: int
    example: str


def find_single_column(data: bytes, decimal: str | None) -> SingleColumn | None:
    """Return where a column begins if each line is one number with a decimal comma, below a name.

    Without a name it may be two numbers, unless that is the `decimal` mark.
    """
    lines = take_sample(data).decode("utf-8", errors="replace").strip("\n").split("\n")
    lines = [line.strip() for line in lines]
    start = next((n for n, line in enumerate(lines[:MAX_HEAD]) if _is_value(line)), None)
    if start is None or any(_may_be_split(line) for line in lines[:start]):
        return None
    names = [number for number, line in enumerate(lines[:start]) if line]
    # Those of two columns may stand in a comment: `#time,count`.
    if names and any(mark in lines[names[-1]] for mark in DELIMITERS):
        return None
    rows = [line for line in lines[start:] if line and not is_missing(line)]
    decimals = [line for line in rows if DECIMAL.fullmatch(line)]
    if (
        decimal == "."
        or _are_numbered(decimals)
        or len(decimals) < max(MIN_DECIMALS, MIN_SHARE * len(rows))
    ):
        return None
    is_said = decimal == ","
    others = [line for line in rows if not _is_value(line)]
    allowed = MIN_SHARE * len(rows) if is_said else max(1, FEW * len(rows))
    if any(map(_may_be_split, others)) or len(others) > allowed or not (names or is_said):
        return None
    if not names:
        return SingleColumn(0, 0, decimals[0])
    is_missing_first = start - 1 == names[-1] and is_missing(lines[names[-1]]) and len(names) > 1
    name = names[-2] if is_missing_first else names[-1]
    blank = 0 if is_missing_first else start - name - 1
    return SingleColumn(name, blank, decimals[0])


def cut_single_column(
    data: bytes, decimal: str | None, warnings: list[TableWarning]
) -> bytes | None:
    """Return the lines of a file of one column; None where it has, or may have, more."""
    column = find_single_column(data, decimal)
    if column is None:
        return None
    lines = data.split(b"\n", column.skipped + column.blank + 1)
    skipped = [line for line in lines[: column.skipped] if line.strip()]
    if skipped:
        warnings.append(
            warn_of_lines(
                len(skipped),
                skipped[0].decode(),
                detail=f"lines above the header are no data and were left out: {len(skipped)}",
                fix="give skip_rows, or header=false if they are rows",
            )
        )
    example = column.example
    warnings.append(
        TableWarning(
            code="one_column",
            count=1,
            example=example,
            detail=f"each line has one comma, as in {example!r}: read as part of the numbers of "
            "one column",
            fix="give delimiter=, if there are two columns",
        )
    )
    return b"\n".join((lines[column.skipped], lines[-1]))


def _are_numbered(decimals: list[str]) -> bool:
    """Return whether the first of two numbers counts the rows, as the row names of R do."""
    firsts = [line.partition(",")[0] for line in decimals]
    return any(firsts == [str(number + first) for number in range(len(firsts))] for first in (0, 1))


def _is_value(line: str) -> bool:
    return DECIMAL.fullmatch(line) is not None or WHOLE.fullmatch(line) is not None


def _may_be_split(line: str) -> bool:
    """Return whether a line has a mark that splits fields, or is a value of another kind."""
    is_comment = line.startswith(("#", "%"))
    return not is_comment and (
        any(mark in line for mark in DELIMITERS) or is_value(line.strip('"'))
    )
