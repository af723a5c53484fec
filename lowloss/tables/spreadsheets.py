"""Reads the cells of a spreadsheet as a CSV, so that the same rules decide what they are."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from python_calamine import CalamineError, CalamineWorkbook

from lowloss.errors import TableEmpty, TableUnreadable
from lowloss.results import TableWarning
from lowloss.tables.formulas import warn_of_unsaved_formulas
from lowloss.wording import list_clipped

WRITTEN_NUMBER = re.compile(r"[^\d]{0,5}\d[\d.,' ]{0,30}[.,]\d{1,20}[^\d]{0,20}")
"""A number that is stored as text, with a mark."""
DECIMAL = re.compile(r"[^\d.,]{0,5}(?:\d{1,30}[.,](?:\d{1,2}|\d{4,20})|0[.,]\d{1,20})[^\d.,]{0,20}")
"""One whose mark is decimal for sure: no group of three digits stands behind it, or a 0 before."""
GROUPED = re.compile(
    r"[^\d.,]{0,5}\d{1,3}(?:(?:[.' ]\d{3})+,|(?:[,' ]\d{3})+\.)\d{1,20}[^\d.,]{0,20}"
)
"""One with both marks, of which the last is decimal for sure: `2.384,06 €`."""
MANY_ROWS, FEW_ROWS = 10, 3
"""Rows of two or more cells that a table has, and a small one."""
START_BYTES = 4096
Rows = Sequence[Sequence[object]]


@dataclass(frozen=True)
class WrittenNumbers:
    """Numbers that a sheet has as texts, in a column of numbers; `are_decimal` by their marks."""

    count: int
    example: str
    are_decimal: bool

    def warn(self, name: str) -> TableWarning:
        """Return a warning of the column that they stand in."""
        by_rules = "their marks are read by the rules of texts"
        reading = "their marks are decimal" if self.are_decimal else by_rules
        return TableWarning(
            code="numbers_as_text",
            column=name,
            count=self.count,
            example=self.example,
            detail=f"{name!r} holds numbers stored as text, such as {self.example!r}, among "
            f"numbers: {reading}",
            fix="make them numbers in the sheet",
        )


@dataclass(frozen=True)
class SheetColumns:
    """The columns of a sheet, by their positions, that hold numbers.

    The numbers of `exact` ones are written with points; `written` are those of texts among them.
    """

    exact: frozenset[int] = frozenset()
    written: Mapping[int, WrittenNumbers] = field(default_factory=dict)

    def warn(self, names: Mapping[int, str]) -> Iterator[TableWarning]:
        """Say which columns hold numbers that are texts, by their names."""
        for position, written in self.written.items():
            if position in names:
                yield written.warn(names[position])


def to_csv(
    data: bytes, sheet: str | None, warnings: list[TableWarning]
) -> tuple[bytes, SheetColumns]:
    """Return the first sheet that has a table, or a named one, as a CSV in UTF-8.

    Return its columns of numbers, too.
    """
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = list(workbook.sheet_names)
        if sheet is not None and sheet not in names:
            raise TableUnreadable(
                f"the workbook has no sheet {sheet!r}",
                field="sheet",
                fix=f"its sheets are {', '.join(names[:20])}",
            )
        name, rows = _find_table(workbook, names if sheet is None else [sheet])
    except (CalamineError, OSError, ValueError) as error:
        raise TableUnreadable(
            f"the file is not a workbook that can be read: {error}", fix=_choose_fix(data)
        ) from error
    if not rows:
        raise TableEmpty("the workbook has no cells", fix="upload a sheet with a header and rows")
    _warn_of_others(name, names, sheet, warnings)
    warn_of_unsaved_formulas(data, name, warnings)
    columns = _find_numbers(rows)
    return _write(rows, columns.exact), columns


def _choose_fix(data: bytes) -> str:
    """Return what to do with bytes that are no workbook: some programs call a text `.xls`."""
    start = data[:START_BYTES]
    is_text = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" not in start
    is_packed = start.startswith((b"PK", b"\x1f\x8b"))
    return "give format=csv" if is_text and not is_packed else "save it as .xlsx or .csv"


def _find_table(workbook: CalamineWorkbook, names: Sequence[str]) -> tuple[str, Rows]:
    """Return the first sheet with a table: many rows of several cells, else some, else any cell.

    A cover has a title, and lines such as `Author` and a name.
    """
    sheets = {name: workbook.get_sheet_by_name(name).to_python() for name in names}
    for minimum in (MANY_ROWS, FEW_ROWS):
        for name, rows in sheets.items():
            if sum(sum(cell != "" for cell in row) > 1 for row in rows) >= minimum:
                return name, rows
    filled = (
        name for name, rows in sheets.items() if any(cell != "" for row in rows for cell in row)
    )
    name = next(filled, "")
    return name, sheets.get(name, [])


def _warn_of_others(
    name: str, names: list[str], sheet: str | None, warnings: list[TableWarning]
) -> None:
    if sheet is None and len(names) > 1:
        warnings.append(
            TableWarning(
                code="sheet_chosen",
                count=len(names),
                example=name,
                detail=f"sheet {name!r} was read, and not "
                + list_clipped([repr(other) for other in names if other != name]),
                fix="give sheet to read another",
            )
        )


def _find_numbers(rows: Rows) -> SheetColumns:
    """Return the columns of numbers, and where texts among them look like some.

    A text whose mark is decimal for sure is one of the numbers, whatever its mark.
    """
    exact: set[int] = set()
    written: dict[int, WrittenNumbers] = {}
    for position in range(max(map(len, rows), default=0)):
        cells = [row[position] for row in rows if position < len(row)]
        if not any(isinstance(cell, float | int) for cell in cells):
            continue
        texts = [
            cell
            for cell in cells
            if isinstance(cell, str) and WRITTEN_NUMBER.fullmatch(cell.strip())
        ]
        are_decimal = all(_write_plainly(text) is not None for text in texts)
        if are_decimal:
            exact.add(position)
        if texts:
            written[position] = WrittenNumbers(len(texts), texts[0], are_decimal)
    return SheetColumns(frozenset(exact), written)


def _write(rows: Rows, exact: frozenset[int]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        cells = [
            (position in exact and isinstance(cell, str) and _write_plainly(cell))
            or write_cell(cell)
            for position, cell in enumerate(row)
        ]
        # A row of one empty field would be quoted, and count as a cell.
        writer.writerow(cells if any(cells) or len(cells) > 1 else [])
    return text.getvalue().encode()


def _write_plainly(text: str) -> str | None:
    """Return a number with a decimal point alone; None where its mark may be none."""
    bare = text.strip()
    if DECIMAL.fullmatch(bare):
        return bare.replace(",", ".")
    if GROUPED.fullmatch(bare) is None:
        return None
    whole, mark, decimals = re.split(r"([.,])(?=\d+[^\d.,]*$)", bare)
    groups = {".": "[,' ]", ",": "[.' ]"}[mark]
    return re.sub(rf"(?<=\d){groups}(?=\d)", "", whole) + "." + decimals


def write_cell(cell: object) -> str:
    """Write a cell as a CSV has it: numbers with points, dates in ISO 8601, durations as clocks."""
    match cell:
        case bool():
            return str(cell)
        case float():
            return repr(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
        case datetime():
            is_day = (cell.hour, cell.minute, cell.second, cell.microsecond) == (0, 0, 0, 0)
            return cell.date().isoformat() if is_day else cell.isoformat(" ")
        case date() | time():
            return cell.isoformat()
        case timedelta():
            # Rounded before it is split, and without its sign: else 59.9997 s has a 60th second.
            length = round(abs(cell) / timedelta(milliseconds=1))
            sign = "-" if length and cell < timedelta() else ""
            minutes, rest = divmod(length, 60_000)
            return f"{sign}{minutes // 60}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
    return str(cell).replace("\0", "")
