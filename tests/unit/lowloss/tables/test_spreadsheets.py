"""Cells of workbooks: durations of any sign, and OpenDocument as an office suite writes it."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from lowloss.errors import TableUnreadable
from lowloss.results import TableFormat
from lowloss.tables.formats import guess_format
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from lowloss.tables.spreadsheets import write_cell
from lowloss.tables.table import Table

URN = "urn:oasis:names:tc:opendocument:xmlns"
SPACES = " ".join(f'xmlns:{name}="{URN}:{name}:1.0"' for name in ("office", "table", "text"))
CONTENT = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    f'<office:document-content {SPACES} office:version="1.3"><office:body><office:spreadsheet>'
    '<table:table table:name="Sheet1">{rows}</table:table>'
    "</office:spreadsheet></office:body></office:document-content>"
)
MEDIA = "application/vnd.oasis.opendocument.spreadsheet"
MANIFEST = (
    f'<?xml version="1.0"?><m:manifest xmlns:m="{URN}:manifest:1.0" m:version="1.3">'
    f'<m:file-entry m:full-path="/" m:media-type="{MEDIA}"/></m:manifest>'
)
EMPTY = "<table:table-cell/>"


def read(tmp_path: Path, data: bytes) -> Table:
    path = tmp_path / "table"
    path.write_bytes(data)
    return read_table(path, guess_format(path), ParseOptions(), limits=TableLimits())


def an_ods_cell(kind: str, value: str, shown: str = "") -> str:
    """A cell: its value in an attribute of its kind, and what a reader of the sheet sees."""
    attribute = "value" if kind in {"float", "percentage"} else f"{kind}-value"
    return (
        f'<table:table-cell office:value-type="{kind}" office:{attribute}="{value}">'
        f"<text:p>{shown or value}</text:p></table:table-cell>"
    )


def an_ods(*rows: list[str]) -> bytes:
    text = "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("mimetype", MEDIA)
        archive.writestr("content.xml", CONTENT.format(rows=text))
        archive.writestr("META-INF/manifest.xml", MANIFEST)
    return output.getvalue()


def test_opendocument_is_read_with_the_types_of_its_cells(tmp_path: Path) -> None:
    names = ("area", "city", "sold", "seen", "open", "garden", "share", "code")
    cells = [
        an_ods_cell("float", "84.5", "84,50"),
        an_ods_cell("string", "Oslo"),
        an_ods_cell("date", "2024-04-17", "17.04.24"),
        an_ods_cell("date", "2024-04-17T08:30:00", "17.04.24 08:30"),
        an_ods_cell("time", "PT08H30M00S", "08:30"),
        an_ods_cell("boolean", "true", "WAHR"),
        an_ods_cell("percentage", "0.125", "12,5 %"),
        an_ods_cell("string", "007"),
    ]
    blank = [EMPTY, cells[1], *[EMPTY] * 6]

    table = read(tmp_path, an_ods([an_ods_cell("string", name) for name in names], cells, blank))

    assert table.frame.columns == list(names)
    row = (84.5, "Oslo", date(2024, 4, 17), datetime(2024, 4, 17, 8, 30), 30600, True, 0.125, "007")
    assert table.frame.rows() == [row, (None, "Oslo", *[None] * 6)]


def test_long_durations_of_opendocument_are_seconds(tmp_path: Path) -> None:
    spans = ["PT30H05M00S", "PT100H00M30S", "-PT26H00M00S"]
    rows = [[an_ods_cell("time", span), an_ods_cell("float", "1")] for span in spans]
    names = [an_ods_cell("string", "run"), an_ods_cell("string", "n")]

    table = read(tmp_path, an_ods(names, *rows))

    assert table.frame["run"].to_list() == [108_300, 360_030, -93_600]


def test_durations_of_a_workbook_have_their_sign(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["run", "n"])
    for seconds in (-30, 90, -90_061, 108_300):
        sheet.append([timedelta(seconds=seconds), 1])
        sheet.cell(sheet.max_row, 1).number_format = "[h]:mm:ss"
    output = io.BytesIO()
    book.save(output)

    table = read(tmp_path, output.getvalue())

    assert table.frame["run"].to_list() == [-30, 90, -90_061, 108_300]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-30, "-0:00:30.000"),
        (59.9997, "0:01:00.000"),
        (3599.9999, "1:00:00.000"),
        (-3599.9999, "-1:00:00.000"),
        (108_300.25, "30:05:00.250"),
        (-0.0001, "0:00:00.000"),
    ],
)
def test_duration_is_rounded_before_it_is_split(seconds: float, text: str) -> None:
    assert write_cell(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    "cover",
    [
        [],
        [["Sales of 2026"]],
        [["Sales of 2026"], [None, "by the finance department"], ["Author", "A. Smith"]],
        [["Author", "A. Smith"], ["Date", "2026-01-01"], ["Version", 3], ["State", "final"]],
    ],
)
def test_cover_sheet_is_passed_over(tmp_path: Path, cover: list[list[str | int | None]]) -> None:
    book = openpyxl.Workbook()
    for row in cover:
        book.active.append(row)
    data = book.create_sheet("data")
    data.append(["a", "b"])
    for row_number in range(12):
        data.append([row_number, 2])
    book.save(tmp_path / "t.xlsx")

    table = read_table(tmp_path / "t.xlsx", TableFormat.xlsx, ParseOptions(), limits=TableLimits())

    assert table.frame.rows() == [(row_number, 2) for row_number in range(12)]
    (warning,) = table.warnings
    assert (warning.code, warning.example) == ("sheet_chosen", "data")
    assert warning.detail == "sheet 'data' was read, and not 'Sheet'"


def test_sheet_of_one_column_is_read_where_no_other_has_a_table(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for cell in ("a", 1, 2):
        book.active.append([cell])
    book.create_sheet("empty")
    book.save(tmp_path / "t.xlsx")

    table = read_table(tmp_path / "t.xlsx", TableFormat.xlsx, ParseOptions(), limits=TableLimits())

    assert table.frame.rows() == [(1,), (2,)]


def a_workbook_of_formulas(title: str = "sales") -> bytes:
    """A workbook as openpyxl writes it: nothing has computed its formulas; a sheet without any."""
    workbook = openpyxl.Workbook()
    plain = workbook.active
    assert plain is not None
    plain.title = "plain"
    other = workbook.create_sheet(title)
    plain.append(["price", "n"])
    other.append(["price", "double"])
    for row in range(2, 22):
        plain.append([row * 1.5, row])
        other.append([row * 1.5, f"=A{row}*2"])
    output = io.BytesIO()
    workbook.save(output)
    return output.getvalue()


@pytest.mark.parametrize("title", ["sales", "Sales & more <2024>"])
def test_formulas_without_results_are_told(tmp_path: Path, title: str) -> None:
    path = tmp_path / "table.xlsx"
    path.write_bytes(a_workbook_of_formulas(title))

    table = read_table(path, TableFormat.xlsx, ParseOptions(sheet=title), limits=TableLimits())

    (warning,) = [w for w in table.warnings if w.code == "formulas_without_values"]
    assert (warning.count, warning.example) == (20, "=A2*2")
    assert "in B2" in warning.detail
    assert table.frame["double"].null_count() == 20


def test_formulas_of_a_sheet_that_is_not_read_are_not_told(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    path.write_bytes(a_workbook_of_formulas())

    table = read_table(path, TableFormat.xlsx, ParseOptions(), limits=TableLimits())

    assert [warning.code for warning in table.warnings] == ["sheet_chosen"]


def test_formulas_with_results_are_values(tmp_path: Path) -> None:
    source = io.BytesIO(a_workbook_of_formulas())
    path = tmp_path / "table.xlsx"
    with zipfile.ZipFile(source) as unsaved, zipfile.ZipFile(path, "w") as saved:
        for name in unsaved.namelist():
            # As spreadsheet programs save them.
            part = (
                unsaved.read(name).replace(b"<v></v>", b"<v>7</v>").replace(b"<v />", b"<v>7</v>")
            )
            saved.writestr(name, part)

    table = read_table(path, TableFormat.xlsx, ParseOptions(sheet="sales"), limits=TableLimits())

    assert table.warnings == ()
    assert table.frame["double"].to_list() == [7] * 20


def test_texts_with_both_marks_are_numbers_among_numbers(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    texts = ["2.074,91", "2.384,06 €", "1,234.5", "1'234,25", "17,5", "12 345,5"]
    for row in [["sold", "y"], *([text, 1] for text in texts), *([1000.5, 2] for _ in range(20))]:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")

    table = read_table(tmp_path / "t.xlsx", TableFormat.xlsx, ParseOptions(), limits=TableLimits())

    read = table.frame["sold"].to_list()
    assert read[:6] == [2074.91, 2384.06, 1234.5, 1234.25, 17.5, 12345.5]
    assert {warning.code for warning in table.warnings} == {"numbers_as_text"}


@pytest.mark.parametrize(
    ("data", "fix"),
    [
        ("a\tb\n1\t2\n".encode("utf-16"), "give format=csv"),
        (b"a\tb\n1\t2\n", "give format=csv"),
        (b"PK\3\4broken", "save it as .xlsx or .csv"),
        (b"\1\0\2\0", "save it as .xlsx or .csv"),
    ],
)
def test_text_that_is_called_a_workbook_is_said_to_be_one(
    tmp_path: Path, data: bytes, fix: str
) -> None:
    path = tmp_path / "table.xls"
    path.write_bytes(data)

    with pytest.raises(TableUnreadable) as error:
        read_table(path, TableFormat.xlsx, ParseOptions(), limits=TableLimits())

    assert error.value.fix == fix
