"""Dates in eras of Japan and Taiwan are read where the text names the era, else told."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tests.unit.lowloss.tables.test_lookalikes import read, read_later, warning_of


@pytest.mark.parametrize(
    ("cells", "dates"),
    [
        (["民國113年5月1日", "中華民國112年12月31日"], [date(2024, 5, 1), date(2023, 12, 31)]),
        (["民國113/5/1", "民国99.1.15"], [date(2024, 5, 1), date(2010, 1, 15)]),
        (["令和6年5月1日", "平成31年4月30日"], [date(2024, 5, 1), date(2019, 4, 30)]),
        (["令和元年5月1日", "昭和64年1月7日"], [date(2019, 5, 1), date(1989, 1, 7)]),
        (["大正12年9月1日", "明治45年7月29日"], [date(1923, 9, 1), date(1912, 7, 29)]),
        (["令和\uff16年\uff15月\uff11日"], [date(2024, 5, 1)]),
        (["令和6年5月", "令和6年12月"], [date(2024, 5, 1), date(2024, 12, 1)]),
    ],
)
def test_eras_that_are_named_are_read(cells: list[str], dates: list[date]) -> None:
    table = read(cells)

    assert table.frame["x"].to_list() == dates
    assert table.warnings == ()
    assert [read_later(cells, [cell]).frame["x"][0] for cell in cells] == dates


@pytest.mark.parametrize(
    ("cells", "dates"),
    [
        (
            ["R6.5.17", "H31.4.30", "S64.1.7"],
            [date(2024, 5, 17), date(2019, 4, 30), date(1989, 1, 7)],
        ),
        (["R06/05/17", "R06/12/24"], [date(2024, 5, 17), date(2024, 12, 24)]),
        (["R6.5.17", "R6.5.24"], [date(2024, 5, 17), date(2024, 5, 24)]),
    ],
)
def test_letters_of_eras_are_read_and_told(cells: list[str], dates: list[date]) -> None:
    table = read(cells)

    assert table.frame["x"].to_list() == dates
    assert warning_of(table, "eras_read").count == len(cells)
    assert read_later(cells, ["R7.1.2"]).frame["x"].to_list() == [date(2025, 1, 2)]


def test_times_may_stand_behind() -> None:
    assert read(["令和6年5月1日 10:30", "令和6年5月2日 08:00"]).frame["x"].to_list() == [
        datetime(2024, 5, 1, 10, 30),
        datetime(2024, 5, 2, 8),
    ]


@pytest.mark.parametrize(
    "cells",
    [
        ["R6.5.1", "R6.5.2", "R7.1.1"],  # versions, as likely
        ["R1.2.3", "S2.1.4", "T1.1.1"],  # sections
        ["T1/1/1", "T1/1/2", "S2/1/4"],  # ports of a switch
        ["R06.05.01", "R06.06.01"],
        ["R1.2.3", "S2.1.4", "T1.1.14", "T1.1.1"],
        ["R6.5.24", "H31.0.30", "R6.5.20"],
        ["R6.5.24", "R6.2.30"],
        ["A6.5.1", "B31.4.30"],
        ["R6-5-1", "H31-4-30"],
        ["H32.4.30", "S65.1.7"],  # the eras had no such years
    ],
)
def test_letters_that_may_be_none_of_eras_stay_text(cells: list[str]) -> None:
    assert read(cells).frame["x"].to_list() == cells


@pytest.mark.parametrize("cells", [["R6.5.1", "H31.4.2"], ["R1.2.3", "S2.1.4", "T1.1.1"]])
def test_letters_that_may_be_of_eras_are_told(cells: list[str]) -> None:
    warning = warning_of(read(cells), "unnamed_era")

    assert (warning.count, warning.example) == (len(cells), cells[0])
    assert "or versions and sections: read as text" in warning.detail


@pytest.mark.parametrize("cells", [["R6.5.24", "R6.2.30"], ["A6.5.1", "B31.4.30"], ["R6.5.1", "x"]])
def test_letters_that_are_none_of_eras_are_not_told(cells: list[str]) -> None:
    assert "unnamed_era" not in {warning.code for warning in read(cells).warnings}


@pytest.mark.parametrize(
    "cells",
    [
        ["113/05/01", "112/12/31", "99/01/15"],
        ["113年5月1日", "112年12月31日"],
    ],
)
def test_years_of_taiwan_without_their_era_are_told(cells: list[str]) -> None:
    table = read(cells)

    assert table.frame["x"].to_list() == cells
    warning = warning_of(table, "unnamed_era")
    assert (warning.count, warning.rows) == (2, (1, 2))
    assert "may be dates of Taiwan, whose year 113 is 2024" in warning.detail


def test_years_of_taiwan_as_iso_writes_them_are_told() -> None:
    warning = warning_of(read(["113-05-01", "112-12-31"]), "early_years")

    assert warning.count == 2
    assert "1445 of the Hijra or 113 of Taiwan, or give date_format" in warning.fix


@pytest.mark.parametrize(
    "cells", [["113/15/01", "112/18/31"], ["213/05/01", "212/12/31"], ["120/80/12", "135/85/11"]]
)
def test_other_numbers_with_slashes_are_not_told(cells: list[str]) -> None:
    assert "unnamed_era" not in {warning.code for warning in read(cells).warnings}
