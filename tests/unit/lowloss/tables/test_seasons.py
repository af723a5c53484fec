"""Seasons and fiscal years are no months."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from lowloss.tables.batches import read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.options import ParseOptions
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
    [
        ["2004-05"],
        ["2004-05", "2005-06", "2006-08"],
        ["2004-06", "2005-07", "2006-08"],
        ["2004-04", "2004-05", "2004-06"],
    ],
    ids=str,
)
def test_months_stay_dates(cells: list[str]) -> None:
    assert values_of(cells)[0] == date(2004, int(cells[0][-2:]), 1)
    assert codes_of(cells) == set()


@pytest.mark.parametrize("name", ["season", "Saison", "Fiscal Year", "home_season"])
@pytest.mark.parametrize("cells", [["2009-10"], ["2009-10", "2010-11"]], ids=str)
def test_the_name_of_a_column_makes_seasons_of_few(name: str, cells: list[str]) -> None:
    reader = ColumnReader(ParseOptions())

    (column,) = read_columns([pl.Series(name, cells * 20)], reader)

    assert column.to_list() == cells * 20
    assert [warning.code for warning in reader.warnings] == ["read_as_seasons"]


def test_two_months_that_may_be_seasons_are_told() -> None:
    cells = ["2004-05", "2005-06"]

    assert values_of(cells)[0] == date(2004, 5, 1)
    assert codes_of(cells) == {"ambiguous_dates"}
    assert values_of(cells, types={"x": "category"}) == cells
    assert codes_of(cells, types={"x": "date"}) == set()


@pytest.mark.parametrize("odd", ["2010-12", "2003", "summer"])
def test_one_other_cell_does_not_make_months_of_seasons(odd: str) -> None:
    cells = [*(f"{year}-{year % 100 + 1:02}" for year in range(2003, 2011)), *["2004-05"] * 31, odd]

    assert values_of(cells) == cells
    assert codes_of(cells) == {"read_as_seasons"}
    assert read_cells(cells).warnings[0].count == 39 + (odd == "2010-12")


def test_terms_of_several_years_are_no_months() -> None:
    cells = [f"{year}-{year % 100 + 2:02}" for year in range(2003, 2009)]

    assert values_of(cells) == cells
    assert codes_of(cells) == {"read_as_seasons"}
