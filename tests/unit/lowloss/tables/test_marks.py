"""Marks behind numbers: of footnotes, ten thousands, and below a limit of detection."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from lowloss.tables.batches import read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.options import ParseOptions
from tests.unit.lowloss.tables.test_columns import codes_of, values_of

BARE = ["12.5", "7", "8.25", "9"]


def read_again(cells: list[str], later: str, **options: Any) -> object:
    reader = ColumnReader(ParseOptions(**options))
    read_columns([pl.Series("x", cells * 10)], reader)
    again = ColumnReader(ParseOptions(), reader.decided)
    return read_columns([pl.Series("x", [later])], again)[0].to_list()[0]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *(("5.1*", 5.1), ("5.1 **", 5.1), ("6.5 (e)", 6.5), ("6.5 [1]", 6.5), ("3†", 3)),
        *(("1.5¹", 1.5), ("7 (bp)", 7), ("-3.5*", -3.5)),
    ],
)
def test_marks_of_footnotes_are_left_off_and_told(cell: str, value: float) -> None:
    assert values_of([*BARE, cell]) == [12.5, 7, 8.25, 9, value]
    assert codes_of([*BARE, cell]) == {"marks_removed"}
    assert read_again([*BARE, cell], cell) == value


def test_marks_stand_behind_numbers_in_any_notation() -> None:
    assert values_of(["1 234 (e)", "12 345", "1 500", "2 000*"]) == [1234, 12345, 1500, 2000]
    assert values_of(["1.234,5*", "12,5", "1,25", "7,5"]) == [1234.5, 12.5, 1.25, 7.5]
    assert values_of(["12.5%*", "13.5%", "7%", "8%"]) == [12.5, 13.5, 7, 8]


@pytest.mark.parametrize(
    "cells",
    [
        ["5*", "6*", "7*"],
        ["12.5 d", "6.5", "7", "8"],
        ["2.0 p", "50 p", "1.5", "7", "8"],
        ["1.9d", "1.6", "2.0", "1.4"],
        ["12b", "7", "8", "9"],
        ["8 (2)", "7", "9", "10"],
        ["5 kg", "6.5*", "7", "8"],
    ],
)
def test_what_may_say_more_than_a_footnote_is_no_mark(cells: list[str]) -> None:
    assert "marks_removed" not in codes_of(cells)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.5万", "3万", "200"], [15000, 30000, 200]),
        (["1.5亿", "3万", "200"], [150_000_000, 30000, 200]),
        (["3만", "2억", "¥200"], [30000, 200_000_000, 200]),
    ],
)
def test_ten_thousands_are_multiples(cells: list[str], expected: list[float]) -> None:
    assert values_of(cells) == expected
    assert codes_of(cells) == {"units_removed"}


@pytest.mark.parametrize("mark", ["<LOD", "< LOQ", "n.d.", "ND", "BDL", ":"])
@pytest.mark.parametrize("unit", ["", " mg/L", " µg/m3"])
def test_what_is_below_a_limit_is_missing_beside_units(mark: str, unit: str) -> None:
    cells = [f"5.25{unit}", mark, f"7{unit}", f"8.5{unit}"]

    assert values_of(cells) == [5.25, None, 7, 8.5]
    assert "unreadable_cells" in codes_of(cells)


MONTHS = [(year, month) for year in (2023, 2024) for month in (5, 3, 11)]


@pytest.mark.parametrize("form", ["01/{m:02}/{y}", "01.{m:02}.{y}", "{m}/1/{y}", "{m:02}-01-{y}"])
def test_first_days_of_months_are_such_and_told(form: str) -> None:
    cells = [form.format(y=year, m=month) for year, month in MONTHS]

    assert values_of(cells) == [date(year, month, 1) for year, month in MONTHS]
    assert codes_of(cells) == {"ambiguous_dates"}


def test_days_of_one_january_are_no_first_days_of_months() -> None:
    cells = [f"1/{day}/2024" for day in range(1, 13)]

    assert values_of(cells) == [date(2024, 1, day) for day in range(1, 13)]


def test_other_columns_decide_first_days_of_months_without_a_doubt() -> None:
    cells = [f"01/{month:02}/{year}" for year, month in MONTHS]

    assert values_of(cells, ["4/17/2024", "4/18/2024"])[0] == date(2023, 1, 5)


@pytest.mark.parametrize("cell", ["-200", "-200.0", "-200,00", " -200.", "-200.00"])
def test_number_that_is_named_as_missing_may_have_decimals(cell: str) -> None:
    mark = "," if "," in cell else "."
    cells = [f"12{mark}5", cell, f"7{mark}25", "-2000"]

    assert values_of(cells, null_values=("-200",)) == [12.5, None, 7.25, -2000]


def test_decimals_that_are_named_as_missing_may_have_more_zeros() -> None:
    cells = ["999.90", "999.9", "999.91", "7"]

    assert values_of(cells, null_values=("999.9",)) == [None, None, 999.91, 7]


def test_thousands_are_not_taken_for_decimals_of_what_is_named_as_missing() -> None:
    assert values_of(["1.000.000", "12.500", "1.000"], null_values=("1",)) == [1e6, 12_500, 1000]


@pytest.mark.parametrize(
    ("null_value", "cells", "values"),
    [
        ("999.9", ["999,900", "999,901", "12,500"], [999_900, 999_901, 12_500]),
        ("9.5", ["9,500", "1,500,000", "12,500"], [9_500, 1_500_000, 12_500]),
        ("1.25", ["1.250", "12.500", "1.000.000"], [1_250, 12_500, 1_000_000]),
        ("9.5", ["9.5000", "9.50", "1.2345"], [None, None, 1.2345]),
        ("1.25", ["1.2500", "1.25", "1.2345"], [None, None, 1.2345]),
    ],
)
def test_three_digits_behind_a_mark_are_never_decimals_of_what_is_named_as_missing(
    null_value: str, cells: list[str], values: list[float | None]
) -> None:
    assert values_of(cells, null_values=(null_value,)) == values


FEW = ["12.3", "6.0", "7.5", "8.2", "10.4", "11.8"]


@pytest.mark.parametrize(
    "mark", [" p", "e", " e", "L", " L", "H", "HH", " *L", "U", " U", " J", "J", " est.", " est"]
)
def test_flags_on_some_of_few_numbers_are_left_off_and_told(mark: str) -> None:
    cells = [*FEW, f"6.5{mark}", f"9.9{mark}"]
    reader = ColumnReader(ParseOptions())

    (column,) = read_columns([pl.Series("x", cells)], reader)

    assert column.to_list() == [*map(float, FEW), 6.5, 9.9]
    assert [warning.code for warning in reader.warnings] == ["marks_removed"]


@pytest.mark.parametrize(
    "cells", [["50 p", "75 p"], ["9.9d", "6.5d"], ["500 U", "700 U"], ["7B", "9B"]], ids=str
)
def test_letters_that_may_be_units_are_no_flags_of_few_numbers(cells: list[str]) -> None:
    assert "marks_removed" not in codes_of([*FEW, *cells])


@pytest.mark.parametrize(
    "cells",
    [
        ["101", "101L", "102", "102H", "103", "104"],
        ["12", "12H", "12L", "13", "14", "15"],
        ["12H", "12L", "13", "14", "15", "16"],
    ],
    ids=str,
)
def test_houses_and_flats_with_letters_stay_different(cells: list[str]) -> None:
    assert values_of(cells) == cells
    assert "marks_removed" not in codes_of(cells)


@pytest.mark.parametrize("others", [["101", "99"], ["101.5", "105"], ["101", "105 H"]], ids=str)
def test_glued_flags_of_laboratories_are_left_off_where_all_stay_different(
    others: list[str],
) -> None:
    cells = ["95", "97", "98", *others, "105H", "88L"]

    assert values_of(cells)[-2:] == [105, 88]
    assert codes_of(cells) == {"marks_removed"}


def test_several_flags_of_eurostat_and_footnotes_of_encyclopedias_may_be_on_most_cells() -> None:
    assert values_of(["22.4 b", "10.0 p", "19.1 b", "1.4"]) == [22.4, 10, 19.1, 1.4]
    assert values_of(["592[2]", "253[3]", "732"]) == [592, 253, 732]
    assert "marks_removed" not in codes_of(["22.4 b", "10.0 b", "19.1 b", "1.4"])


def test_type_number_leaves_all_flags_off() -> None:
    cells = ["22.4 b", "10.0 b", "5.1e", "<5", "5+", "1.4", "5*"]

    assert values_of(cells, types={"x": "number"}) == [22.4, 10, 5.1, 5, 5, 1.4, 5]
    assert values_of(["5 kg", "300 g"], types={"x": "number"}) == ["5 kg", "300 g"]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.5B", "200M", "300K"], [1.5e9, 2e8, 3e5]),
        (["1.5 bn", "200 mn", "7"], [1.5e9, 2e8, 7]),
        (["1.5 bn", "3 cr", "20 L"], [1.5e9, 3e7, 2e6]),
        (["1.5B", "200M", "5*", "7 e"], [1.5e9, 2e8, 5, 7]),
        (["5 B", "12 KB", "7"], [5, 12_000, 7]),
        (["5 L", "7", "8 L"], [5, 7, 8]),
    ],
)
def test_type_number_leaves_multiples(cells: list[str], values: list[float]) -> None:
    typed = {"types": {"x": "number"}}

    assert values_of(cells, **typed) == values
    assert [read_again(cells, cell, **typed) for cell in cells] == values


@pytest.mark.parametrize(
    "form",
    [
        *("np.float64({})", "numpy.float32({})", "tensor({})", "array({})", "Decimal('{}')"),
        *(
            "tensor([{}])",
            "tensor([[{}]], device='cpu')",
            "tensor({}, device='cuda:0')",
            "tensor({}, grad_fn=<NllLossBackward0>)",
        ),
    ],
)
def test_numbers_as_python_shows_them_are_numbers(form: str) -> None:
    cells = [form.format(number) for number in ("12.4000", "0.5", "1e-05", "-3.", "nan")]

    assert values_of(cells) == [12.4, 0.5, 1e-5, -3, None]
    assert codes_of(cells) == set()
    assert read_again(cells, form.format("7.25")) == 7.25


@pytest.mark.parametrize("cell", ["round(12.4)", "v(1)", "tensor([1.5, 2.5])", "int64(a)"])
def test_other_calls_are_texts(cell: str) -> None:
    assert values_of([cell]) == [cell]


@pytest.mark.parametrize("flags", [["bp"], ["be", "bu"], ["bep", "p"], ["ep", "e"]], ids=str)
def test_joined_flags_are_left_off(flags: list[str]) -> None:
    numbers = [f"{n * 7 % 30 + 10}.{n % 10}" for n in range(40)]
    cells = [f"{x} {flags[n % len(flags)]}" if n % 3 == 0 else x for n, x in enumerate(numbers)]

    assert values_of(cells) == [float(number) for number in numbers]
    assert codes_of(cells) == {"marks_removed"}
