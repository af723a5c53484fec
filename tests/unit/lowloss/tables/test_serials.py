"""Dates that a spreadsheet wrote as numbers are read by the name of their column, and told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from lowloss.inference.signature import Input
from lowloss.inference.values import read_column
from lowloss.results import Reading
from lowloss.tables.json_lines import read_json
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.serials import says_date
from lowloss.tables.table import Table

DAYS = [date(2021, 1, 1) + timedelta(days=17 * step) for step in range(12)]
SERIALS = [44197 + 17 * step for step in range(12)]


def read(name: str, cells: Sequence[object], **options: object) -> Table:
    text = f"{name};x\n" + "".join(f"{cell};{row}.5\n" for row, cell in enumerate(cells))
    return read_csv(text.encode(), ParseOptions(**options), limits=TableLimits())


def again(table: Table, name: str, cell: str) -> list[object]:
    text = f"{name};x\n{cell};1.5\n"
    later = read_csv(text.encode(), ParseOptions(), limits=TableLimits(), earlier=table.readings)
    return later.frame[name].to_list()


@pytest.mark.parametrize(
    "name",
    [
        *("date", "Date", "Order date", "order_date", "startDate", "Bestelldatum", "Datum"),
        *("fecha", "Fecha de pago", "date_of_birth", "日期"),
    ],
)
def test_numbers_below_a_name_of_dates_are_dates_and_told(name: str) -> None:
    table = read(name, SERIALS)

    assert table.frame[name].to_list() == DAYS
    (warning,) = table.warnings
    assert (warning.code, warning.column) == ("read_as_serial_dates", name)
    assert "'44197' in row 1" in warning.detail
    assert "2021-01-01" in warning.detail
    assert "type to number" in warning.fix


@pytest.mark.parametrize(
    "name",
    [
        *("sales", "days", "day", "steps per day", "tag", "data", "dt", "candidates", "date_id"),
        *("last_update", "price", "t", "sales to date", "salary at hiring date", "date salary"),
    ],
)
def test_numbers_below_another_name_stay_numbers(name: str) -> None:
    table = read(name, SERIALS)

    assert table.frame[name].to_list() == SERIALS
    assert not table.warnings


@pytest.mark.parametrize("cells", [["44197.5", "44198.25"], ["44197,5", "44198,25"]])
def test_fractions_are_times_of_the_day(cells: list[str]) -> None:
    table = read("datetime", cells)

    assert table.frame["datetime"].to_list() == [
        datetime(2021, 1, 1, 12),
        datetime(2021, 1, 2, 6),
    ]


def test_fraction_of_a_file_is_the_minute_that_was_meant() -> None:
    table = read("date", ["45383.3958333333", "45383"])

    assert table.frame["date"].to_list() == [datetime(2024, 4, 1, 9, 30), datetime(2024, 4, 1)]


@pytest.mark.parametrize(("cell", "day"), [("44.197", DAYS[0]), ("44,197", DAYS[0])])
def test_grouped_number_can_only_be_a_day(cell: str, day: date) -> None:
    table = read("date", [cell, cell])

    assert table.frame["date"].to_list() == [day, day]


def test_few_odd_cells_are_missing_and_told() -> None:
    table = read("date", [*SERIALS * 4, "unknown", "0"])

    assert table.frame["date"].to_list() == [*DAYS * 4, None, None]
    assert {w.code: w.count for w in table.warnings} == {
        "read_as_serial_dates": 48,
        "unreadable_cells": 2,
    }


@pytest.mark.parametrize("cells", [["20100", "20101"], ["21000", "20000", "21999"]])
def test_numbers_that_may_be_days_since_1970_are_told_and_stay(cells: list[str]) -> None:
    table = read("date", cells)

    assert table.frame["date"].to_list() == [int(cell) for cell in cells]
    assert [w.code for w in table.warnings] == ["ambiguous_dates"]


@pytest.mark.parametrize("cells", [[1, 2, 3], [100000, 44197, 2], [1_600_000_000] * 3])
def test_other_numbers_in_a_column_of_dates_stay_numbers(cells: list[int]) -> None:
    assert read("date", cells).frame["date"].to_list() == cells


def test_type_overrides_the_name_both_ways() -> None:
    number = read("date", SERIALS, types={"date": "number"})
    chosen = read("sold", SERIALS, types={"sold": "date"})

    assert number.frame["date"].to_list() == SERIALS
    assert chosen.frame["sold"].to_list() == DAYS


def test_many_columns_are_read_as_one() -> None:
    names = ["date", *(f"x{number}" for number in range(12))]
    lines = [f"{serial}" + ",1" * 12 for serial in SERIALS]

    table = read_csv(
        "\n".join([",".join(names), *lines]).encode(), ParseOptions(), limits=TableLimits()
    )

    assert table.frame["date"].to_list() == DAYS


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("44197", date(2021, 1, 1)),
        ("12", None),
        ("70000", date(2091, 8, 25)),
        ("44197.5", datetime(2021, 1, 1, 12)),
        ("2021-01-01", datetime(2021, 1, 1)),
    ],
)
def test_single_later_row_is_read_by_the_same_rule(cell: str, value: object) -> None:
    assert again(read("date", SERIALS), "date", cell) == [value]


def test_number_of_a_request_is_the_day_that_the_table_meant() -> None:
    reading = Reading(kind="date", is_serial=True)
    column = Input(input="date", column="date", dtype="float32", kind="date", reading=reading)

    values = read_column([44197, 44197.5, "44197", "2021-01-01", None], column)

    assert np.nan_to_num(values[:, 0]).tolist() == [18628, 18628.5, 18628, 18628, 0]


def test_numbers_of_json_are_dates_by_the_same_rule() -> None:
    rows = [{"date": serial, "x": serial} for serial in SERIALS]

    table = read_json(json.dumps(rows).encode(), ParseOptions(), TableLimits())

    assert table.frame["date"].to_list() == DAYS
    assert table.frame["x"].to_list() == SERIALS
    assert table.readings["date"].is_serial
    assert [w.code for w in table.warnings] == ["read_as_serial_dates"]


def test_names_say_dates_by_words_of_their_own() -> None:
    assert [name for name in ("mandate", "dateline", "Updated", "") if says_date(name)] == []
