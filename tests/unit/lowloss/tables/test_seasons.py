"""Seasons and fiscal years are no months."""

from __future__ import annotations

from datetime import date

import pytest

from tests.unit.lowloss.tables.test_columns import codes_of, read_cells, values_of


@pytest.mark.parametrize(
    ("form", "last"),
    [("{}-{:02}", 100), ("{}/{:02}", 100), ("{} - {:02}", 100), ("{}/{}", 10_000)],
)
@pytest.mark.parametrize("first", [1998, 2004])
def test_a_year_and_the_next_one_are_a_season(form: str, last: int, first: int) -> None:
    cells = [form.format(year, (year + 1) % last) for year in range(first, first + 6)]

    assert values_of(cells) == cells
    assert codes_of(cells) == {"read_as_seasons"}


def test_seasons_are_months_where_their_type_or_a_format_says_so() -> None:
    cells, months = ["2004-05", "2005-06", "2006-07"], [date(2004, 5, 1), date(2005, 6, 1)]

    assert "date" in read_cells(cells).warnings[0].fix
    assert "date" not in read_cells([*cells, "2019-20"]).warnings[0].fix
    assert values_of(cells, types={"x": "date"})[:2] == months
    assert values_of([f"{cell}-01" for cell in cells])[:2] == months


@pytest.mark.parametrize(
    "cells",
    [["2004-05", "2005-06"], ["2004-05", "2005-06", "2006-08"], ["2004-04", "2004-05", "2004-06"]],
    ids=str,
)
def test_months_stay_dates(cells: list[str]) -> None:
    assert values_of(cells)[0] == date(2004, int(cells[0][-2:]), 1)
    assert codes_of(cells) == set()
