"""Few numbers that are written otherwise than all others do not decide what their marks mean."""

from __future__ import annotations

import polars as pl
import pytest

from lowloss.tables.batches import read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.options import ParseOptions
from tests.unit.lowloss.tables.test_columns import COMMAS, POINTS, codes_of, values_of

DIGITS = [f"{n}{mark}{n * 37 % 900 + 100}" for n in range(11, 36) for mark in ",."]
WITH_COMMA, WITH_POINT = DIGITS[::2], DIGITS[1::2]
DECIMALS = [float(cell) for cell in WITH_POINT]
GROUPED = [int(cell.replace(".", "")) for cell in WITH_POINT]


@pytest.mark.parametrize("plain", [1, 5, 10])
def test_plain_numbers_do_not_make_decimals_of_many_grouped_ones(plain: int) -> None:
    cells = [*WITH_COMMA, *["12500"] * plain]

    assert values_of(cells) == [*GROUPED, *[12500] * plain]
    assert codes_of(cells) == {"ambiguous_numbers"}
    assert values_of(cells, decimal=",") == [*DECIMALS, *[12500] * plain]


def test_few_marked_numbers_beside_a_plain_one_are_decimals_and_told() -> None:
    (column,) = read_columns(
        [pl.Series("x", [*WITH_COMMA[:9], "12500"])], reader := ColumnReader(ParseOptions())
    )

    assert column.to_list() == [*DECIMALS[:9], 12500]
    assert [warning.code for warning in reader.warnings] == ["ambiguous_numbers"]


@pytest.mark.parametrize("form", ["${}", "{} €", "R$ {}"])
@pytest.mark.parametrize("cells", [WITH_COMMA, WITH_POINT[:5]])
def test_amounts_of_money_are_grouped_where_one_is_not(form: str, cells: list[str]) -> None:
    amounts = [form.format(cell) for cell in [*cells, "12500"]]

    assert values_of(amounts) == [*GROUPED[: len(cells)], 12500]
    assert codes_of(amounts) == {"ambiguous_numbers"}


@pytest.mark.parametrize(("cells", "others"), [(WITH_COMMA, POINTS), (WITH_POINT, COMMAS)])
def test_other_columns_decide_beside_a_plain_number(cells: list[str], others: list[str]) -> None:
    assert values_of([*cells, "12500"], others) == [*GROUPED, 12500]
    assert codes_of([*cells, "12500"], others) == set()


@pytest.mark.parametrize(
    ("cells", "slip", "others"),
    [(WITH_COMMA, "12.503", COMMAS), (WITH_POINT, "12,503", POINTS)],
)
def test_slipped_mark_among_decimals_is_missing(
    cells: list[str], slip: str, others: list[str]
) -> None:
    assert values_of([*cells, slip], others) == [*DECIMALS, None]
    assert codes_of([*cells, slip], others) == {"unreadable_cells"}
    assert codes_of([*cells, slip]) == {"unreadable_cells", "ambiguous_numbers"}


@pytest.mark.parametrize("options", [{"thousands": ""}, {"decimal": ","}])
def test_options_decide_beside_a_slipped_mark(options: dict[str, str]) -> None:
    assert values_of([*WITH_COMMA, "12.503"], **options) == [*DECIMALS, None]


def test_two_marks_in_many_numbers_each_are_doubtful() -> None:
    cells = ["14,630", "12.503", "13,733", "11.250"]

    assert values_of(cells) == [14630, 12.503, 13733, 11.25]
    assert codes_of(cells) == {"ambiguous_numbers"}
    assert values_of(cells, COMMAS) == [14.63, None, 13.733, None]
    assert codes_of(cells, COMMAS) == {"unreadable_cells"}


def test_option_gives_way_to_numbers_with_another_mark() -> None:
    assert values_of([*["7"] * 38, "12.5", "1.25"], decimal=",")[-2:] == [12.5, 1.25]


@pytest.mark.parametrize(
    ("cells", "other"),
    [
        (["19.6", "10.25", "7", "8.5"], "12,5"),
        (["19,6", "10,25", "7", "8,5"], "12.5"),
        (["$19.60", "$7.25", "$8.50"], "$12,50"),
        (["19,6", "10,25", "7", "8,5"], "0.125"),
        (["1,234.50", "12.25", "7.5"], "12,5"),
    ],
)
def test_other_mark_that_can_only_be_decimal_is_read_and_told(cells: list[str], other: str) -> None:
    values = [float(other.strip("$").replace(",", "."))]

    assert values_of([*cells, other])[-1:] == values
    assert codes_of([*cells, other]) == {"decimal_marks_mixed"}
    assert values_of([*cells, other], types={"x": "number"})[-1:] == values


def test_both_decimal_marks_in_half_of_the_cells_each_prove_neither() -> None:
    cells = ["19,6", "19.5"]

    assert values_of(cells) == [19.6, 19.5]
    assert codes_of(cells) == {"decimal_marks_mixed"}
    assert codes_of(["1.250", "3.125"], cells) == {"ambiguous_numbers"}


def test_rows_to_predict_may_have_the_other_decimal_mark() -> None:
    reader = ColumnReader(ParseOptions())
    read_columns([pl.Series("x", ["19.6", "$7.25"])], reader)
    again = ColumnReader(ParseOptions(), reader.decided)

    assert read_columns([pl.Series("x", ["12,5", "12,500"])], again)[0].to_list()[0] == 12.5


@pytest.mark.parametrize("share", [3, 5, 10])
@pytest.mark.parametrize(
    ("cells", "slips", "others", "decimal"),
    [(WITH_COMMA, WITH_POINT, COMMAS, ","), (WITH_POINT, WITH_COMMA, POINTS, ".")],
)
def test_many_slipped_marks_are_missing_where_the_decimal_mark_is_known(
    share: int, cells: list[str], slips: list[str], others: list[str], decimal: str
) -> None:
    mixed = [slips[n] if n % share == 0 else cell for n, cell in enumerate(cells)]
    expected = [None if n % share == 0 else value for n, value in enumerate(DECIMALS)]

    assert values_of(mixed, others) == expected
    assert codes_of(mixed, others) == {"unreadable_cells"}
    assert values_of(mixed, decimal=decimal) == expected
    assert values_of(mixed, thousands="") == expected
    assert codes_of(mixed) == {"ambiguous_numbers"}
