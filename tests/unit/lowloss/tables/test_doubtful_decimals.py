"""Plain numbers that may be times, versions or codes are told; decimals are not."""

from __future__ import annotations

import random

import pytest

from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from tests.unit.lowloss.tables.test_lookalikes import read, read_later, warning_of

NEW = {"leading_zeros", "may_be_versions", "powers_of_ten"}


def codes_of(cells: list[str]) -> set[str]:
    return {warning.code for warning in read(cells).warnings} & NEW


def test_decimals_that_begin_with_a_zero_may_be_times_and_days() -> None:
    table = read(["05.01", "16.11", "23.12", "09.07"])

    assert table.frame["x"].to_list() == [5.01, 16.11, 23.12, 9.07]
    warning = warning_of(table, "leading_zeros")
    assert (warning.column, warning.count, warning.rows) == ("x", 2, (1, 4))
    assert "may be times of day or days with months; read as decimal numbers" in warning.detail
    assert (
        warning.fix == "set its type to duration if they are times, to category if they are names"
    )


@pytest.mark.parametrize(
    ("cells", "meaning"),
    [
        (["05.01", "16.19", "23.45"], "may be times of day;"),
        (["05.01", "31.12", "24.06"], "may be days with months;"),
        (["0101.21", "8471.30", "0902.10"], "may be codes;"),
        (["05.01", "16.19", "n.d."], "may be times of day;"),
    ],
)
def test_what_decimals_may_be_is_told_by_all_of_them(cells: list[str], meaning: str) -> None:
    assert meaning in warning_of(read(cells), "leading_zeros").detail


def test_decimals_are_times_where_their_type_says_so() -> None:
    cells = ["05.01", "16.19", "23.45"]

    table = read(cells, types={"x": "duration"})

    assert table.frame["x"].to_list() == [18_060, 58_740, 85_500]
    assert read(cells, types={"x": "number"}).warnings == ()
    assert read(cells, types={"x": "category"}).frame["x"].to_list() == cells


def test_hours_of_one_digit_are_times_where_their_type_says_so() -> None:
    table = read(["9.45", "10.15", "9.00"], types={"x": "duration"})

    assert table.frame["x"].to_list() == [35_100, 36_900, 32_400]
    assert read(["9.45", "9.50"], types={"x": "duration"}).frame["x"].to_list() == [35_100, 35_400]


def test_times_with_points_are_read_again_as_they_were() -> None:
    table = read(["05.01", "16.19", "23.45"], types={"x": "duration"})
    assert table.readings["x"].kind == "duration"

    assert read_later(["05:01", "16:19"], ["05.30"]).frame["x"].to_list() == [19_800]


@pytest.mark.parametrize(
    "cells",
    [
        ["1.1", "1.10", "1.2"],
        ["2.7", "3.8", "3.9", "3.10", "3.12"],
        ["1.9", "1.10", "1.11"],
        ["4.0", "4.10", "4.2"],
        ["1.1", "2.50", "2.5", "n.d."],
        ["3", "3.9", "3.10"],
    ],
)
def test_decimals_that_may_be_versions_are_told(cells: list[str]) -> None:
    table = read(cells)

    warning = warning_of(table, "may_be_versions")
    assert table.frame["x"].to_list() == [None if c == "n.d." else float(c) for c in cells]
    assert warning.example in {"1.10", "3.10", "4.10", "2.50"}
    assert warning.fix == "set its type to category if they are versions or numbers of sections"


@pytest.mark.parametrize(
    "cells",
    [
        ["1.50", "2.25", "3.75", "4.10"],
        ["1.5", "2.05", "3.10", "1.1"],
        ["0.5", "12.25", "7.90", "3.55"],
        ["1.0", "2.0", "10.0", "20.5"],
        ["120.5", "0.120", "1.20", "12.0"],
        ["1.125", "1.10", "1.1"],
        ["10", "1.10", "1.1", "200.125"],
    ],
)
def test_decimals_of_other_lengths_are_not_told(cells: list[str]) -> None:
    assert codes_of(cells) == set()


@pytest.mark.parametrize(
    "cells", [["3E2", "1E10", "7E3"], ["12", "3e2", "45"], ["3E2", "?", "302"]]
)
def test_powers_of_ten_that_may_be_codes_are_told(cells: list[str]) -> None:
    table = read(cells)

    assert table.frame["x"].to_list() == [None if c == "?" else float(c) for c in cells]
    warning = warning_of(table, "powers_of_ten")
    assert "were read as powers of ten: 3E2 as 300" in warning.detail
    assert read(cells, types={"x": "category"}).frame["x"].to_list() == cells


@pytest.mark.parametrize(
    "cells",
    [
        ["1e+05", "3e+02", "120"],
        ["1e16", "3e17", "1e20"],
        ["1.5e3", "2e3", "7"],
        ["1e-3", "1e-2", "1"],
        ["3E2", "3A2", "3B7", "1E10"],
    ],
)
def test_powers_that_programs_write_are_not_told(cells: list[str]) -> None:
    assert codes_of(cells) == set()


def test_lots_with_letters_stay_text() -> None:
    cells = ["3E2", "3A2", "3B7", "1E10"]

    assert read(cells).frame["x"].to_list() == cells


@pytest.mark.parametrize("places", [1, 2, 3, None])
def test_decimals_of_programs_are_not_told(places: int | None) -> None:
    rng = random.Random(places)
    numbers = [rng.gauss(0, 50) for _ in range(500)]

    assert codes_of([str(round(n, places or 5)) for n in numbers]) == set()
    assert codes_of([f"{n:.{places or 6}f}" for n in numbers]) == set()
    assert codes_of([f"{n:.{places or 6}g}" for n in numbers]) == set()


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (["05.01", "16.19", "23.45"], "leading_zeros"),
        (["1.1", "1.10", "1.2"], "may_be_versions"),
        (["3E2", "1E10", "7E3"], "powers_of_ten"),
    ],
)
def test_many_columns_are_told_as_one_is(cells: list[str], code: str) -> None:
    names = [f"c{position}" for position in range(12)]
    decimals = ["0.5", "12.25", "7.125"]
    rows = zip(cells, decimals, strict=True)
    lines = [",".join([cell, *[decimal] * 11]) for cell, decimal in rows]
    text = "\n".join([",".join(names), *lines]) + "\n"

    table = read_csv(text.encode(), ParseOptions(), limits=TableLimits())

    assert [(w.column, w.code) for w in table.warnings if w.code in NEW] == [("c0", code)]
    assert table.frame["c11"].to_list() == [0.5, 12.25, 7.125]
