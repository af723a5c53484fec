"""Dates as people and programs write them, with words around them or without any mark."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from lowloss.tables.batches import read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table
from tests.unit.lowloss.tables.test_columns import codes_of, values_of

DAY, TIME = date(2024, 4, 17), datetime(2024, 4, 17, 8, 30)
EARLY = datetime(2024, 4, 17, 6, 30)


@pytest.mark.parametrize(
    ("cells", "years"),
    [
        (["1402/03/13", "1402/05/20", "1403/01/02"], [1402, 1402, 1403]),
        (["1402-03-13", "1402-05-20", "1403-01-02"], [1402, 1402, 1403]),
        (["13/5/1445", "20/6/1445", "2/7/1446"], [1445, 1445, 1446]),
    ],
)
def test_dates_of_other_calendars_are_told(cells: list[str], years: list[int]) -> None:
    assert [value.year for value in values_of(cells)] == years
    assert "early_years" in codes_of(cells)


def test_quarters_and_months_are_read_as_stata_writes_them() -> None:
    assert values_of(["2024q2", "2024q4"]) == [date(2024, 4, 1), date(2024, 10, 1)]
    assert values_of(["2024m4", "2024m12"]) == [date(2024, 4, 1), date(2024, 12, 1)]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *(
            ("Mi, 17.04.2024", DAY),
            ("Mittwoch, 17. April 2024", DAY),
            ("mercredi 17 avril 2024", DAY),
        ),
        *(("2024-04-17 Wed", DAY), ("2024. 04. 17.", DAY), ("17.04.2024 \u0433.", DAY)),
        *(("17 kwietnia 2024", DAY), ("17 Nisan 2024", DAY), ("17 апреля 2024", DAY)),
        *(("17.04.2024 08:30 Uhr", TIME), ("Apr 17, 2024 at 8:30 AM", TIME)),
        *(("17/04/2024 8:30:00 a. m.", TIME), ("2024/4/17 上午8:30:00", TIME)),
        *(("2024. 4. 17. 오전 8:30:00", TIME), ("08:30:00 17/04/2024", TIME)),
        *(("17/04/2024 08:30:00:000", TIME), ("2024:04:17 08:30:00", TIME)),
        *(("2024-04-17-08.30.00.000000", TIME), ("17-APR-24 08.30.00.000000 AM", TIME)),
        *(("Wed Apr 17 08:30:00 2024", TIME), ("Wed Apr 17 08:30:00 CEST 2024", EARLY)),
        *(("Apr 17 2024  8:30AM", TIME), ("2024-04-17 08:30:00 CEST", EARLY)),
        *(("2024-04-17T08:30:00+02:00[Europe/Berlin]", EARLY), ("20240417T083000", TIME)),
        *(("20240417T083000Z", TIME), ("20240417 08:30", TIME), ("20240417083000", TIME)),
        *(("202404170830", TIME), ("2024041708", datetime(2024, 4, 17, 8))),
        ("2024-04-16 24:00", datetime(2024, 4, 17)),
        *(("2024M4", date(2024, 4, 1)), ("2. Quartal 2024", date(2024, 4, 1))),
        *(("2024 Quarter 2", date(2024, 4, 1)), ("Q2 '24", date(2024, 4, 1))),
        *(
            ("2024-S2", date(2024, 7, 1)),
            ("H2 2024", date(2024, 7, 1)),
            ("04.2024", date(2024, 4, 1)),
        ),
    ],
    ids=str,
)
def test_date_is_read_whatever_stands_around_it(cell: str, value: date) -> None:
    # Of one number alone nothing is sure.
    other = cell.replace("17", "18", 1).replace("04.2024", "05.2024")
    reader = ColumnReader(ParseOptions())

    (read,) = read_columns([pl.Series("x", [cell, other] * 20)], reader)

    assert read[0] == value
    again = ColumnReader(ParseOptions(), reader.decided)
    (later,) = read_columns([pl.Series("x", [cell])], again)
    assert later[0] == value


@pytest.mark.parametrize("first", [2_024_041_700, 202_404_170_000, 20_240_417_000_000])
def test_whole_numbers_that_are_days_with_a_time_are_told(first: int) -> None:
    cells = [str(first + hour * first // 2_024_041_700) for hour in range(24)]

    assert codes_of(cells) == {"read_as_days"}


@pytest.mark.parametrize("first", [20_240_401, 2_024_041_700, 20_240_417_083_000])
def test_missing_marks_stand_between_days_too(first: int) -> None:
    cells = [str(first + row) if row % 8 else "n.a." for row in range(24)]

    assert [value is None for value in values_of(cells)] == [row % 8 == 0 for row in range(24)]
    assert codes_of(cells) == {"read_as_days", "unreadable_cells"}


@pytest.mark.parametrize(
    "cells",
    [
        ["2024041708", "2024041799"],  # no hour
        ["2024041708", "2024041708"],  # one alone
        ["1713342600", "1713346200"],  # seconds since 1970
        ["202413010000", "202401010000"],  # no month
    ],
)
def test_other_long_numbers_stay_numbers(cells: list[str]) -> None:
    assert values_of(cells) == list(map(int, cells))


MONTHS = [f"{month:02}.{year}" for year in (2022, 2023) for month in range(1, 13)]


def test_months_that_look_like_numbers_are_dates_and_told() -> None:
    for cells in (MONTHS, [cell.lstrip("0") for cell in MONTHS], ["10.2024", "09.2024"]):
        assert values_of(cells)[0].year in {2022, 2024}
        assert codes_of(cells) == {"read_as_days"}
    turned = [f"{cell[3:]}.{cell[:2]}" for cell in MONTHS]
    assert values_of(turned)[:2] == [date(2022, 1, 1), date(2022, 2, 1)]


@pytest.mark.parametrize(
    "cells",
    [
        ["10.2024", "11.2023"],  # too few
        ["1.2024", "2.5", "3.2024"] * 8,
        ["2024.13", *(f"2024.{month:02}" for month in range(1, 13))],
        [f"{row}.{1950 + row}" for row in range(20)],
    ],
)
def test_other_numbers_with_a_point_stay_numbers(cells: list[str]) -> None:
    assert values_of(cells) == list(map(float, cells))


def read(lines: list[str], **options: Any) -> Table:
    text = "x;y\n" + "".join(f"{cell};{row}\n" for row, cell in enumerate(lines))
    return read_csv(text.encode(), ParseOptions(**options), limits=TableLimits())


DAYS = (3, 4, 1, 2, 5)


@pytest.mark.parametrize(
    "cells",
    [
        [f"{day:02}.04.2024" for day in DAYS],
        [f"{day}/4/24" for day in DAYS],
        [f"{day}-4-2024 8:30" for day in DAYS],
        [f"0{day}.04.2024 08:30:15" for day in DAYS],
        [f"{day}/4/2024 8:30 AM" for day in DAYS],
        [f"{day}. 4. 2024" for day in DAYS],
    ],
    ids=lambda cells: cells[0],
)
def test_advice_on_ambiguous_dates_reads_them_the_other_way(cells: list[str]) -> None:
    table = read(cells)
    (warning,) = table.warnings
    assert warning.code == "ambiguous_dates"
    pattern = warning.fix.removeprefix("set date_format to ").removesuffix(
        " if it is the other way"
    )

    other = read(cells, date_format=pattern)

    assert not other.warnings
    days, others = table.frame["x"].dt, other.frame["x"].dt
    assert (days.day().to_list(), days.month().to_list()) == (
        others.month().to_list(),
        others.day().to_list(),
    )


def test_advice_on_ambiguous_dates_in_several_formats_is_to_write_them_plainly() -> None:
    (warning,) = read(["1.2.2024", "3.4.2024 8:30", "2.1.2024", "1.1.2024"]).warnings

    assert warning.fix == "write them as 2024-04-17 if it is the other way"


def test_order_of_dates_is_that_in_which_they_follow_in_even_steps() -> None:
    hours = [f"{1 + hour // 24:02}.04.2024 {hour % 24:02}:00" for hour in range(72)]

    table = read(hours)

    assert table.frame["x"][-1] == datetime(2024, 4, 3, 23)
    assert not table.warnings


def test_even_steps_prove_nothing_where_the_other_order_has_one_date_a_month() -> None:
    table = read([f"{day}/1/2024" for day in range(1, 13)])

    assert [warning.code for warning in table.warnings] == ["ambiguous_dates"]
