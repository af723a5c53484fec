"""What banks, web servers, statistical offices and schools export."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.unit.lowloss.tables import test_lookalikes
from tests.unit.lowloss.tables.test_columns import codes_of, values_of
from tests.unit.lowloss.tables.test_layouts import read


def test_log_of_a_web_server_keeps_its_times_whole() -> None:
    table = read(
        "".join(
            f'192.168.0.{row} - - [{row + 1:02}/Jan/2024:10:08:32 +0100] "GET /a/{row} HTTP/1.1" 200 {row}\n'
            for row in range(30)
        )
    )

    assert table.frame.width == 7
    assert table.frame.row(2)[3:] == (datetime(2024, 1, 3, 9, 8, 32), "GET /a/2 HTTP/1.1", 200, 2)
    assert [warning.code for warning in table.warnings] == ["no_header"]


def test_names_below_filled_titles_may_lack_that_of_the_rows() -> None:
    rows = "".join(f"Land {row};{row * 1000};{row * 1001};{row * 1002}\n" for row in range(1, 12))
    table = read(f"Tabelle: 12411-0010;;;\nBevölkerung, Stichtag;;;\n;2021;2022;2023\n{rows}")

    assert table.frame.columns == ["index", "2021", "2022", "2023"]
    assert table.frame.row(0) == ("Land 1", 1000, 1001, 1002)
    assert [warning.code for warning in table.warnings] == ["lines_skipped", "column_named"]


@pytest.mark.parametrize("others", [0, 8])
def test_places_prove_no_decimal_point(others: int) -> None:
    more = "".join(f";{name}" for name in "abcdefgh"[:others])
    cells = "".join(f";{name}" for name in "12345678"[:others])
    rows = "".join(f"{row + 1}.;{25 + row}.{row:03}{cells}\n" for row in range(30))

    table = read(f"place;spectators{more}\n{rows}")

    assert table.frame["place"].to_list()[:3] == [1, 2, 3]
    assert [(w.column, w.code) for w in table.warnings] == [("spectators", "ambiguous_numbers")]
    other = read(f"place;spectators{more}\n{rows}", thousands=".")
    assert other.frame["spectators"].to_list()[:2] == [25_000, 26_001]


def test_grades_with_plus_and_minus_are_no_negative_numbers() -> None:
    cells = ["1-", "2+", "2", "3-", "4"] * 8

    assert values_of(cells) == cells
    assert codes_of(cells) == {"looks_numeric"}
    assert values_of(["12-", "5", "7-"] * 8)[:3] == [-12, 5, -7]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ([*("12-", "15", "20") * 9, "65+"], [-12, 15, 20, -12, 15]),
        (["5-", "6+", *map(str, range(15, 35))], [-5, 6, 15, 16, 17]),
    ],
)
def test_one_bound_beside_minuses_of_accounts_makes_no_grades(
    cells: list[str], values: list[float]
) -> None:
    assert values_of(cells)[:5] == values


def test_directions_stand_in_front_of_degrees() -> None:
    cells = ["N48°26'15.5\"", "N48°30'00\"", "S 1°15'00\""]

    assert values_of(cells) == [48.437638889, 48.5, -1.25]


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (["5:03/km", "4:59 /km", "12:10 min/km"], [303, 299, 730]),
        (["+0:45", "+1:02:30", "+12:01"], [2700, 3750, 43_260]),
    ],
)
def test_paces_and_gaps_are_read_as_seconds(cells: list[str], seconds: list[int]) -> None:
    assert values_of(cells) == seconds
    assert codes_of(cells) == {"read_as_seconds"}


def test_column_of_paces_has_minutes() -> None:
    table = read(
        "pace,time\n" + "".join(f"{4 + row % 3}:{10 + row},5:{row:02}\n" for row in range(30))
    )

    assert table.frame.row(1) == (311, 18_060)
    fixes = [warning.fix.split("; ")[1] for warning in table.warnings]
    assert (
        fixes[0] == "give date_format=%H:%M if 4:30 is hours and minutes, and was read as minutes"
    )
    assert (
        fixes[1] == "give date_format=%M:%S if 4:30 is minutes and seconds, and was read as hours"
    )


@pytest.mark.parametrize("name", ["Gap", "Rückstand", "time behind"])
def test_gaps_behind_a_winner_are_minutes_and_seconds(name: str) -> None:
    table = read(f"{name},place\n" + "+0:45,2\n+12:01,3\n+1:02:30,4\n" * 9)

    assert table.frame.to_series(0).head(3).to_list() == [45, 721, 3750]


def test_clocks_without_a_plus_in_a_column_of_gaps_are_hours() -> None:
    table = read("Gap,place\n" + "0:45,2\n12:01,3\n" * 9)

    assert table.frame["Gap"].head(2).to_list() == [2700, 43_260]


CLOCKS = [f"{row % 24}.{row * 7 % 60:02}" for row in range(40)]


@pytest.mark.parametrize("name", ["Ora", "time", "Uhrzeit", "departure_time", "Klo"])
@pytest.mark.parametrize("others", [0, 10])
def test_decimals_that_their_name_calls_times_are_told(name: str, others: int) -> None:
    more = "".join(f",c{position}" for position in range(others))
    rows = "".join(f"{cell}{',1.25' * others}\n" for cell in CLOCKS)

    table = read(f"{name}{more}\n{rows}")

    (warning,) = table.warnings
    assert (warning.column, warning.code, warning.count) == (name, "may_be_times", 40)
    again = read(f"{name}{more}\n{rows}", types={name: "duration"})
    assert again.frame[name].to_list()[:3] == [0, 4020, 8040]


@pytest.mark.parametrize(
    ("name", "cells"),
    [("distance", CLOCKS), ("time", [f"{row}.{row * 7 % 100:02}" for row in range(1, 24)])],
)
def test_other_decimals_are_not_told_as_times(name: str, cells: list[str]) -> None:
    assert read(f"{name}\n" + "\n".join(cells) + "\n").warnings == ()


CARS = "".join(
    f"{10 + row * 7 % 30}.5   {4 + row % 3 * 2}   {97 + row * 37 % 300}.0   {1649 + row * 91}.   "
    f'{row % 13 + 8}.5   {70 + row % 12}  1\t"car number {row}"\n'
    for row in range(40)
)


def test_numbers_that_do_not_rise_beside_other_words_in_each_row_are_data() -> None:
    table = read(CARS)

    assert table.frame.height == 40
    assert [warning.code for warning in table.warnings] == ["no_header"]


@pytest.mark.parametrize(
    ("header", "is_told"),
    [
        ("gene,0.5,1.0", True),
        ("gene,10,25,100", True),
        ("country,2018,2019,2021", False),
        ("name,1,2,3", False),
        ("country,2020,x", False),
    ],
)
def test_numbers_among_the_names_may_be_data_and_are_told(header: str, is_told: bool) -> None:
    width = header.count(",")
    rows = "".join(f"g{row}" + f",{row * 7 % 13}.5" * width + "\n" for row in range(30))

    table = read(f"{header}\n{rows}")

    assert table.frame.columns == header.split(",")
    warnings = [warning for warning in table.warnings if warning.code == "numbers_in_header"]
    assert bool(warnings) is is_told
    assert all(warning.fix == "give header=false if it is data" for warning in warnings)
    assert read(f"{header}\n{rows}", header=True).warnings == ()


def test_durations_have_words_of_other_languages() -> None:
    assert values_of(["2 j 8 h", "1 j 23 h"] * 9)[:2] == [201_600, 169_200]
    assert values_of(["3 Std. 20 Min.", "1 Std. 5 Min."] * 9)[:2] == [12_000, 3900]


def test_later_rows_mean_what_they_meant() -> None:
    later = test_lookalikes.read_later

    assert later(["5:03/km", "4:59/km"] * 9, ["6:00/km"]).frame["x"].to_list() == [360]
    assert later(["N48°26'15\"", "N1°30'00\""] * 9, ["N2°15'00\""]).frame["x"].to_list() == [2.25]
