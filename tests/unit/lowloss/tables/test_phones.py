"""Phone numbers are told from addresses, dates, coordinates, and numbers of other kinds."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.phones import are_phones
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table


def read(cells: Sequence[str]) -> Table:
    text = "x;y\n" + "".join(f"{cell};{row}\n" for row, cell in enumerate(cells))
    return read_csv(text.encode(), ParseOptions(), limits=TableLimits())


@pytest.mark.parametrize(
    "cell",
    [
        "+49 170 1234567",
        "+491701234567",
        "+1 (555) 123-4567",
        "+49.170.1234567",
        "(555) 123-4567",
        "555-123-4567",
        "555-123-4567 x12",
        "555.123.4567",
        "001-555-123-4567x123",
        "0170/1234567",
        "0170 - 1234567",
        "030 123 456",
        "06 12 34 56 78",
        "20 12 34 56",
        "1-555-123-4567",
        "4111 1111 1111 1111",
    ],
)
def test_phone_numbers_and_cards_are_recognized(cell: str) -> None:
    assert are_phones(pl.Series([cell] * 3))


@pytest.mark.parametrize(
    "cell",
    [
        "192.168.100.200",
        "2024-01-15",
        "2024 01 15",
        "2024-01-15 103000",
        "01.02.2023",
        "01-02-2023",
        "01/02/2023",
        "1 234 567",
        "1.234.567",
        "52.5200 13.4050",
        "978-3-16-148410-0",
        "3-16-148410-0",
        "1234567",
    ],
)
def test_addresses_dates_and_other_numbers_are_no_phones(cell: str) -> None:
    assert not are_phones(pl.Series([cell] * 3))


def test_column_of_coordinates_looks_numeric() -> None:
    table = read([f"{row}.5200 13.40{row}" for row in range(10, 40)])

    assert [warning.code for warning in table.warnings] == ["looks_numeric"]


def test_phones_in_a_column_of_other_numbers_do_not_silence_its_warning() -> None:
    table = read([*["(555) 123-4567"] * 6, *["5 kg", "300 g"] * 2])

    (warning,) = table.warnings
    assert (warning.code, warning.count) == ("looks_numeric", 10)


def test_only_phones_are_counted_and_shown_as_such() -> None:
    table = read(["12", *[f"+4917012345{row}" for row in range(10, 50)]])

    (warning,) = table.warnings
    assert (warning.code, warning.count) == ("phone_numbers", 40)
    assert (warning.example, warning.rows[0]) == ("+491701234510", 2)
