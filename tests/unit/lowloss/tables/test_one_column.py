"""Files of one column of decimal commas, which may look like two columns."""

from __future__ import annotations

from typing import Any

import pytest

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


@pytest.mark.parametrize("first", ["a,b", "7,8", "2024-01-05,7", "7"])
def test_other_first_lines_leave_two_columns(first: str) -> None:
    assert read(f"{first}\n{NUMBERS}").frame.width == 2


def test_lines_with_other_fields_leave_two_columns() -> None:
    assert read(f"Wert\n{NUMBERS}x,7\n").frame.width == 2
