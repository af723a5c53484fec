"""Times with words in several languages, and results of races."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tests.unit.lowloss.tables import test_layouts
from tests.unit.lowloss.tables.test_columns import codes_of, values_of
from tests.unit.lowloss.tables.test_lookalikes import read, read_later, warning_of

DAY, TIME = date(2024, 3, 5), datetime(2024, 3, 5, 14, 30)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2024年3月5日(火)", DAY),
        ("2024年3月5日\uff08火\uff09", DAY),
        ("2024年3月5日 火曜日", DAY),
        ("2024年3月5日(火) 14:30", TIME),
        ("2024年3月5日 14時30分", TIME),
        ("2024年3月5日 午後2時30分", TIME),
        ("2024年03月05日14:30", TIME),
        ("令和6年3月5日(火)", DAY),
        ("2024/03/05(火)", DAY),
        ("2024/3/5(火)14:30", TIME),
        ("2024年3月5日 星期二", DAY),
        ("2024년 3월 5일 (화)", DAY),
        ("2024년 3월 5일 화요일 오후 2:30", TIME),
        ("05.03.2024 (Di) 14:30", TIME),
        ("05.03.2024 14.30 Uhr", TIME),
        ("05.03.2024 um 14:30 Uhr", TIME),
        ("05.03.2024 um 14 Uhr", datetime(2024, 3, 5, 14)),
        ("05/03/2024 14h30", TIME),
        ("2024-03-05 kl. 14.30", TIME),
        ("05/03/2024 à 14h30", TIME),
    ],
)
def test_date_with_a_weekday_or_a_time_in_words_is_read(cell: str, value: date) -> None:
    # A day above the 12th settles the order.
    other = cell.replace("05", "25", 1) if cell.startswith("05") else cell.replace("4", "3", 1)

    assert values_of([cell, other] * 20)[0] == value
    assert codes_of([cell, other] * 20) == set()
    assert read_later([cell, other] * 20, [cell]).frame["x"].to_list() == [value]


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("10.00 Uhr", 36_000),
        ("9.30 Uhr", 34_200),
        ("10:30 Uhr", 37_800),
        ("10 Uhr", 36_000),
        ("10 Uhr 30", 37_800),
        ("10.30.15 Uhr", 37_815),
        ("10h30", 37_800),
        ("10:30 h", 37_800),
        ("10時30分", 37_800),
        ("10時5分", 36_300),
        ("kl. 10.30", 37_800),
        ("10:30 hod.", 37_800),
        ("10:30 uur", 37_800),
        ("10h30'15\"", 37_815),
    ],
)
def test_time_of_day_in_words_is_read_as_seconds_and_told(cell: str, seconds: int) -> None:
    cells = [cell, cell.replace("10", "11").replace("9", "8")] * 20

    assert values_of(cells)[0] == seconds
    assert codes_of(cells) == {"read_as_seconds"}
    assert read_later(cells, [cell]).frame["x"].to_list() == [seconds]


@pytest.mark.parametrize("cell", ["7.5 h", "12 h", "4.4 l", "3 hrs"])
def test_amounts_with_a_unit_stay_numbers(cell: str) -> None:
    assert values_of([cell, cell] * 20)[0] == float(cell.split(maxsplit=1)[0])


MARATHON = [f"{2 + row % 3}.{row * 7 % 60:02}.{row * 23 % 60:02}" for row in range(40)]
SWIMMING = [f"1.{40 + row % 20}.{row * 37 % 100:02}" for row in range(40)]


def test_results_of_races_are_durations_and_told() -> None:
    table = read(MARATHON)

    assert table.frame["x"].head(3).to_list() == [7200, 11_243, 15_286]
    assert warning_of(table, "read_as_seconds").count == 40
    assert read_later(MARATHON, ["3.00.10"]).frame["x"].to_list() == [10_810]


@pytest.mark.parametrize("cells", [["+01:00", "-05:00", "+05:30"], ["+01:00", "00:00", "Z"]])
def test_offsets_from_utc_are_a_category(cells: list[str]) -> None:
    assert values_of(cells * 10) == cells * 10
    assert codes_of(cells * 10) <= {"looks_numeric"}
    seconds = read(["+01:00", "-05:00"], types={"x": "duration"}).frame["x"].to_list()
    assert seconds == [3600, -18_000]


@pytest.mark.parametrize("cells", [["+00:45", "+01:12"], ["+0:45", "+1:00"], ["-05:00", "04:00"]])
def test_other_signed_clocks_are_seconds(cells: list[str]) -> None:
    assert codes_of(cells * 10) == {"read_as_seconds"}


def test_results_with_hundredths_are_minutes_and_seconds() -> None:
    table = read(SWIMMING)

    assert table.frame["x"].head(3).to_list() == [100, 101.37, 102.74]
    assert "was read as seconds, there 100" in warning_of(table, "read_as_seconds").detail
    assert read_later(SWIMMING, ["1.52.34"]).frame["x"].to_list() == [112.34]


INDUSTRIES = ["47.11.40", "47.19.90", "55.20.51", "10.51.20", "62.01.00"]


def test_codes_of_industries_are_no_results_and_told() -> None:
    table = read(INDUSTRIES * 8)

    assert table.frame["x"].to_list() == INDUSTRIES * 8
    warning = warning_of(table, "looks_numeric")
    assert warning.fix.startswith("set its type to duration if they are times")
    times = read(INDUSTRIES, types={"x": "duration"}).frame["x"]
    assert times.head(2).to_list() == [2831.4, 2839.9]


@pytest.mark.parametrize("name", ["finish_time", "Zeit", "Split 1", "résultat"])
def test_results_of_many_hours_are_durations_where_their_name_says_so(name: str) -> None:
    cells = [f"{10 + row % 9}.{row % 60:02}.{59 - row % 50}" for row in range(50)]

    table = test_layouts.read("\n".join([name, *cells, ""]))

    assert table.frame[name].head(2).to_list() == [36_059, 39_718]


def test_results_that_are_no_dates_are_advised_to_be_durations() -> None:
    cells = ["2.10.16", "2.11.12", "2.10.21", "2.12.24", "2.57.13", "2.36.13"]

    warning = warning_of(read(cells), "mixed_cells")

    assert warning.fix.endswith("or set the column's type to duration")
    assert read(cells, types={"x": "duration"}).frame["x"].head(2).to_list() == [7816, 7872]


def test_results_that_may_be_dates_are_told_so() -> None:
    warning = warning_of(read(["2.06.56", "2.07.12", "2.10.01"]), "ambiguous_dates")

    assert warning.fix.endswith("; set its type to duration if they are times")


@pytest.mark.parametrize(
    "cells",
    [
        [f"{1 + row % 28}.{1 + row % 12:02}.{40 + row}" for row in range(40)],
        [f"{1 + row % 3}.{row % 14:02}.{row % 20:02}" for row in range(40)],
        [f"{1 + row % 3}.{8 + row % 9}.{10 + row % 40}" for row in range(40)],
    ],
    ids=["birthdays", "accounts", "versions"],
)
def test_days_and_codes_are_no_results(cells: list[str]) -> None:
    assert "read_as_seconds" not in codes_of(cells)
