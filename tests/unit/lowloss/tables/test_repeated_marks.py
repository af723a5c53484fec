"""Words that come again and again among numbers are missing, and told; levels stay levels."""

from __future__ import annotations

import random
from datetime import date

import pytest

from tests.unit.lowloss.tables.test_lookalikes import read, read_later, warning_of

RNG = random.Random(4)
NUMBERS = [f"{RNG.uniform(10, 40):.1f}" for _ in range(100)]
WHOLE = [str(RNG.randint(-30, 90)) for _ in range(100)]


@pytest.mark.parametrize("numbers", [NUMBERS, WHOLE])
@pytest.mark.parametrize("mark", ["MM", "NoData", "T", "trace", "no sample"])
@pytest.mark.parametrize("count", [10, 100])
def test_marks_among_many_numbers_are_missing(numbers: list[str], mark: str, count: int) -> None:
    table = read([mark, *numbers, *[mark] * (count - 1)])

    assert table.frame["x"].head(101).to_list() == [None, *map(float, numbers)]
    assert table.frame["x"].null_count() == count
    warning = warning_of(table, "unreadable_cells")
    assert (warning.count, warning.rows[0], warning.example) == (count, 1, mark)
    assert "set the column's type to category" in warning.fix


@pytest.mark.parametrize("mark", ["MM", "NoData", "no sample", "Not measured"])
def test_a_mark_that_says_that_nothing_was_measured_may_be_in_most_cells(mark: str) -> None:
    table = read([mark, *NUMBERS, *[mark] * 599])

    assert table.frame["x"].null_count() == 600
    assert warning_of(table, "unreadable_cells").count == 600


def test_each_of_some_marks_is_named() -> None:
    table = read([*NUMBERS, *["MM"] * 25, *["T"] * 15, *["NoData"] * 10])

    assert table.frame["x"].null_count() == 50
    assert (
        "such as 'MM' in row 101 ('T', 'NoData' in others)"
        in warning_of(table, "unreadable_cells").detail
    )


@pytest.mark.parametrize(
    "words", [["x", "y", "a remark on what went wrong"], ["x", "y", "z", "u", "v"]]
)
def test_no_list_leaves_out_some_of_the_unreadable_cells(words: list[str]) -> None:
    table = read([*NUMBERS, *words])

    assert "in others" not in warning_of(table, "unreadable_cells").detail


def test_marks_are_missing_in_later_rows() -> None:
    assert read_later([*NUMBERS, *["MM"] * 99], ["MM", "7.5"]).frame["x"].to_list() == [None, 7.5]


def test_words_among_dates_are_missing() -> None:
    days = [f"2024-{month:02}-{day:02}" for month in range(1, 7) for day in (3, 14, 25, 28)]

    table = read([*days, *["open"] * 20])

    assert table.frame["x"].head(2).to_list() == [date(2024, 1, 3), date(2024, 1, 14)]
    assert warning_of(table, "unreadable_cells").count == 20


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "2", "3+", "many"] * 30,
        [*map(str, range(1, 13)), "K"] * 20,
        ["36", "38", "40", "42", "S", "M", "L", "XL"] * 20,
        [*NUMBERS, *("a", "b", "c", "d") * 25],
        [*NUMBERS, "one", "two", "three", "four", "five", "six", "seven"],
        [f"A{number}" for number in range(60)] + ["none given"] * 40,
        ["MM", "NoData"] * 50,
        [*["yes"] * 500, *["no"] * 480, *NUMBERS[:30]],
        [*NUMBERS, *["yes"] * 60, *["no"] * 60],
        [*NUMBERS, *["trace"] * 101],
        [*NUMBERS, *["MM"] * 60, *["NoData"] * 60],
    ],
    ids=lambda cells: f"{cells[0]} {cells[-1]}",
)
def test_levels_of_categories_are_no_marks(cells: list[str]) -> None:
    assert read(cells).frame["x"].to_list() == cells


@pytest.mark.parametrize(("limit", "count"), [("<0.05", 30), ("<0.05", 300), (">100", 300)])
def test_one_limit_of_detection_is_a_number_in_any_share(limit: str, count: int) -> None:
    table = read([*NUMBERS, *[limit] * count])

    assert table.frame["x"][-1] == float(limit[1:])
    assert warning_of(table, "approximate_numbers").count == count


def test_many_limits_in_most_cells_are_names() -> None:
    cells = [*NUMBERS[:30], *(f"<{number}" for number in range(5, 95, 5)), *["<5", "<10"] * 20]

    assert read(cells).frame["x"].to_list() == cells


FEW = [f"{number / 4}" for number in range(40, 52)]


@pytest.mark.parametrize("mark", ["MM", "offline", "[z]", "[x]", "[c]"])
@pytest.mark.parametrize("count", [20, 200])
def test_a_mark_that_says_so_is_missing_beside_few_different_numbers(mark: str, count: int) -> None:
    table = read([*FEW * 2, *[mark] * count])

    assert table.frame["x"].null_count() == count
    assert warning_of(table, "unreadable_cells").example == mark


@pytest.mark.parametrize("words", [["aus"], ["yes", "no"], ["shut", "open", "broken"]])
def test_words_in_most_cells_that_keep_numbers_from_being_read_are_told(words: list[str]) -> None:
    cells = [*FEW * 2, *words * 60]

    table = read(cells)

    assert table.frame["x"].to_list() == cells
    warning = warning_of(table, "mixed_cells")
    assert (warning.count, warning.example) == (60 * len(words), words[0])
    assert "null_values" in warning.fix


@pytest.mark.parametrize(
    "cells",
    [
        [*["red", "green"] * 60, *["1", "2", "3"] * 5],
        [*["none given"] * 60, *(f"A{number}" for number in range(30))],
        [*["red", "green", "blue", "grey"] * 20, *FEW],
        ["offline", *["online"] * 40, "1", "2", "3"],
    ],
    ids=lambda cells: f"{cells[0]} {cells[-1]}",
)
def test_levels_without_enough_numbers_beside_them_are_not_told(cells: list[str]) -> None:
    table = read(cells)

    assert table.frame["x"].to_list() == cells
    assert "mixed_cells" not in {warning.code for warning in table.warnings}
