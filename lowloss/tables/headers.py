"""Finds headers of two lines, as pandas writes columns of two levels, and joins their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lowloss.results import TableWarning
from lowloss.tables.dialect import Record
from lowloss.tables.values import is_date, is_missing, is_number, is_value, may_be_value

NUMERIC = 0.8
"""The share of the cells below a name of the second line that must be numbers in some column."""
SUMMARIES = frozenset(
    (
        *(
            "mean",
            "median",
            "average",
            "mode",
            "sum",
            "prod",
            "min",
            "max",
            "amin",
            "amax",
            "first",
        ),
        *("last", "std", "var", "sem", "mad", "skew", "count", "size", "nunique", "quantile"),
        *("idxmin", "idxmax"),
    )
)
"""What pandas names the columns of an aggregation by."""
YEARS = range(1800, 2101)
MANY_NUMBERS = 5
"""So many numbers hardly rise or fall by chance."""
MEASURE, MOSTLY = re.compile(r"\d[\d.,]*\s?([A-Za-z%]{1,3})"), 0.5
LAMBDA = re.compile(r"<lambda(?:_\d+)?>|p\d{1,2}|q\d{1,2}")


@dataclass(frozen=True)
class TwoLines:
    """The names of a header of two lines, and how many records they and an index's name take."""

    names: tuple[str, ...]
    records: int

    def warn(self) -> TableWarning:
        """Say how the names came about."""
        example = next(name for name in reversed(self.names) if name)
        return TableWarning(
            code="header_joined",
            count=2,
            example=example,
            detail=f"the header has two lines, whose names were joined, as in {example!r}",
            fix="name each column in one line, or give skip_rows to leave the first line out",
        )


def tell_numbers(records: Sequence[Record]) -> Iterator[TableWarning]:
    """Say that the first record may be data: among its names are numbers or dates, above such.

    Years, whole numbers that count up, and many that rise or fall, as of spectra, are names.
    """
    header, *below = records
    columns = [[row[position] for row in below] for position in range(len(header))]
    pairs = list(zip(header, columns, strict=True))
    dates = [cell for cell, column in pairs if is_date(cell) and _are_dates(column)]
    numbers = [cell for cell, column in pairs if _is_plain_number(cell) and _is_numeric(column)]
    measures = [cell for cell, column in pairs if _is_measure_above_others(cell, column)]
    if not dates and not measures and (not numbers or _are_names(numbers)):
        return
    cells, noun = (dates, "dates") if dates else (measures or numbers, "numbers")
    yield TableWarning(
        code="numbers_in_header",
        count=len(cells),
        example=cells[0],
        detail=f"the first line was read as the names of the columns, though it has {noun} above "
        f"{noun}, such as {cells[0]!r}",
        fix="give header=false if it is data",
    )


def _are_dates(cells: Sequence[str]) -> bool:
    return bool(cells) and all(map(is_date, cells))


def _is_plain_number(cell: str) -> bool:
    """Return whether a name is a number in digits: `nan` and `inf` are words."""
    return is_number(cell) and may_be_value(cell)


def _is_measure_above_others(cell: str, column: Sequence[str]) -> bool:
    """Return whether a number with a unit stands above such: `4.0K`, not `10Y` above `4.5%`."""
    match = MEASURE.fullmatch(cell)
    units = [other[1] for other in map(MEASURE.fullmatch, column) if other is not None]
    return match is not None and match[1] in units and len(units) > MOSTLY * len(column)


def _are_names(cells: Sequence[str]) -> bool:
    """Return whether numbers are years, count up, or are many that strictly rise or fall."""
    numbers = [float(cell.replace(",", ".")) for cell in cells]
    steps = [after - before for before, after in pairwise(numbers)]
    is_sorted = all(step > 0 for step in steps) or all(step < 0 for step in steps)
    if len(numbers) >= MANY_NUMBERS and is_sorted:
        return True
    is_year = all(number in YEARS for number in numbers)
    # Two have one step, whatever they are.
    are_counted = len(set(steps)) == 1 and (len(steps) > 1 or abs(steps[0]) == 1)
    return all(cell.isdigit() for cell in cells) and (is_year or are_counted)


def join_two_lines(records: Sequence[Record]) -> TwoLines | None:
    """Return the joined names of a header of two lines; None where it has one.

    That is so where a name of the first line is there for several columns, again or as gaps behind
    it, or the second line has names of summaries only; and the second line names what is numbers
    below. A third line may have the name of an index, and nothing else.
    """
    if len(records) < 3 or len(records[0]) < 2:
        return None
    first, second, *below = records
    index = below[0] if _is_index_name(below[0], first, second) else None
    rows = below[1:] if index else below
    # One name alone is a title.
    is_title = sum(map(bool, first)) == 1 and index is None
    groups = first if is_title else _fill_gaps(first, second)
    columns = [position for position, cell in enumerate(second) if cell and groups[position]]
    if not rows or not columns:
        return None
    has_groups = max(Counter(groups[position] for position in columns).values()) > 1
    if not _may_be_names(second, are_numbers=index is not None and has_groups):
        return None
    is_summary = all(_is_summary(second[position]) for position in columns) and not second[0]
    if not (index or has_groups or (is_summary and len(columns) > 1)):
        return None
    if not any(_is_numeric([row[position] for row in rows]) for position in columns):
        return None
    names = tuple(_join(*parts) for parts in zip(groups, second, index or first, strict=True))
    full = [name for name in names if name]
    return TwoLines(names, 3 if index else 2) if len(set(full)) == len(full) else None


def join_groups(above: Record, header: Record) -> TwoLines | None:
    """Return the names of a header whose names repeat below those of groups; else None."""
    if len(above) != len(header) or len(set(header)) == len(header):
        return None
    groups = _fill_gaps(above, header)
    names = tuple(_join(group, name, "") for group, name in zip(groups, header, strict=True))
    return TwoLines(names, 1) if len(set(names)) == len(names) else None


def _is_index_name(record: Record, first: Record, second: Record) -> bool:
    """Return whether a record has names of an index only: above its columns, and nothing else."""
    count = sum(map(bool, record))
    if not 0 < count < len(record) or not all(record[:count]) or any(map(is_value, record[:count])):
        return False
    return (all(second[count:]) and all(first[count:])) or not any(first[:count])


def _may_be_names(second: Record, *, are_numbers: bool) -> bool:
    """Return whether a line has names; they may be numbers, such as years, where that is sure."""
    cells = [cell for cell in second if cell]
    if not cells or any(map(is_missing, cells)):
        return False
    return are_numbers or not any(map(is_value, cells))


def _fill_gaps(first: Record, second: Record) -> list[str]:
    """Return the name of each column in the first line; merged cells have it only once."""
    names = [cell for cell in first if cell]
    if len(set(names)) < len(names):
        return list(first)
    groups: list[str] = []
    for cell, below in zip(first, second, strict=True):
        groups.append(cell or (groups[-1] if groups and below else ""))
    return groups


def _is_summary(name: str) -> bool:
    return name.lower() in SUMMARIES or LAMBDA.fullmatch(name) is not None


def _is_numeric(cells: list[str]) -> bool:
    present = [cell for cell in cells if cell and not is_missing(cell)]
    return bool(present) and sum(map(is_value, present)) >= NUMERIC * len(present)


def _join(group: str, name: str, index: str) -> str:
    """Return the name of a column: that of an index where there is one, else both lines'."""
    if index and index != group:
        return index
    return "_".join(part for part in (group, name) if part)
