"""Clocks of two numbers: what their column or an option says that they show."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from lowloss.results import Reading
from lowloss.tables.batches import read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.options import ParseOptions
from tests.unit.lowloss.tables.test_columns import codes_of, read_cells, values_of


def read_named(name: str, cells: list[str], **options: Any) -> tuple[list[Any], ColumnReader]:
    reader = ColumnReader(ParseOptions(**options))
    (column,) = read_columns([pl.Series(name, cells)], reader)
    return column.to_list(), reader


@pytest.mark.parametrize(
    "name",
    [
        "TOI (mm:ss)",
        "Time [m:ss]",
        "min:sec",
        "Dauer (mm:ss)",
        "Dauer Min:Sek",
        "M:SS",
        "Zeit (Min.:Sek.)",
        "time_mm_ss",
    ],
)
def test_name_says_that_clocks_are_minutes(name: str) -> None:
    assert read_named(name, ["28:12", "1:02:30", "95:59"])[0] == [1692, 3750, 5759]


@pytest.mark.parametrize(
    "name", ["hh:mm", "h:mm:ss", "HH:MM:SS", "time", "ammo:ssd", "hh_mm_ss", "comm_ss"]
)
def test_other_names_leave_hours(name: str) -> None:
    assert read_named(name, ["8:12", "9:30"])[0] == [29_520, 34_200]


def test_format_says_that_clocks_are_minutes() -> None:
    cells = ["28:12", "95:59", "4:30"]
    values, reader = read_named("x", cells, date_format="%M:%S")
    again = ColumnReader(ParseOptions(), reader.decided)

    assert values == [1692, 5759, 270]
    assert read_columns([pl.Series("x", ["4:30"])], again)[0].to_list() == [270]
    assert codes_of(cells, date_format="%M:%S") == {"read_as_seconds"}
    assert read_named("pace", ["5:03", "4:59"], date_format="%H:%M")[0] == [18_180, 17_940]


def test_format_of_clocks_leaves_dates_and_times_of_day() -> None:
    assert str(values_of(["17.04.2024"], date_format="%M:%S")[0]) == "2024-04-17"
    assert values_of(["5:30 pm", "9:15 am"], date_format="%M:%S") == [63_000, 33_300]
    assert values_of(["1.5", "12"], date_format="%M:%S") == [1.5, 12]


def test_times_of_day_in_a_file_of_minutes_stay_hours_in_rows_to_predict() -> None:
    cells = ["1:10 ", "2:11 pm", "3:15 am", "4:20 pm"]
    values, reader = read_named("x", cells, date_format="%M:%S")
    again = ColumnReader(ParseOptions(), reader.decided)

    assert values == [4200, 51_060, 11_700, 58_800]
    assert read_columns([pl.Series("x", ["9:30"])], again)[0].to_list() == [34_200]
    assert not reader.is_format_used


def test_format_of_clocks_that_no_cell_has_is_told() -> None:
    unused = read_named("x", ["1.5"], date_format="%M:%S")[1]
    used = read_named("x", ["1:30"], date_format="%M:%S")[1]

    assert (unused.is_format_used, used.is_format_used) == (False, True)


def test_format_of_clocks_changes_what_rows_to_predict_are() -> None:
    reading = {"x": Reading(kind="duration", clock="h:m")}
    reader = ColumnReader(ParseOptions(date_format="%M:%S"), reading)

    assert read_columns([pl.Series("x", ["4:30"])], reader)[0].to_list() == [270]


@pytest.mark.parametrize(
    ("cells", "is_advised"),
    [
        (["4:30", "5:10"], True),
        (["PT45M", "PT1H30M"], False),
        (["0.00 Uhr", "9.30 Uhr"], False),
        (["00.00.00", "18.30.00"], False),
        (["14h30", "9h05"], False),
        (["4:30 pm", "5:10 am"], False),
    ],
)
def test_only_clocks_of_two_numbers_are_said_to_be_others(
    cells: list[str], *, is_advised: bool
) -> None:
    (warning,) = read_cells(cells).warnings

    assert ("date_format=%M:%S" in warning.fix) is is_advised


def test_durations_of_a_day_and_more_may_be_written_as_iso_has_them() -> None:
    cells = ["23:17:00", "PT29H14M00S", "PT100H00M01S"]

    assert values_of(cells) == [83_820, 105_240, 360_001]
    assert values_of(cells, types={"x": "duration"}) == [83_820, 105_240, 360_001]
