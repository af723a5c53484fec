"""What a new user found read wrong without a word: prices with dashes, options that fit nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lowloss.errors import InvalidRequest
from lowloss.results import TableFormat
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv, read_table
from lowloss.tables.table import Table
from tests.unit.lowloss.tables.test_formats import a_workbook


def read_lines(text: str, **options: Any) -> Table:
    return read_csv(text.encode(), ParseOptions(**options), limits=TableLimits())


def codes(table: Table) -> set[str]:
    return {warning.code for warning in table.warnings}


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("1200,-", "350,-", "99,50"), [1200.0, 350.0, 99.5]),
        (("CHF 1'200.-", "CHF 350.-", "CHF 99.50"), [1200.0, 350.0, 99.5]),
        (("1.200,- €", "350,-- €", "99,50 €"), [1200.0, 350.0, 99.5]),
        (("12,75-", "3,50", "1,25"), [-12.75, 3.5, 1.25]),
    ],
)
def test_a_dash_in_place_of_decimals_is_no_sign(
    cells: tuple[str, ...], values: list[float]
) -> None:
    rows = "".join(f"{cell};{number}\n" for number, cell in enumerate(cells))

    table = read_lines(f"preis;qm\n{rows}")

    assert table.frame["preis"].to_list() == values


@pytest.mark.parametrize("kind", ["boolean", "date", "duration", "number"])
@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("ja", "nein"), ["ja", "nein"]),
        (("61.5", "70"), [61.5, 70.0]),
        (("1.250 €", "12 €"), [1.25, 12.0]),
        (("17/4/2024", "3/12/2023"), [date(2024, 4, 17), date(2023, 12, 3)]),
        (("True", "False"), [True, False]),
    ],
    ids=lambda cells: str(cells[0]),
)
def test_a_column_whose_type_fits_no_cell_is_read_by_its_cells_and_told(
    kind: str, cells: tuple[str, ...], values: list[Any]
) -> None:
    rows = "".join(f"{cell};{number}\n" for number, cell in enumerate(cells))
    detected = read_lines(f"d;y\n{rows}")

    table = read_lines(f"d;y\n{rows}", types={"d": kind})

    told = [w for w in table.warnings if w.code == "type_not_used"]
    if {"number": float, "date": date, "boolean": bool}.get(kind) is type(values[0]):
        assert told == []
    else:
        (warning,) = told
        assert (warning.column, warning.count, warning.example) == ("d", 2, cells[0])
        assert table.readings == detected.readings
    assert table.frame["d"].to_list() == values


def test_a_type_of_no_column_is_refused_with_the_columns() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_lines("price,y\n1,2\n", types={"prize": "number"})

    assert caught.value.field == "types"
    assert "price, y" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("options", "field"),
    [({"decimal": ",", "thousands": ","}, "thousands"), ({"date_format": "dd/mm"}, "date_format")],
)
def test_options_that_no_cell_can_fit_are_refused(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ParseOptions(**options).check_format(TableFormat.csv)

    assert caught.value.field == field


def test_a_date_format_that_fits_nothing_is_told_and_not_used() -> None:
    table = read_lines("d,y\n17/04/2024,1\n03/12/2023,2\n", date_format="%d.%m.%Y")

    assert table.frame["d"].to_list() == [date(2024, 4, 17), date(2023, 12, 3)]
    assert "date_format_unused" in codes(table)


def test_a_date_format_leaves_dates_in_other_notations_as_they_are() -> None:
    text = "a,b,y\n03/04/2024,2024-04-03,1\n05/06/2024,2024-06-05,2\n"

    table = read_lines(text, date_format="%d/%m/%Y")

    assert table.frame["a"].to_list() == table.frame["b"].to_list()
    assert table.frame["b"].to_list() == [date(2024, 4, 3), date(2024, 6, 5)]


def test_the_advice_on_ambiguous_dates_has_the_marks_of_the_cells() -> None:
    text = "d,y\n03-04-2024,1\n05-06-2024,2\n"
    (warning,) = read_lines(text).warnings

    table = read_lines(text, date_format="%m-%d-%Y")

    assert "%m-%d-%Y" in warning.fix
    assert table.frame["d"].to_list() == [date(2024, 3, 4), date(2024, 5, 6)]


def test_what_keeps_a_column_from_being_dates_is_told() -> None:
    rows = [f"2024-01-{day:02d},1" for day in range(1, 20)] + ["TBD,1"] * 3

    table = read_lines("d,y\n" + "\n".join(rows))

    (warning,) = [warning for warning in table.warnings if warning.code == "mixed_cells"]
    assert (warning.column, warning.count, warning.example) == ("d", 3, "TBD")


def test_the_null_date_of_mysql_is_missing() -> None:
    rows = [f"2024-01-{day:02d},1" for day in range(1, 10)] + ["0000-00-00,1"] * 3

    table = read_lines("d,y\n" + "\n".join(rows))

    assert table.frame["d"].dtype.is_temporal()
    assert table.frame["d"].null_count() == 3


def test_years_of_two_digits_that_would_be_late_are_told() -> None:
    table = read_lines("born,y\n4/17/45,1\n12/3/68,2\n1/5/72,3\n")

    (warning,) = [warning for warning in table.warnings if warning.code == "two_digit_years"]
    assert warning.rows == (1, 2)


def test_minutes_beside_hours_are_minutes() -> None:
    table = read_lines("run,y\n59:10,1\n1:02:30,2\n58:40,3\n1:10:05,4\n")

    assert table.frame["run"].to_list() == [3550, 3750, 3520, 4205]


def test_times_of_a_day_with_and_without_seconds_stay_hours() -> None:
    table = read_lines("at,y\n08:30,1\n08:30:15,2\n17:45,3\n")

    assert table.frame["at"].to_list() == [30600, 30615, 63900]


def test_numbers_stored_as_text_in_a_workbook_are_read_by_the_rules_of_texts(
    tmp_path: Path,
) -> None:
    rows = [("einwohner", "flaeche", "preis"), ("3.000", "12,5", 1.255), ("4.500", "7,25", 2.5)]
    path = tmp_path / "t.xlsx"
    path.write_bytes(a_workbook(("Tabelle1", rows)))

    table = read_table(path, TableFormat.xlsx, ParseOptions(), limits=TableLimits())

    # The point of the third column is ours, and proves nothing of the first.
    assert table.frame.to_dict(as_series=False) == {
        "einwohner": [3000, 4500],
        "flaeche": [12.5, 7.25],
        "preis": [1.255, 2.5],
    }


def test_numbers_stored_as_text_among_numbers_are_told_by_the_name_of_their_column(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.xlsx"
    rows = [("", "sold", "y"), ("a", 2.5, 1), ("b", "3.000", 2), ("c", 4, 3)]
    path.write_bytes(a_workbook(("Sheet1", rows)))

    table = read_table(path, TableFormat.xlsx, ParseOptions(), limits=TableLimits())

    (warning,) = [warning for warning in table.warnings if warning.code == "numbers_as_text"]
    assert warning.column == "sold"
    assert warning.detail.startswith("'sold' holds numbers stored as text, such as '3.000'")


def test_decimal_comma_of_a_text_among_numbers_is_one_and_proves_nothing_elsewhere(
    tmp_path: Path,
) -> None:
    rows = [("sales", "temp"), ("9,974", 12.3), ("1,227", "17,5"), ("2,450", 18.25), ("3,001", -1)]
    path = tmp_path / "t.xlsx"
    path.write_bytes(a_workbook(("Sheet1", rows)))

    table = read_table(path, TableFormat.xlsx, ParseOptions(), limits=TableLimits())

    assert table.frame.to_dict(as_series=False) == {
        "sales": [9974, 1227, 2450, 3001],
        "temp": [12.3, 17.5, 18.25, -1.0],
    }
    assert codes(table) == {"numbers_as_text", "ambiguous_numbers"}


def test_types_and_null_values_hold_for_numbers_in_json(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"zip": 1234, "y": -999}\n{"zip": 99, "y": 5}\n')
    options = ParseOptions(types={"zip": "category"}, null_values=("-999",))

    table = read_table(path, TableFormat.jsonl, options, limits=TableLimits())

    assert table.frame.to_dict(as_series=False) == {"zip": ["1234", "99"], "y": [None, 5]}
    assert table.warnings == ()
    assert table.readings["y"].null_values == ("-999",)


def test_an_option_that_a_column_contradicts_does_not_cost_the_column() -> None:
    table = read_lines("pop;share\n1.250;0.5\n3.400;0.25\n", thousands=".")

    assert table.frame.to_dict(as_series=False) == {"pop": [1250, 3400], "share": [0.5, 0.25]}


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_that_count_the_rows_are_a_column_of_their_own(first: int) -> None:
    lines = "".join(f"{row},{10 + row}\n" for row in range(first, first + 6))

    assert read_lines(f"y\n{lines}").frame.width == 2
    assert read_lines(f"y\n{lines}", decimal=",").frame.width == 2


def test_decimal_point_splits_numbers_at_commas() -> None:
    assert read_lines("y\n8,10\n3,20\n5,31\n").frame.width == 1
    assert read_lines("y\n8,10\n3,20\n5,31\n", decimal=".").frame.width == 2


def test_lines_that_nothing_splits_are_told() -> None:
    table = read_lines("a:b\n1:x\n2:y\n")

    assert codes(table) == {"one_column"}
    assert table.frame.width == 1


def test_grouped_digits_are_read_in_later_rows_though_training_had_none() -> None:
    trained = read_lines("preis;qm\n154,5;52,84\n99,5;61,2\n")

    later = read_csv(
        b"preis;qm\n1.154,5;52,84\n99,5;1.250\n",
        ParseOptions(),
        limits=TableLimits(),
        earlier=trained.readings,
    )

    assert later.frame.rows() == [(1154.5, 52.84), (99.5, 1250.0)]
    assert later.warnings == ()


@pytest.mark.parametrize("mark", ["inf", "-inf", "Infinity", "∞"])
@pytest.mark.parametrize("others", [("1.5", "2.5"), ("1,5", "2,5"), ("1", "2"), ("1,234", "2,345")])
def test_numbers_without_an_end_are_missing_and_told(mark: str, others: tuple[str, str]) -> None:
    rows = "".join(f"{cell};7\n" for cell in (*others * 20, mark))

    table = read_lines(f"x;y\n{rows}")

    assert table.frame["x"].dtype.is_numeric()
    assert table.frame["x"].null_count() == 1
    (warning,) = [each for each in table.warnings if each.code == "unreadable_cells"]
    assert (warning.column, warning.count, warning.rows) == ("x", 1, (41,))
    assert warning.example == mark


def test_text_of_a_column_of_words_is_not_infinite() -> None:
    assert codes(read_lines("x;y\nshort;1\ninf;2\nlong;3\n")) == set()


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("Rs. 43,445/-", "Rs. 5,914/-", "Rs. 88,584/-"), [43445.0, 5914.0, 88584.0]),
        (("₹86,73,693/-", "₹5,000/-", "₹99,000/-"), [8673693.0, 5000.0, 99000.0]),
        (("304:-", "1 250:-", "99:-"), [304.0, 1250.0, 99.0]),
    ],
)
def test_a_slash_or_a_colon_with_a_dash_is_no_sign(
    cells: tuple[str, ...], values: list[float]
) -> None:
    rows = "".join(f"{cell};{number}\n" for number, cell in enumerate(cells * 10))

    table = read_lines(f"price;y\n{rows}")

    assert table.frame["price"].to_list() == values * 10


def test_dates_that_look_like_numbers_are_read_by_their_format() -> None:
    text = "day,n\n20240131,20240131\n20240229,7\n"

    table = read_lines(text, date_format="%Y%m%d")

    assert table.frame["day"].to_list() == [date(2024, 1, 31), date(2024, 2, 29)]
    assert table.frame["n"].to_list() == [20240131, 7]
    assert codes(table) == set()


def test_options_count_for_columns_that_were_read_before() -> None:
    earlier = read_lines("x;d;y\n1,5;01.02.2024;1\n2,5;17.04.2024;2\n")

    table = read_csv(
        b"x,d\n1.5,04/13/2023\n1200.25,04/14/2023\n",
        ParseOptions(decimal=".", date_format="%m/%d/%Y"),
        limits=TableLimits(),
        earlier=earlier.readings,
    )

    assert table.frame["x"].to_list() == [1.5, 1200.25]
    assert table.frame["d"].to_list() == [date(2023, 4, 13), date(2023, 4, 14)]


@pytest.mark.parametrize("zero", ["\u0660", "\u06f0", "\u0966", "\uff10"])
def test_digits_of_other_scripts_are_digits(zero: str) -> None:
    def write(number: int) -> str:
        return "".join(chr(ord(zero) + int(digit)) for digit in str(number))

    rows = "".join(f"{write(187 + row)};no{write(row)}{'abc'[row % 3]}\n" for row in range(20))

    table = read_lines(f"x;room\n{rows}")

    assert table.frame["x"].to_list() == [187 + row for row in range(20)]
    assert table.frame["room"].to_list()[3] == f"no{write(3)}a"
