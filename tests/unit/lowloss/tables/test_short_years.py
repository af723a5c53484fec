"""Years of two digits, in front and behind, are none of the first century."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.unit.lowloss.tables.test_columns import codes_of, read_cells, values_of

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


def spread(years: range, days: range, *, count: int = 40) -> list[date]:
    """Return dates over many years, in no order."""
    return [
        date(years[n * 7 % len(years)], 1 + n * 5 % 12, days[n * 11 % len(days)])
        for n in range(count)
    ]


@pytest.mark.parametrize("mark", ["-", "/", "."])
@pytest.mark.parametrize("years", [range(2005, 2025), range(2008, 2019)])
def test_years_to_come_show_that_the_other_numbers_are_years(mark: str, years: range) -> None:
    days = spread(years, range(1, 29))

    assert values_of([day.strftime(mark.join(("%y", "%m", "%d"))) for day in days]) == days
    assert codes_of([day.strftime(mark.join(("%y", "%m", "%d"))) for day in days]) == {
        "ambiguous_dates"
    }
    cells = [day.strftime(mark.join(("%d", "%m", "%y"))) for day in days]
    assert values_of(cells) == days
    assert codes_of(cells) == set()


@pytest.mark.parametrize("mark", ["-", "/", "."])
def test_cells_that_only_have_the_year_first_decide(mark: str) -> None:
    days = spread(range(1993, 2025), range(1, 29))
    cells = [day.strftime(mark.join(("%y", "%m", "%d"))) for day in days]

    assert values_of(cells) == days
    assert codes_of(cells) == set()


def test_one_mistake_does_not_put_years_first() -> None:
    days = spread(range(2008, 2019), range(1, 29))
    cells = [day.strftime("%d.%m.%y") for day in days]

    assert values_of([*cells[:39], "45.03.12"])[:39] == days[:39]


@pytest.mark.parametrize("form", ["%y/%m/%d", "%d/%m/%y"])
def test_first_days_of_months_decide(form: str) -> None:
    days = [day.replace(day=1) for day in spread(range(2005, 2029), range(1, 29))]

    assert values_of([day.strftime(form) for day in days]) == days


def test_dates_that_nothing_shows_are_read_day_first_and_told() -> None:
    days = spread(range(2005, 2025), range(4, 25))
    cells = [day.strftime("%d.%m.%y") for day in days]

    assert values_of(cells) == days
    (warning,) = read_cells(cells).warnings
    assert (warning.code, warning.count) == ("ambiguous_dates", 40)
    assert "%y.%m.%d" in warning.fix
    assert codes_of(cells[:7]) == set()
    assert values_of(cells, date_format="%y.%m.%d") != days


def test_few_dates_to_come_do_not_put_years_first() -> None:
    days = spread(range(2024, 2031), range(1, 26), count=12)
    cells = [day.strftime("%d.%m.%y") for day in days]

    assert values_of(cells) == days
