"""Years of two digits, in front and behind, are none of the first century."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.unit.lowloss.tables.test_columns import codes_of, values_of

DAYS = [date(2021, 1, 13) + timedelta(days=n * 337 % 1000) for n in range(40)]


@pytest.mark.parametrize("mark", ["-", "/", "."])
@pytest.mark.parametrize("is_sorted", [True, False])
def test_years_of_two_digits_behind_days_are_of_this_century(mark: str, *, is_sorted: bool) -> None:
    days = sorted(DAYS) if is_sorted else DAYS
    pattern = mark.join(("%d", "%m", "%y"))
    cells = [day.strftime(pattern) for day in days]

    assert values_of(cells) == days
    assert codes_of(cells) == set()


@pytest.mark.parametrize("mark", ["-", "/", "."])
def test_few_years_in_front_of_many_days_are_read_first_and_told(mark: str) -> None:
    cells = [day.strftime(mark.join(("%y", "%m", "%d"))) for day in DAYS]
    swapped = [date(2000 + d.day, d.month, d.year - 2000) for d in DAYS]

    assert values_of(cells) == DAYS
    assert codes_of(cells) == {"ambiguous_dates"}
    assert values_of(cells, date_format=mark.join(("%d", "%m", "%y"))) == swapped


def test_rising_years_in_front_are_read_first_without_a_doubt() -> None:
    cells = [day.strftime("%y-%m-%d") for day in sorted(DAYS)]

    assert values_of(cells) == sorted(DAYS)
    assert codes_of(cells) == set()


def test_years_in_front_that_no_day_is_are_read_first_without_a_doubt() -> None:
    days = [day.replace(year=day.year - 25) for day in DAYS]
    cells = [day.strftime("%y-%m-%d") for day in days]

    assert values_of(cells) == days
    assert codes_of(cells) == set()


def test_last_days_of_months_are_no_years() -> None:
    ends = [date(year, 1 + month % 12, 1) for year in range(2001, 2023, 2) for month in range(4)]
    days = [end - timedelta(days=1) for end in ends]
    cells = [day.strftime("%d/%m/%y") for day in days[::3] + days[1::3] + days[2::3]]

    assert values_of(cells)[0] == days[0]


def test_years_with_four_digits_may_be_early() -> None:
    assert values_of(["0113-05-01"]) == [date(113, 5, 1)]
