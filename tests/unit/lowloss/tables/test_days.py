"""Dates in an order or a form that other numbers have, too, and amounts in brackets."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from lowloss.tables.batches import read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.options import ParseOptions
from tests.unit.lowloss.tables.test_columns import codes_of, values_of


def test_year_of_two_digits_comes_first_where_only_so_the_dates_rise() -> None:
    cells = [f"24/{month:02}/{day:02}" for month in range(1, 6) for day in (2, 15, 28)]
    reader = ColumnReader(ParseOptions())

    (column,) = read_columns([pl.Series("x", cells)], reader)
    again = ColumnReader(ParseOptions(), reader.decided)
    (later,) = read_columns([pl.Series("x", ["25/01/07"])], again)

    expected = [date(2024, month, day) for month in range(1, 6) for day in (2, 15, 28)]
    assert column.to_list() == expected
    assert later.to_list() == [date(2025, 1, 7)]


def test_whole_numbers_that_are_days_are_dates_and_told() -> None:
    days = [date(2024, 1, day) for day in range(1, 32)]

    values = values_of([f"{day:%Y%m%d}" for day in days])

    assert values == days
    assert codes_of([f"{day:%Y%m%d}" for day in days]) == {"read_as_days"}


@pytest.mark.parametrize(
    "cells", [["20240101", "20241301"], ["20240101", "20240101"], ["18991231", "20240101"]]
)
def test_other_numbers_of_eight_digits_stay_numbers(cells: list[str]) -> None:
    assert values_of(cells) == [int(cell) for cell in cells]


def test_dates_of_another_calendar_are_told() -> None:
    assert "late_years" in codes_of(["13/03/2567", "28/03/2567"])


@pytest.mark.parametrize("cell", ["$(1,031.50)", "$ (1,031.50)", "($1,031.50)", "(1,031.50 $)"])
def test_amounts_in_brackets_are_negative_wherever_the_currency_stands(cell: str) -> None:
    assert values_of([cell, "$2.25"])[0] == -1031.5


def test_order_of_iso_dates_does_not_read_years_of_two_digits() -> None:
    reader = ColumnReader(ParseOptions())
    read_columns([pl.Series("x", ["2024-01-02", "2024-03-04"])], reader)

    (later,) = read_columns(
        [pl.Series("x", ["17/04/24"])], ColumnReader(ParseOptions(), reader.decided)
    )

    assert later.to_list() == [None]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2024-W05", "2024-W06"], [date(2024, 1, 29), date(2024, 2, 5)]),
        (["2024W05", "2024-W05-3"], [date(2024, 1, 29), date(2024, 1, 31)]),
        (["KW 05/2024", "KW 01/2021"], [date(2024, 1, 29), date(2021, 1, 4)]),
        (["Week 53 2020", "week 5 2020"], ["Week 53 2020", "week 5 2020"]),
        (["W53 2020", "W52 2021"], [date(2020, 12, 28), date(2021, 12, 27)]),
    ],
)
def test_weeks_of_iso_are_their_days(cells: list[str], expected: list[object]) -> None:
    assert values_of(cells) == expected


def test_week_that_its_year_does_not_have_is_missing_and_told() -> None:
    cells = ["2024-W05"] * 30 + ["2021-W53"]

    assert values_of(cells) == [date(2024, 1, 29)] * 30 + [None]
    assert codes_of(cells) == {"unreadable_cells"}


@pytest.mark.parametrize("cells", [["2835W12", "3528W24"], ["5 W", "12 W"], ["2024W5", "2024W61"]])
def test_other_numbers_with_a_w_are_no_weeks(cells: list[str]) -> None:
    assert not any(isinstance(value, date) for value in values_of(cells))
