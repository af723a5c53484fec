"""Words and triangles that say whether a number is positive, and flags behind numbers."""

from __future__ import annotations

import pytest

from tests.unit.lowloss.tables.test_columns import codes_of, values_of
from tests.unit.lowloss.tables.test_marks import read_again


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,234.50 Dr", "12.25 Cr", "7.50 Cr"], [-1234.5, 12.25, 7.5]),
        (["1.234,50 S", "12,25 H", "7,50 H"], [-1234.5, 12.25, 7.5]),
        (["1.234,50 D", "12,25 C", "7,50 C"], [-1234.5, 12.25, 7.5]),
        (["▲1,234.5", "12", "△7"], None),
        (["▲1,234.5", "12", "▲7"], [-1234.5, 12, -7]),
        (["▼ 6.25%", "▲ 12.5%", "▲ 7.5%"], [-6.25, 12.5, 7.5]),
        (["52.5 N", "13.25 S", "7.5 N"], [52.5, -13.25, 7.5]),
        (["52.5° E", "13.25° W", "7.5° W"], [52.5, -13.25, -7.5]),
        (["N52.5", "S13.25", "N7.5"], [52.5, -13.25, 7.5]),
    ],
)
def test_marks_of_signs_are_read_and_told(cells: list[str], values: list[float] | None) -> None:
    if values is None:
        assert values_of(cells) == cells
        return
    assert values_of(cells) == values
    assert codes_of(cells) == {"signs_read"}
    assert [read_again(cells, cell) for cell in cells] == values


@pytest.mark.parametrize(
    "cells",
    [
        ["12C", "14D", "3C"],  # seats
        ["12N", "7S", "3S"],  # houses
        ["▲5", "▲6", "▲7"],  # all up, or all negative
        ["5 H", "6 H", "7 M"],
        ["5.5 S", "6.5 M", "7.5 L"],
    ],
)
def test_other_letters_are_no_signs(cells: list[str]) -> None:
    assert values_of(cells) == cells


def test_credit_alone_is_a_unit() -> None:
    assert values_of(["1,234.50 Cr", "12.25 Cr", "7.50 Cr"]) == [1234.5, 12.25, 7.5]
    assert codes_of(["1,234.50 Cr", "12.25 Cr", "7.50 Cr"]) == {"units_removed"}


BARE = [f"{20 + row}.5" for row in range(20)]


@pytest.mark.parametrize(
    ("flags", "codes"),
    [
        (["25.5 p", "27.5 b"], {"marks_removed"}),
        (["25.5 p", "27.5 p"], {"marks_removed"}),
        (["25.5 H", "27.5 L"], {"marks_removed"}),
        (["2,550 p", "2,750 p"], {"mixed_cells"}),  # pence, as likely
        (["25.5 L", "27.5 L"], {"marks_removed"}),  # litres are of the same size, too
        (["25.5 m", "27.5 m"], {"mixed_cells"}),
    ],
)
def test_flags_of_eurostat_and_laboratories_are_left_off(flags: list[str], codes: set[str]) -> None:
    assert codes_of(BARE + flags * 2) == codes
    if "marks_removed" in codes:
        assert values_of(BARE + flags) == [*map(float, BARE), 25.5, 27.5]
        assert read_again(BARE + flags, "21.5 p") == 21.5


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["3½", "2", "½"], [3.5, 2, 0.5]),
        (["3 ½", "2¼", "-1¾"], [3.5, 2.25, -1.75]),
        (["1.5D+03", "-2.25D-01", "0.0D+00"], [1500, -0.225, 0]),
        (["'1.5", "'-2.25", "7"], [1.5, -2.25, 7]),
        (["MX$1,234.50", "-MX$2.25", "MX$7.00"], [1234.5, -2.25, 7]),
        (["±1,234", "±12", "±7"], [1234, 12, 7]),
        (["+/-1,234", "+/-12", "+/-7"], [1234, 12, 7]),
    ],
)
def test_what_programs_write_around_numbers(cells: list[str], values: list[float]) -> None:
    assert values_of(cells) == values
    assert [read_again(cells, cell) for cell in cells] == values


def test_prices_that_all_begin_somewhere_are_numbers() -> None:
    cells = [f"ab {row},50 €" for row in range(1, 31)]

    assert values_of(cells) == [row + 0.5 for row in range(1, 31)]
    assert codes_of(cells) == {"approximate_numbers"}


@pytest.mark.parametrize(
    "mark",
    [
        *(".a", ".z", "#N/A N/A", "#N/A Field Not Applicable", ": c", "(X)", "(D)", "***", "*"),
        *("DNF", "OVRFLW", "/"),
    ],
)
def test_missing_marks_of_programs_and_agencies(mark: str) -> None:
    assert values_of(["1.5", mark, "2.5", mark]) == [1.5, None, 2.5, None]


def test_few_grouped_numbers_among_longer_ones_are_thousands_and_told() -> None:
    cells = [*(str(20_000 + row) for row in range(20)), "250,000", "150,000"]

    assert values_of(cells)[-2:] == [250_000, 150_000]
    assert codes_of(cells) == {"ambiguous_numbers"}


def test_marked_numbers_without_other_decimals_beside_longer_ones_are_thousands_and_told() -> None:
    cells = ["12,500", "13,250", "14,125", "15000"]

    assert values_of(cells) == [12_500, 13_250, 14_125, 15_000]
    assert codes_of(cells) == {"ambiguous_numbers"}


@pytest.mark.parametrize("dash", ["$ -", "$-", "$ - ", "- €", "-   €", "€ --", "USD -"])
def test_dashes_beside_a_currency_are_zeros_and_told(dash: str) -> None:
    form = "{} €" if dash.endswith("€") else "${}"
    cells = [form.format("1234.50"), dash, dash, dash]

    assert values_of(cells) == [1234.5, 0, 0, 0]
    assert "dashes_as_zeros" in codes_of(cells)
    assert values_of(cells, null_values=(dash.strip(),)) == [1234.5, None, None, None]


def test_dashes_alone_stay_missing_beside_amounts() -> None:
    assert values_of(["$1234.50", "-", " - "]) == [1234.5, None, None]
    assert values_of(["red", "$ -"]) == ["red", "$ -"]
