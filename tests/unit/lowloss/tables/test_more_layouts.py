"""Headers of more lines than one, dates in two ways, and answers of web services."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from lowloss.errors import TableUnreadable
from lowloss.results import TableFormat
from lowloss.tables.json_lines import read_json
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv, read_table
from lowloss.tables.table import Table

ROWS = [("N", 1, 2, 3, 4), ("S", 5, 6, 7, 8), ("E", 9, 1, 2, 3), ("W", 4, 5, 6, 7)]
NAMES = ["region", "2023_Q1", "2023_Q2", "2024_Q1", "2024_Q2"]
LEVELS = [(None, 2023, None, 2024, None), ("region", "Q1", "Q2", "Q1", "Q2")]
HOURS = [f"2024-01-01T{hour:02}:00" for hour in range(24)]


def read(text: str, **options: Any) -> Table:
    return read_csv(text.encode(), ParseOptions(**options), limits=TableLimits())


def read_answer(value: object) -> Table:
    return read_json(json.dumps(value).encode(), ParseOptions(), TableLimits())


def codes(table: Table) -> list[str]:
    return [warning.code for warning in table.warnings]


def a_workbook(path: Path, rows: list[tuple[object, ...]], *merged: str) -> Table:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in merged:
        book.active.merge_cells(cells)
    book.save(path / "book.xlsx")
    limits = TableLimits()
    return read_table(path / "book.xlsx", TableFormat.xlsx, ParseOptions(), limits=limits)


@pytest.mark.parametrize(
    "titles",
    [
        [("Sales by quarter",)],
        [("Sales by quarter",), ("of 2023 and 2024",)],
        [("Sales by quarter",), (None,)],
    ],
)
def test_title_above_two_header_lines_of_a_workbook_is_left_out(
    tmp_path: Path, titles: list[tuple[object, ...]]
) -> None:
    line = len(titles) + 1

    table = a_workbook(
        tmp_path, [*titles, *LEVELS, *ROWS], "A1:E1", f"B{line}:C{line}", f"D{line}:E{line}"
    )

    assert table.frame.columns == NAMES
    assert table.frame.rows() == ROWS
    assert {"header_joined", "lines_skipped"} <= set(codes(table))


@pytest.mark.parametrize("title", ["Sales,,,,", "Sales", ",,Sales,,"])
def test_title_above_two_header_lines_of_a_csv_is_left_out(title: str) -> None:
    rows = "".join(",".join(map(str, row)) + "\n" for row in ROWS)

    table = read(f"{title}\n,2023,,2024,\nregion,Q1,Q2,Q1,Q2\n{rows}")

    assert table.frame.columns == NAMES
    assert table.frame.rows() == ROWS


def test_texts_among_dates_of_a_workbook_are_dates_and_told(tmp_path: Path) -> None:
    cells = [datetime(2024, month, 5) for month in range(1, 9)]
    rows = [*((cell, 1) for cell in cells), ("17.04.2024", 2), ("28.11.2024", 3)]

    table = a_workbook(tmp_path, [("sold", "n"), *rows])

    expected = [*(cell.date() for cell in cells), date(2024, 4, 17), date(2024, 11, 28)]
    assert table.frame["sold"].to_list() == expected
    (warning,) = table.warnings
    assert (warning.code, warning.count, warning.rows) == ("dates_mixed", 2, (9, 10))
    assert "days for months" in warning.detail


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2024-01-20", "2024-01-21", "17/4/2024"], [date(2024, 1, 20), date(2024, 4, 17)]),
        (["5 Mar 2024", "6 Mar 2024", "2024-04-17"], [date(2024, 3, 5), date(2024, 4, 17)]),
        (["4/17/2024", "4/18/2024", "2024-04-17"], [date(2024, 4, 17), date(2024, 4, 17)]),
    ],
)
def test_dates_written_in_two_ways_are_dates_and_told(cells: list[str], expected: object) -> None:
    table = read("sold,n\n" + "".join(f"{cell},1\n" for cell in cells * 5))

    assert [table.frame["sold"][0], table.frame["sold"][2]] == expected
    assert codes(table) == ["dates_mixed"]


def test_day_and_month_do_not_change_places_within_a_column() -> None:
    table = read("sold,n\n" + "17/4/2024,1\n18/4/2024,1\n3/4/2024,1\n4/17/2024,1\n" * 5)

    assert table.frame["sold"][0] == "17/4/2024"
    assert codes(table) == ["mixed_cells"]


def test_second_way_in_doubt_stays_text_and_is_told() -> None:
    table = read("sold,n\n" + "2024-01-20,1\n2024-01-21,1\n3/4/2024,1\n" * 5)

    assert table.frame["sold"][2] == "3/4/2024"
    assert codes(table) == ["mixed_cells"]


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (['"TS","RN","Volts","C"', '"","","Smp","Avg"'], ["TIMESTAMP", "RECORD", "v", "t"]),
        (['"TS","RN","Volts","C"'], ["TIMESTAMP", "RECORD", "v", "t"]),
    ],
)
@pytest.mark.parametrize(
    "first", ['"TOA5","CR1000","CR1000","1"', '"TOA5","CR1000","CR1000","1","a","b","c","d"']
)
def test_header_lines_of_a_data_logger_are_no_data(
    first: str, lines: list[str], names: list[str]
) -> None:
    header = ",".join(f'"{name}"' for name in names)
    rows = [f'"2024-01-01 00:{minute:02}:00",{minute},12.5,3.5' for minute in range(30)]
    rows[0] = '"2024-01-01 00:00:00",0,12.5,"NAN"'

    table = read("\n".join([first, header, *lines, *rows]))

    assert table.frame.columns == names
    assert table.frame.row(0) == (datetime(2024, 1, 1), 0, 12.5, None)
    assert table.frame.height == 30
    assert codes(table) == ["lines_skipped", *["row_skipped"] * len(lines), "unreadable_cells"]


def test_column_that_is_named_as_a_logger_is_one() -> None:
    table = read("TOA5,TOA6\n" + "".join(f"{n},{n}.5\n" for n in range(8)))

    assert table.frame.columns == ["TOA5", "TOA6"]
    assert not table.warnings


@pytest.mark.parametrize("width", [2, 3])
def test_questions_and_ids_of_a_survey_are_no_data(width: int) -> None:
    names = ["Q1", "Q2", "Q3"][:width]
    questions = ['"How old are you?"', '"Why, in\na few words?"', '"And then?"'][:width]
    ids = [f'"{{""ImportId"":""{name}""}}"' for name in names]
    rows = [f"{age},a word,no"[: None if width == 3 else -3] for age in range(30, 38)]

    table = read("\n".join(map(",".join, (names, questions, ids))) + "\n" + "\n".join(rows))

    assert table.frame.columns == names
    assert table.frame["Q1"].to_list() == list(range(30, 38))
    assert [(w.code, w.rows) for w in table.warnings] == [
        ("row_skipped", (1,)),
        ("row_skipped", (2,)),
    ]


def test_types_and_units_below_a_header_are_both_no_data() -> None:
    rows = "".join(f"{n},{n}.5,a\n" for n in range(8))

    table = read(f"n,x,kind\nint64,float64,object\npieces,kg,-\n{rows}")

    assert table.frame["n"].to_list() == list(range(8))
    assert codes(table) == ["row_skipped", "row_skipped"]


def test_second_row_of_words_that_come_again_is_data() -> None:
    rows = "".join(f"{n},{n}.5,{'no' if n % 2 else 'yes'}\n" for n in range(200))

    table = read(f"n,x,kind\nrefused,refused,yes\ndeclined,declined,no\n{rows}")

    assert table.frame.height == 201
    assert codes(table) == ["row_skipped", "unreadable_cells", "unreadable_cells"]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"latitude": 52.5, "hourly_units": {"t": "C"}, "hourly": {"time": HOURS}}, "hourly"),
        (
            {
                "hourly": {"time": HOURS},
                "daily": {"time": ["2024-01-01", "2024-01-02"], "max": [1.5, 2.5]},
            },
            "hourly",
        ),
        ({"status": "ok", "data": {"id": 7, "series": {"time": HOURS}}}, "data.series"),
    ],
)
def test_lists_in_a_member_are_the_columns(value: dict[str, Any], path: str) -> None:
    inner: Any = value
    for key in path.split("."):
        inner = inner[key]
    inner["t"] = [hour / 2 for hour in range(24)]

    table = read_answer(value)

    assert table.frame.columns == ["time", "t"]
    assert table.frame.row(3) == (datetime(2024, 1, 1, 3), 1.5)
    (warning,) = table.warnings
    assert (warning.code, warning.count, warning.example) == ("json_member", 24, path)


def test_lists_beside_single_values_are_the_columns() -> None:
    table = read_answer({"city": "Oslo", "day": [1, 2, 3], "t": [0.5, None, 2.5]})

    assert table.frame.rows() == [(1, 0.5), (2, None), (3, 2.5)]
    assert "city" in table.warnings[0].detail


def test_tables_of_one_length_are_refused_by_name() -> None:
    series = {"x": [1, 2], "y": [3, 4]}

    with pytest.raises(TableUnreadable, match="several tables: a, b"):
        read_answer({"a": series, "b": series})


@pytest.mark.parametrize("about", [{"page": 1, "total": 2}, {}, {"sourceid": "2"}])
def test_pair_of_what_it_is_about_and_its_rows_is_the_rows(about: dict[str, Any]) -> None:
    rows = [
        {"country": {"id": "NO", "value": "Norway"}, "date": "2023", "value": 1.5},
        {"country": {"id": "SE", "value": "Sweden"}, "date": "2022", "value": None},
    ]

    table = read_answer([about, rows])

    assert table.frame["country.id"].to_list() == ["NO", "SE"]
    assert table.frame["value"].to_list() == [1.5, None]
    assert codes(table) == ["json_member"]


def test_pair_with_lists_of_cells_is_these() -> None:
    table = read_answer([{"page": 1}, [["a", "b"], [1, 2], [3, 4]]])

    assert table.frame.rows() == [(1, 2), (3, 4)]
