"""Lines whose columns all have one width, filled up with blanks."""

from __future__ import annotations

import pytest

from tests.unit.lowloss.tables.test_layouts import read

NAMES = ["Anna Maria", "Bo Lee", "Carl", "Dörte"]
CITIES = ["New York", "Oslo", "San José"]
HEADER = f"{'Name':<12}{'City':<12}{'Age':>4} {'Income':>8}\n"


def write(rows: int, header: str = HEADER) -> str:
    return header + "".join(
        f"{NAMES[row % 4]:<12}{CITIES[row % 3]:<12}{20 + row:>4} {1000 * row:>8}\n"
        for row in range(rows)
    )


def test_columns_of_fixed_widths_are_split_and_told() -> None:
    table = read(write(30))

    assert table.frame.columns == ["Name", "City", "Age", "Income"]
    assert table.frame.row(0) == ("Anna Maria", "New York", 20, 0)
    assert table.frame.row(29) == ("Bo Lee", "San José", 49, 29_000)
    assert [warning.code for warning in table.warnings] == ["fixed_widths"]


@pytest.mark.parametrize(
    "text",
    [
        write(30) + "a line whose words stand anywhere else than in the columns\n",
        write(30, header=f"{'Name':<24}{'Age':>4} {'Income':>8}\n"),  # a column without a name
        write(4),  # too few lines
        "review\n" + "very good\nnot so bad\n" * 10,
        "City Name\n" + "Rome Italy\nOslo Noway\n" * 5,
        "".join(f"2024-01-{day:02d} 08:03\n" for day in range(1, 29)),
    ],
)
def test_other_lines_stay_one_column(text: str) -> None:
    table = read(text)

    assert len(table.frame.columns) == 1
    assert "fixed_widths" not in {warning.code for warning in table.warnings}


def test_decimal_commas_do_not_split_columns_of_fixed_widths() -> None:
    text = f"{'City':<12}{'Temp':>8}{'Press':>10}\n" + "".join(
        f"{CITIES[row % 3]:<12}{f'{row},5':>8}{f'{900 + row},25':>10}\n" for row in range(30)
    )

    table = read(text)

    assert table.frame.row(0) == ("New York", 0.5, 900.25)
    assert table.frame.row(29) == ("San José", 29.5, 929.25)
    assert [warning.code for warning in table.warnings] == ["fixed_widths"]
