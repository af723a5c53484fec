"""Numbers of two units, with their errors, in brackets, and as powers of ten."""

from __future__ import annotations

import pytest

from tests.unit.lowloss.tables.test_columns import codes_of, values_of
from tests.unit.lowloss.tables.test_marks import read_again


@pytest.mark.parametrize(
    ("cells", "values", "code"),
    [
        (["5'7", "6'2", "5'11"], [67, 74, 71], "units_joined"),
        (["5' 7\"", "6' 2\"", "5\u2019 11\u201d"], [67, 74, 71], "units_joined"),
        (["5 ft 7 in", "6 feet 2 inches", "5ft11.5in"], [67, 74, 71.5], "units_joined"),
        (["14' 2\"", "20' 11\"", "9' 0\""], [170, 251, 108], "units_joined"),
        (["7 lbs 3 oz", "8 lb 15 oz", "6 lb, 0 oz"], [115, 143, 96], "units_joined"),
        (["4 years 6 months", "1 year and 1 month", "0y 11m"], [54, 13, 11], "units_joined"),
        (["52°30'N", "13° 15' 36\" S", "7°0\u2032N"], [52.5, -13.26, 7], "units_joined"),
        (["(1994)", "(2008)", "(1987)"], [1994, 2008, 1987], "signs_read"),
        (["5.98 ± 0.03", "4.75 +/- 0.3", "7 ±1"], [5.98, 4.75, 7], "approximate_numbers"),
    ],
)
def test_numbers_are_read_and_told(cells: list[str], values: list[float], code: str) -> None:
    assert values_of(cells) == values
    assert code in codes_of(cells)
    assert [read_again(cells, cell) for cell in cells] == values


def test_powers_of_ten_are_read() -> None:
    cells = ["1.5\u00d710^3", "2 x 10^-1", "-7·10^0", "2.5x10-3", "2.5\u00d710\u22122"]

    assert values_of(cells) == [1500, 0.2, -7, 0.0025, 0.025]
    assert codes_of(cells) == set()


def test_brackets_beside_numbers_without_and_around_decimals_are_a_minus() -> None:
    assert values_of(["(1994)", "2008", "(1987)"]) == [-1994, 2008, -1987]
    assert values_of(["(19.94)", "(20.08)", "(19.87)"]) == [-19.94, -20.08, -19.87]
    assert values_of(["(1,100)", "(2,250)", "(1,999)"]) == [-1100, -2250, -1999]
    assert values_of(["(10,50)", "(20,25)", "(19,99)"]) == [-10.5, -20.25, -19.99]
    assert values_of(["(850)", "(12345)"]) == [-850, -12345]
    assert codes_of(["(850)", "(12345)"]) == {"signs_read"}
    assert codes_of(["(850)", "12345"]) == set()


def test_brackets_of_years_mean_no_minus_in_rows_to_predict() -> None:
    assert read_again(["(1994)", "(2008)"], "(1994.5)") == 1994.5


@pytest.mark.parametrize(
    "cells",
    [
        ["5'13", "6'12", "5'99"],  # a foot has 12 inches
        ["7 lbs 16 oz", "8 lb 17 oz", "6 lb 99 oz"],
        ["52°75'N", "13°61'N", "7°99'N"],
        ["5-7", "6-2", "5-11"],  # scores, as likely
        ["45'2", "90'3", "12'1"],  # minutes of a match
        ["6x100", "12x100", "4x1000"],
        ["1920x1080", "1280x1024", "2x1024"],
        ["1.10.20", "2.05.11", "0.12.10"],  # versions
    ],
)
def test_other_pairs_of_numbers_stay_text(cells: list[str]) -> None:
    assert values_of(cells) == cells


def test_apostrophes_between_thousands_are_no_feet() -> None:
    assert values_of(["1'234", "12'000", "1'999"]) == [1234, 12000, 1999]


def test_ratings_are_no_dates() -> None:
    cells = ["4.5/10", "7.8/10", "9.1/10"]

    assert values_of(cells) == cells
    assert codes_of(cells) == {"looks_numeric"}


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["6x10(2)", "3 x 10(4)", "1.5x10(-3)"], [600, 30_000, 0.0015]),
        (["6*10^2", "3*10^4"], [600, 30_000]),
        (["6x10\u00b2", "3\u00d710\u2074", "1.5\u00d710\u207b\u00b3"], [600, 30_000, 0.0015]),
        (["6x10\u00b9\u00b2", "7", "n.d."], [6e12, 7, None]),
    ],
)
def test_powers_of_ten_are_read_as_people_write_them(
    cells: list[str], values: list[float | None]
) -> None:
    assert values_of(cells) == values


@pytest.mark.parametrize("cells", [["6x10", "3x10"], ["6x100(2)", "3x10(4)m"], ["10(2)", "10(4)"]])
def test_other_products_are_no_powers_of_ten(cells: list[str]) -> None:
    assert values_of(cells) == cells


def test_hours_of_one_digit_are_times_beside_others() -> None:
    assert values_of(["9.30.00", "18.00.00", "7.15.30"]) == [34_200, 64_800, 26_130]
    assert values_of(["9.30.15", "18.20.45"]) == ["9.30.15", "18.20.45"]
    assert values_of(["1.10.15", "1.9.2", "2.0.1"]) == ["1.10.15", "1.9.2", "2.0.1"]
