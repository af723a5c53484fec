"""What looks like a number is read as one where that is sure; else it is told."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from lowloss.results import TableWarning
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table


def read(cells: Sequence[str], **options: object) -> Table:
    text = "x;y\n" + "".join(f"{cell};{row}\n" for row, cell in enumerate(cells))
    return read_csv(text.encode(), ParseOptions(**options), limits=TableLimits())


def read_later(cells: Sequence[str], later: Sequence[str]) -> Table:
    first = read(cells)
    text = "x\n" + "".join(f"{cell}\n" for cell in later)
    return read_csv(
        text.encode(), ParseOptions(), limits=TableLimits(), earlier={"x": first.readings["x"]}
    )


def warning_of(table: Table, code: str) -> TableWarning:
    (warning,) = [warning for warning in table.warnings if warning.code == code]
    return warning


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("1.25 Cr", "35.5 Lakh", "2 Cr"), [12_500_000, 3_550_000, 20_000_000]),
        (("3.5 Lakh", "1.2 lakhs", "7 Lac"), [350_000, 120_000, 700_000]),
        (("₹1.25 Cr", "₹45 L"), [12_500_000, 4_500_000]),
        (("₹ 2.07 Cr", "₹ 3 Cr"), [20_700_000, 30_000_000]),
        (("12 Tsd.", "7 Tsd."), [12_000, 7000]),
        (("1,2 Mio.", "12,5 Mio."), [1_200_000, 12_500_000]),
        (("1,2 Mio. €", "900 Tsd. €", "2 Mrd. €"), [1_200_000, 900_000, 2_000_000_000]),
        (("£1.14m", "£2.5m"), [1_140_000, 2_500_000]),
        (("$12k", "$7.5k"), [12_000, 7500]),
        (("12k", "1.2m", "3k"), [12_000, 1_200_000, 3000]),
        (("5 million", "1 Million"), [5_000_000, 1_000_000]),
        (("$1.5 billion", "$200 million"), [1_500_000_000, 200_000_000]),
    ],
    ids=str,
)
def test_words_that_multiply_are_multiplied_out_and_told(
    cells: tuple[str, ...], values: list[int]
) -> None:
    table = read(cells)

    assert table.frame["x"].to_list() == values
    assert "multiplied out" in warning_of(table, "units_removed").detail


def test_column_of_approximate_numbers_alone_is_not_split_at_its_marks() -> None:
    table = read_csv(b"~55\n~60\n~71.5\n", ParseOptions(), limits=TableLimits())

    assert table.frame.width == 1
    assert table.frame.to_series().to_list()[-2:] == [60, 71.5]


def test_word_that_may_be_credits_is_a_unit_where_it_stands_alone() -> None:
    table = read(["1.25 Cr", "3.5 Cr"])

    assert table.frame["x"].to_list() == [1.25, 3.5]
    assert "left off" in warning_of(table, "units_removed").detail


@pytest.mark.parametrize("unit", ["m2", "m²", "m^2", "ft2", "km2", "kg/m2", "cm3", "sq ft"])
def test_unit_with_a_power_is_a_unit(unit: str) -> None:
    table = read([f"450 {unit}", f"62.5 {unit}"])

    assert table.frame["x"].to_list() == [450, 62.5]
    assert repr(unit) in warning_of(table, "units_removed").detail


@pytest.mark.parametrize(
    ("cells", "values", "count"),
    [
        (("~55", "60", "~ 71.5"), [55, 60, 71.5], 2),
        (("approx. 30", "ca. 45", "about 50", "c. 60"), [30, 45, 50, 60], 4),
        (("approximately $30", "$45"), [30, 45], 1),
        (("≈ 3", "4"), [3, 4], 1),
        (("10,000+", "500+", "1,000,000+"), [10_000, 500, 1_000_000], 3),
        (("10+ years", "3 years", "5 years"), [10, 3, 5], 1),
        (("5K+", "1.5M+", "300+"), [5000, 1_500_000, 300], 3),
    ],
    ids=str,
)
def test_approximate_numbers_are_numbers_and_told(
    cells: tuple[str, ...], values: list[float], count: int
) -> None:
    table = read(cells)

    assert table.frame["x"].to_list() == values
    warning = warning_of(table, "approximate_numbers")
    assert (warning.count, warning.example) == (count, cells[0])


NUMBERS = [f"{number}.5" for number in range(10, 40)]


@pytest.mark.parametrize(
    ("bound", "value"),
    [("<5", 5), (">= 80", 80), ("≤0.25", 0.25), ("under 10", 10), ("more than 90", 90)],
)
def test_bounds_among_many_numbers_are_numbers_and_told(bound: str, value: float) -> None:
    table = read([*NUMBERS, bound, bound])

    assert table.frame["x"].to_list()[-2:] == [value, value]
    warning = warning_of(table, "approximate_numbers")
    assert (warning.count, warning.rows, warning.example) == (2, (31, 32), bound)


@pytest.mark.parametrize(
    "cells",
    [
        ("<30", ">30", "<30"),
        ("< 1 year", "1 year", "10+ years"),
        ("5", "5+", "4", "4+"),
        ("<18", "18", "19", "20", ">20"),
    ],
    ids=str,
)
def test_bounds_that_name_a_few_groups_are_a_category_and_told(cells: tuple[str, ...]) -> None:
    table = read(cells)

    assert table.frame["x"].to_list() == list(cells)
    assert {"looks_numeric", "mixed_cells"} & {warning.code for warning in table.warnings}


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (("5 kg", "300 g", "2 kg"), "'9 kg' in 2, '9 g' in 1"),
        (("5 km", "300 m", "450 m"), "'9 m' in 2, '9 km' in 1"),
        (("2 h", "45 min"), "'9 h' in 1"),
        (("3/4", "1/2", "7/8"), "'9/9' in 3"),
        (("10-20", "20-30", "30+"), "'9-9' in 2"),
        (("$10K-$20K", "$20K-$30K"), "'$9K-$9K' in 2"),
        (("10 to 20", "20 to 30"), "'9 to 9' in 2"),
        (("7 out of 10", "9 out of 10"), "'9 out of 9' in 2"),
        (("5'13", "6'99"), "'9' in 2"),
        (("1st", "2nd", "2nd"), "'9nd' in 2"),
        (("2.1 (0.3)", "4.0 (0.5)"), "'9 (9)' in 2"),
        (("#84", "#3", "#112"), "'#9' in 3"),
        (("T: 21.5 °C", "T: 19.25 °C"), "'T: 9 °C' in 2"),
        (("dose=4.1", "dose=5.0"), "'dose=9' in 2"),
        (("No. 5", "No. 12"), "'No. 9' in 2"),
        (("Nr. 7", "N° 8"), "'N° 9' in 1"),
    ],
    ids=str,
)
def test_column_that_looks_like_numbers_is_told_with_its_forms(
    cells: tuple[str, ...], form: str
) -> None:
    table = read([*cells, "n/a"])

    assert table.frame["x"].to_list() == [*cells, None]
    warning = warning_of(table, "looks_numeric")
    assert (warning.column, warning.count, warning.example) == ("x", len(cells), cells[0])
    assert form in warning.detail
    assert "set its type to category" in warning.fix


def test_type_that_was_chosen_is_not_doubted() -> None:
    table = read(["5 kg", "300 g", "2 kg"], types={"x": "category"})

    assert table.warnings == ()


@pytest.mark.parametrize(
    "cells",
    [
        ["1.2.3", "1.10.0", "2.0.0"],
        ["192.168.0.1", "10.0.0.1"],
        ["434-816-5825", "774-417-3512"],
        ["Room 5", "Room 6"],
        ["A1", "B2"],
        ["29A", "12", "7C", "3b"],
        [f"{number} {name} Street" for number, name in enumerate("abcdefghijklmnopqrstuvw")],
        [f"3 of us went {n} times to the sea, and it was as cold as ever" for n in range(2, 6)],
    ],
    ids=lambda cells: cells[0],
)
def test_codes_and_sentences_do_not_look_like_numbers(cells: list[str]) -> None:
    assert read(cells).warnings == ()


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (("1:23.456", "0:59.9", "12:00.001"), [83.456, 59.9, 720.001]),
        (("1:23.456", "59.123", "1:02:03.5"), [83.456, 59.123, 3723.5]),
        (("1:23,4", "2:00", "75:10,5"), [83.4, 120, 4510.5]),
    ],
    ids=str,
)
def test_lap_times_are_seconds_and_told(cells: tuple[str, ...], seconds: list[float]) -> None:
    table = read(cells)

    assert table.frame["x"].to_list() == seconds
    assert warning_of(table, "read_as_seconds").count == len(cells)


@pytest.mark.parametrize(
    ("cells", "later", "value"),
    [
        (("1:23.456", "0:59.9"), "2:10", 130),
        (("1:23.456", "0:59.9"), "59.123", 59.123),
        (("59:10", "1:02:30", "1:10:05"), "58:40", 3520),
        (("04:46:08", "100:00:01"), "10:30", 37_800),
        (("1.25 Cr", "35 Lakh"), "40 Lakh", 4_000_000),
        (("12k", "1.2m"), "7k", 7000),
        (("450 m2", "62 m2"), "70 m2", 70),
        (("~55", "60"), "~57", 57),
        (("55", "60"), "~57", 57),
        (("10,000+", "500+"), "50+", 50),
    ],
    ids=str,
)
def test_later_row_alone_means_what_it_meant_among_the_first(
    cells: tuple[str, ...], later: str, value: float
) -> None:
    assert read_later(cells * 10, [later]).frame["x"].to_list() == [value]


def test_approximate_number_of_a_later_row_is_told() -> None:
    table = read_later(["55", "60"], ["58", "~57"])

    assert warning_of(table, "approximate_numbers").rows == (2,)


def test_multiples_are_exact_numbers() -> None:
    generator = random.Random(0)
    cents = [generator.randint(1, 999_999) for _ in range(300)]

    table = read([f"{number / 100:.2f} Mio." for number in cents])

    assert table.frame["x"].to_list() == [number * 10_000 for number in cents]


def test_marks_that_made_no_numbers_make_none_later() -> None:
    cells = ["1", "2", "3", "4", "5"] * 20 + ["5+"] * 3 + ["<2"] * 2

    later = read_later(cells, ["5", "5+", "<2", "~3"])

    assert read(cells).frame["x"].tail(5).to_list() == [None] * 5
    assert later.frame["x"].to_list() == [5, None, None, 3]


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["85 kW (116 PS)", "110 kW (150 PS)"], "'9 kW (9 PS)'"),
        (["4.5 out of 5 stars", "3 out of 5 stars"], "'9 out of 9 stars'"),
    ],
)
def test_cells_of_one_form_are_not_said_to_have_several_units(cells: list[str], form: str) -> None:
    detail = warning_of(read(cells * 10), "looks_numeric").detail

    assert f"in one form (9 for a number: {form} in 20)" in detail
    assert "not all" not in detail


def test_days_and_months_without_years_are_named_so() -> None:
    table = read([f"{day}.{month}." for month in (1, 2) for day in range(1, 29)])

    assert table.frame["x"][0] == "1.1."
    assert "are days and months" in warning_of(table, "looks_numeric").detail


def test_documented_marks_of_missing_values_are_said_to_be_such() -> None:
    table = read([*map(str, range(40, 80)), "DNF", "DNF", "\u2013"])

    assert "say that there is no value" in warning_of(table, "unreadable_cells").detail


def test_missing_marks_do_not_keep_a_column_from_being_numbers() -> None:
    table = read([*map(str, range(40, 80)), *[":"] * 9, *["5 or 6"] * 7])

    warning = warning_of(table, "mixed_cells")
    assert (warning.count, warning.example) == (7, "5 or 6")


@pytest.mark.parametrize(
    ("cells", "is_advised"),
    [
        (["1:04:25", "2:10:07"], False),
        (["1:04:25", "12:07"], True),
        (["+2:32", "+3:10"], True),
        (["14h30", "9h05"], False),
    ],
)
def test_other_meaning_of_a_clock_of_two_numbers_is_named_where_there_is_one(
    cells: list[str], is_advised: bool
) -> None:
    fix = warning_of(read(cells * 9), "read_as_seconds").fix
    assert ("date_format=" in fix) == is_advised


@pytest.mark.parametrize("mark", ["inf", "<LOD", "OVRFLW", "#DIV/0!"])
def test_marks_that_say_more_than_that_there_is_no_value_cannot_be_read(mark: str) -> None:
    table = read([*map(str, range(40, 80)), mark, mark])

    assert table.frame["x"].null_count() == 2
    assert "cannot be read" in warning_of(table, "unreadable_cells").detail


@pytest.mark.parametrize("unit", ["l/100km", "l/100 km", "kcal/100 g"])
def test_unit_for_a_hundred_of_another_one_is_a_unit(unit: str) -> None:
    cells = [f"{number}.5 {unit}" for number in range(3, 12)]

    table = read(cells)

    assert table.frame["x"].to_list() == [number + 0.5 for number in range(3, 12)]
    assert repr(unit) in warning_of(table, "units_removed").detail
    assert read_later(cells, [f"7.25 {unit}"]).frame["x"].to_list() == [7.25]


def test_other_digits_behind_a_number_are_no_unit() -> None:
    cells = ["5 l/200 km", "6 l/200 km"] * 5

    assert read(cells).frame["x"].to_list() == cells


@pytest.mark.parametrize(
    "cells",
    [
        [f"#{number}" for number in range(1000, 1040)],
        [f"{number:03}-A" for number in range(40)],
        [f'"{number} Main St\nApt {number}"' for number in range(40)],
    ],
    ids=lambda cells: cells[0],
)
def test_numbers_of_orders_codes_and_addresses_are_no_numbers(cells: list[str]) -> None:
    assert [w.code for w in read(cells).warnings] == []


def test_two_bounds_are_not_said_to_be_numbers_of_other_units() -> None:
    classes = warning_of(read(["<=50K", ">50K"] * 20), "looks_numeric")
    bounds = warning_of(read(["<5 K", "<10 K", "<20 M", ">20 M"] * 10), "looks_numeric")

    assert classes.fix == "set its type to category if they are names"
    assert bounds.fix.startswith("convert them to numbers of one unit")


def test_column_of_dates_beside_others_has_one_advice() -> None:
    cells = [*(f"{year} Q1" for year in range(1990, 2020)), *map(str, range(1990, 2019))]

    assert [w.code for w in read(cells).warnings] == ["mixed_cells"]


def test_several_answers_are_not_advised_to_be_numbers() -> None:
    (warning,) = read(["3", "1,3", "2", "4,2", "1,2,3", "1,2,3,4"]).warnings

    assert warning.code == "mixed_cells"
    assert "a column of its own" in warning.fix
    assert "number" in warning_of(read(["3", "2", "4", "1,2,x"]), "mixed_cells").fix
