"""Files of one column of decimal commas, which may look like two columns."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.errors import TableRagged
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table

NUMBERS = "".join(f"{n},{n % 7}\n" for n in range(9, 40))


def read(text: str, **options: Any) -> Table:
    return read_csv(text.encode(), ParseOptions(**options), limits=TableLimits())


@pytest.mark.parametrize("name", ["Wert", '"Wert"', "Wert (mm)"])
def test_numbers_with_commas_below_a_name_are_one_column(name: str) -> None:
    table = read(f"{name}\n{NUMBERS}")

    assert table.frame.columns == [name.strip('"')]
    assert table.frame.row(0) == (9.2,)
    (warning,) = table.warnings
    assert (warning.code, warning.example) == ("one_column", "9,2")
    assert read(f"{name}\n{NUMBERS}", delimiter=",").frame.width == 2


def test_a_decimal_comma_makes_one_column_without_a_name() -> None:
    assert read(NUMBERS, decimal=",").frame.width == 1
    assert read(NUMBERS).frame.width == 2


@pytest.mark.parametrize("first", ["a,b", "#a,b", "7,8", "2024-01-05,7", "7"])
def test_other_first_lines_leave_two_columns(first: str) -> None:
    assert read(f"{first}\n{NUMBERS}").frame.width == 2


def test_lines_with_other_fields_leave_two_columns() -> None:
    assert read(f"Wert\n{NUMBERS}x,7\n").frame.width == 2


@pytest.mark.parametrize("unit", [" €", "%", " °C", " kg", " km/h", " m²"])
def test_numbers_with_a_unit_are_one_column(unit: str) -> None:
    table = read("Wert\n" + NUMBERS.replace("\n", f"{unit}\n"))

    assert (table.frame.columns, table.frame.row(0)) == (["Wert"], (9.2,))


@pytest.mark.parametrize("above", ["Messreihe 3\n", "# Messreihe 3\n", "\n", "Reihe\n\n"])
def test_title_and_blank_lines_stand_above_one_column(above: str) -> None:
    table = read(f"{above}Wert\n\n{NUMBERS}")

    assert (table.frame.columns, table.frame.height) == (["Wert"], 31)
    codes = [warning.code for warning in table.warnings]
    assert codes == [*["lines_skipped"] * (above != "\n"), "one_column"]


@pytest.mark.parametrize("line", ["8", "k.A.", "Summe"])
@pytest.mark.parametrize("lines", ["{}\n" + NUMBERS, NUMBERS + "{}\n"])
def test_few_lines_without_a_comma_leave_one_column(line: str, lines: str) -> None:
    first = "Wert\n3,5\n" if line == "Summe" else "Wert\n"
    table = read(first + lines.format(line))

    assert table.frame.shape == (32 + (line == "Summe"), 1)
    assert table.frame.columns == ["Wert"]
    assert table.frame["Wert"].null_count() == (line != "8")


def test_decimal_reads_one_column_among_words_and_the_error_names_it() -> None:
    text = NUMBERS + "out\n" * 9

    assert read(f"Wert\n{text}", decimal=",").frame.shape == (40, 1)
    with pytest.raises(TableRagged, match="decimal="):
        read(NUMBERS + "7\n")
    with pytest.raises(TableRagged) as raised:
        read(text)
    assert "decimal=" not in str(raised.value)


@pytest.mark.parametrize("mark", [",", ";"])
def test_two_whole_numbers_among_others_are_data(mark: str) -> None:
    rows = "".join(f"{n * 7 % 90},{n * 11 % 80}\n" for n in range(3, 40)).replace(",", mark)

    table = read(rows)
    assert table.frame.shape == (37, 2)
    assert [warning.code for warning in table.warnings] == ["no_header"]


@pytest.mark.parametrize("names", ["0,1", "2023,2024", "500,10"])
def test_two_whole_numbers_may_be_names(names: str) -> None:
    rows = "".join(f"{n * 7 % 90},{n * 11 % 80}\n" for n in range(3, 40))

    table = read(f"{names}\n{rows}")
    assert table.frame.columns == names.split(",")
    assert [warning.code for warning in table.warnings] == ["numbers_in_header"] * (names[0] == "5")
