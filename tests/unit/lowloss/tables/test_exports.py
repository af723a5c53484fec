"""Files as banks, instruments, agencies and programs export them: lines around the table."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from lowloss.errors import TableRagged
from lowloss.results import TableFormat
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv, read_table
from lowloss.tables.table import Table

COUNT = 12


def read(text: str, **options: Any) -> Table:
    return read_csv(text.encode(), ParseOptions(**options), limits=TableLimits())


def codes(table: Table) -> list[str]:
    return [warning.code for warning in table.warnings]


def lines(*parts: str, count: int = COUNT) -> str:
    """Rows that count up where a part says so."""
    return "".join("".join(parts).replace("{}", f"{row}") + "\n" for row in range(count))


RULE = "-" * 40 + "\n"


@pytest.mark.parametrize("title", ["", "17.04.2024      Dynamische Listenausgabe      1\n"])
def test_list_of_sap_is_read(title: str) -> None:
    names = "|BuKr|Buch.dat. |    Betrag|\n"
    rows = lines("|1000|17.04.2024|1.234,{}-|\n")

    table = read(f"{title}{RULE}{names}{RULE}{rows}{RULE}".replace("\n\n", "\n"))

    assert table.frame.columns == ["BuKr", "Buch.dat.", "Betrag"]
    assert table.frame.height == COUNT
    assert table.frame.row(1) == (1000, date(2024, 4, 17), -1234.1)
    assert codes(table).count("lines_skipped") == (2 if title else 1)


def test_frame_of_a_client_below_the_statement_is_no_data() -> None:
    rows = "".join(f"| {row}.5 | w{row % 3} |\n" for row in range(COUNT))

    table = read(f"mysql> select a, b from t;\n+---+---+\n| a | b |\n+---+---+\n{rows}+---+---+\n")

    assert table.frame.columns == ["a", "b"]
    assert table.frame.row(1) == (1.5, "w1")


@pytest.mark.parametrize(
    ("above", "names"),
    [
        ("# t u v\n", ["t", "u", "v"]),
        ("#t u v\n", ["t", "u", "v"]),
        ("% t  u  v\n", ["t", "u", "v"]),
        ("# run 12\n# of Monday\n# t u v\n", ["t", "u", "v"]),
        ("# run 12 of Monday the 3rd\n", ["column_1", "column_2", "column_3"]),
    ],
)
def test_comments_above_rows_that_blanks_split_may_name_them(above: str, names: list[str]) -> None:
    rows = "".join(f"  {row}.0D+00 {row}.5 {row * row}\n" for row in range(COUNT))

    table = read(above + rows)

    assert table.frame.columns == names
    assert table.frame.row(2) == (2.0, 2.5, 4)
    assert ("lines_skipped" in codes(table)) is (above.count("\n") > 1 or names[0] == "column_1")


def test_annotations_of_influxdb_are_no_header() -> None:
    above = (
        "#group,false,false,true\n#datatype,string,long,dateTime:RFC3339\n#default,_result,,\n"
        ",result,table,_time\n"
    )
    rows = "".join(f",,{row % 2},2024-04-17T00:{row:02}:00Z\n" for row in range(COUNT))

    table = read(above + rows)

    assert table.frame.columns == ["result", "table", "_time"]
    assert table.frame.row(1) == (None, 1, datetime(2024, 4, 17, 0, 1))
    assert codes(table) == ["lines_skipped", "empty_columns"]


@pytest.mark.parametrize(
    "below",
    [
        "\nResults\n\n",
        "Results\n",
        '"Wednesday, Apr 17, 2024 08:30 AM",,\n',
        ",,\nPrinted by order of A,,\n",
    ],
)
def test_what_a_program_writes_below_the_rows_is_no_data(below: str) -> None:
    table = read("a,b,c\n" + lines("{}.5,{},x") + below)

    assert table.frame.height == COUNT
    assert codes(table) == ["lines_skipped"]


def test_total_above_empty_rows_and_the_time_of_printing_is_left_out() -> None:
    below = 'TOTAL,,"$9,999.00"\n,,\n"Wednesday, Apr 17, 2024 08:30:11 AM GMT+2",,\n'

    table = read("date,kind,amount\n" + lines("2024-04-{}1,x{},{}.25", count=3) * 4 + below)

    assert table.frame["amount"].max() == 2.25
    (total,) = [warning for warning in table.warnings if warning.code == "row_skipped"]
    assert total.rows == (13,)


@pytest.mark.parametrize(
    "label", ["Overall average", "Class average", "Overall mean", "Group median"]
)
def test_means_of_grades_are_left_out(label: str) -> None:
    table = read("name,grade\n" + lines("n{},{}.5") + f"{label},5.5\n")

    assert table.frame.height == COUNT
    assert codes(table) == ["row_skipped"]


@pytest.mark.parametrize(
    "text",
    [
        "a,b,c\n1,2,3\n4,5,6\nab\n7,8,9\n",  # not below the rows
        "a,b,c\n1,2,3\n4,5,6\n7\n",  # a number
    ],
)
def test_other_short_lines_are_refused(text: str) -> None:
    with pytest.raises(TableRagged):
        read(text)


def test_last_row_with_one_cell_is_one_where_others_have_one_too() -> None:
    rows = "".join(
        f"a name of {row} words,,\n" if row % 3 == 0 else f"b,{row},x\n" for row in range(13)
    )

    assert read(f"n,a,b\n{rows}").frame.height == 13


def test_texts_that_a_formula_protects_are_unwrapped() -> None:
    rows = "".join(f'="00{row}",="{row}.5","=""{row}"""\n' for row in range(COUNT))

    frame = read(f"sku,price,qty\n{rows}").frame

    assert frame.row(3) == ("003", 3.5, 3)


def test_text_with_a_decimal_mark_is_a_witness_of_the_file() -> None:
    rows = "".join(f"{row + 1}.250 km;{row},5 l/100 km (komb.)\n" for row in range(COUNT))

    table = read(f"km;verbrauch\n{rows}")

    assert table.frame["km"].to_list() == [row * 1000 + 250 for row in range(1, COUNT + 1)]
    assert "ambiguous_numbers" not in codes(table)


@pytest.mark.parametrize("other", ["8.30 Uhr", "1.2 Introduction", "1.5 bis 2.5"])
def test_text_with_a_point_is_none(other: str) -> None:
    table = read("preis;x\n" + "".join(f"{row + 1}.250 €;{other}{row}\n" for row in range(COUNT)))

    assert "ambiguous_numbers" in codes(table)


@pytest.mark.parametrize(
    "cells",
    [
        [f"{8000 + row} Zürich" if row % 2 else f"{3000 + row} Bern" for row in range(COUNT)],
        [f"05000US{41349 + row}" for row in range(COUNT)],
    ],
)
def test_towns_and_codes_are_no_numbers_of_several_units(cells: list[str]) -> None:
    assert "looks_numeric" not in codes(read("x;y\n" + "".join(f"{cell};1\n" for cell in cells)))


def test_header_of_questions_above_top_coded_numbers_is_left_out(tmp_path: Path) -> None:
    """As the American Community Survey writes its tables."""
    top = '"250,000+"'
    incomes = [top if row % 9 == 0 else str(20_000 + row * 37) for row in range(40)]
    rows = "".join(f"050US{row:05},{cell},{row * 11}\n" for row, cell in enumerate(incomes))
    path = tmp_path / "acs.csv"
    path.write_text(f"GEO_ID,B19_E,B19_M\nGeography,Estimate,Margin of Error\n{rows}")

    table = read_table(path, TableFormat.csv, ParseOptions(), limits=TableLimits())

    assert table.frame["B19_E"].to_list()[:2] == [250_000, 20_037]
    assert sorted(set(codes(table))) == ["ambiguous_numbers", "approximate_numbers", "row_skipped"]
    assert {w.rows[0] for w in table.warnings if w.column == "B19_E"} == {2}
