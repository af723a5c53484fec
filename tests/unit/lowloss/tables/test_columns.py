"""Cells in the notations that people use become values; what is doubtful is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import cycle, islice
from typing import Any

import polars as pl
import pytest

from lowloss.tables.batches import read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.readings import apply_reading
from lowloss.tables.table import Table


def read_cells(cells: Sequence[str | None], *others: Sequence[str], **options: Any) -> Table:
    """A column `x` of cells, repeated to 40 rows, beside other columns."""
    names = ["x", *(f"other {number}" for number in range(1, len(others) + 1))]
    columns = [
        pl.Series(name, list(islice(cycle(column), 40)), dtype=pl.String)
        for name, column in zip(names, (cells, *others), strict=True)
    ]
    reader = ColumnReader(ParseOptions(**options))
    frame = pl.DataFrame(read_columns(columns, reader))
    return Table(frame, warnings=tuple(reader.warnings), words=reader.words)


def values_of(cells: Sequence[str], *others: Sequence[str], **options: Any) -> list[Any]:
    table = read_cells(cells, *others, **options)
    return table.frame["x"].head(len(cells)).to_list()


def codes_of(cells: Sequence[str], *others: Sequence[str], **options: Any) -> set[str]:
    return {w.code for w in read_cells(cells, *others, **options).warnings if w.column == "x"}


POINTS, COMMAS = ["0.5", "1.25"], ["0,5", "1,25"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["$1.50", "-$2", "($3.25)", "$ 4"], [1.5, -2, -3.25, 4]),
        (["1.234,50 €", "2,00 €", "-3,25 €"], [1234.5, 2, -3.25]),
        (["EUR 1 234.50", "EUR 7", "EUR 1 000"], [1234.5, 7, 1000]),
        (["R$ 1.234,50", "R$ 2,10"], [1234.5, 2.1]),
        (["12%", "3.5 %", "-1%"], [12, 3.5, -1]),
        (["(1,234.50)", "2,000.00", "300.00"], [-1234.5, 2000, 300]),
        (["12 345", "1\u00a0234\u202f567", "99"], [12345, 1234567, 99]),
        (["12'345.50", "1\u2019234.00", "99.10"], [12345.5, 1234, 99.1]),
        (["\u22125", "3", "\u20137.5"], [-5, 3, -7.5]),
        (["123-", "5", "7-"], [-123, 5, -7]),
        (["5k", "1.2M", "300"], [5000, 1_200_000, 300]),
        (["5KB", "1.5MB", "300B"], [5000, 1_500_000, 300]),
        (["5 kg", "12kg", "7.5 kg"], [5, 12, 7.5]),
        (["36 months", "1 month", "60 months"], [36, 1, 60]),
        (["20°C", "-3.5 °C", "7°C"], [20, -3.5, 7]),
        (["12,34,567", "1,234", "99"], [1234567, 1234, 99]),
        (["1.234.567", "12.345", "7"], [1234567, 12345, 7]),
        (["1,234.5", "1500", "2,000"], [1234.5, 1500, 2000]),
        (["1e3", "-0.5E-2", "+7"], [1000, -0.005, 7]),
        ([".5", "-.25", "3."], [0.5, -0.25, 3]),
        (["100000000000000000000", "1"], [1e20, 1]),
    ],
    ids=str,
)
def test_numbers_are_read_in_any_notation(cells: list[str], expected: list[float]) -> None:
    assert values_of(cells) == expected


@pytest.mark.parametrize(
    "cells",
    [
        ["Room 5", "Room 6"],
        ["12", "12A", "13", "14B"],
        ["10+ years", "< 1 year", "3 years"],
        ["555-1000", "555-2000"],
        ["1.2.3", "1.10.0", "2.0.0"],
        ["192.168.0.1", "10.0.0.1"],
        ["5 kg", "3 m", "7 s"],
        ["1st", "2nd", "3rd"],
        ["S", "M", "L", "10"],
        ["2021-13", "2021-14"],
        ["1_000", "2_000"],
        ["none", "-", "a"],
    ],
    ids=str,
)
def test_names_stay_as_they_are_written(cells: list[str]) -> None:
    assert values_of(cells) == cells


GROUPED = ["1.250", "12.500", "3.125"]


@pytest.mark.parametrize(
    ("cells", "others", "expected", "is_told"),
    [
        (GROUPED, COMMAS, [1250, 12500, 3125], False),
        (GROUPED, POINTS, [1.25, 12.5, 3.125], False),
        (GROUPED, ["a"], [1.25, 12.5, 3.125], True),
        ([*GROUPED, "0.500"], COMMAS, [1.25, 12.5, 3.125, 0.5], False),
        ([*GROUPED, "7.5"], COMMAS, [1.25, 12.5, 3.125, 7.5], False),
        ([*GROUPED, "12500"], COMMAS, [1250, 12500, 3125, 12500], False),
        ([*GROUPED, "12500"], ["a"], [1.25, 12.5, 3.125, 12500], True),
        ([*GROUPED, "1.000.000"], POINTS, [1250, 12500, 3125, 1000000], False),
        (["1,250", "12,500"], POINTS, [1250, 12500], False),
        (["1,250", "12,500"], COMMAS, [1.25, 12.5], False),
        (["1,250", "12,500"], ["a"], [1250, 12500], True),
        (["1,250", "12500"], ["a"], [1250, 12500], True),
        (["$1,250", "$12500"], ["a"], [1250, 12500], True),
        (["1,250", "0,125"], ["a"], [1.25, 0.125], False),
        (["425,951", "394,909"], ["1.234,5"], [425.951, 394.909], False),
        (["425,951", "394,909"], ["1,234.5"], [425951, 394909], False),
        (["$1,250", "$12,500"], ["a"], [1250, 12500], True),
    ],
    ids=str,
)
def test_mark_is_decided_by_the_cells_then_by_other_columns_and_else_told(
    cells: list[str], others: list[str], expected: list[float], is_told: bool
) -> None:
    assert values_of(cells, others) == expected
    assert ("ambiguous_numbers" in codes_of(cells, others)) is is_told


@pytest.mark.parametrize(
    ("cells", "options", "expected"),
    [
        (GROUPED, {"thousands": "."}, [1250, 12500, 3125]),
        (GROUPED, {"decimal": ","}, [1250, 12500, 3125]),
        (GROUPED, {"decimal": "."}, [1.25, 12.5, 3.125]),
        (["1,250", "7"], {"decimal": ","}, [1.25, 7]),
        (["1,250", "7"], {"thousands": ","}, [1250, 7]),
        (["01", "02"], {"types": {"x": "number"}}, [1, 2]),
        (["1", "2"], {"types": {"x": "category"}}, ["1", "2"]),
        (["3/4/2024"], {"date_format": "%d/%m/%Y"}, [date(2024, 4, 3)]),
        (["20240403"], {"types": {"x": "date"}}, [date(2024, 4, 3)]),
        (["5", "oops", "a"], {"types": {"x": "number"}}, [5, None, None]),
        (["-999", "5"], {"null_values": ("-999",)}, [None, 5]),
        (["08:30"], {"types": {"x": "category"}}, ["08:30"]),
        (["5 kg"], {"types": {"x": "category"}}, ["5 kg"]),
    ],
    ids=str,
)
def test_every_decision_can_be_overridden(
    cells: list[str], options: dict[str, Any], expected: list[Any]
) -> None:
    table = read_cells(cells, **options)

    assert table.frame["x"].head(len(cells)).to_list() == expected
    assert not {"ambiguous_numbers", "ambiguous_dates"} & {w.code for w in table.warnings}


MARKS = [
    *("NA", "N/A", "n.a.", "null", "none", "nan", r"\N", ".", "..", "-", "--", "?", "unknown"),
    *("#N/A", "#DIV/0!", "#VALUE!", "#NUM!", "1.#INF", "1.#IND", "\u2212", "\u2013", "UNKNOWN"),
    *("NULL", "None", "N.A.", "inf"),
]


@pytest.mark.parametrize("mark", MARKS)
def test_mark_is_missing_among_numbers_and_dates(mark: str) -> None:
    assert values_of(["1.5", mark, "2"]) == [1.5, None, 2]
    assert values_of(["2024-01-31", mark, ""]) == [date(2024, 1, 31), None, None]


@pytest.mark.parametrize("mark", ["none", "-", "?", ".", "unknown", "..", "n.a."])
def test_mark_is_a_level_among_words(mark: str) -> None:
    assert values_of(["red", mark, "blue"]) == ["red", mark, "blue"]


@pytest.mark.parametrize(
    ("odd", "is_number"), [(1, True), (2, True), (3, False), (10, False)], ids=str
)
def test_column_is_numeric_where_95_percent_of_its_cells_are(odd: int, is_number: bool) -> None:
    cells = ["oops"] * odd + ["7"] * (40 - odd)

    table = read_cells(cells)

    assert (table.frame["x"].dtype == pl.Int64) is is_number
    counts = [(w.code, w.count, w.rows[0], w.example) for w in table.warnings]
    code = "unreadable_cells" if is_number else "mixed_cells"
    assert counts == [(code, odd, 1, "oops")]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["17/4/2021", "3/12/2022"], [date(2021, 4, 17), date(2022, 12, 3)]),
        (["4/17/2021", "12/3/2022"], [date(2021, 4, 17), date(2022, 12, 3)]),
        (["17.04.2021", "3.12.22"], [date(2021, 4, 17), date(2022, 12, 3)]),
        (["2021/04/17", "2022/12/3"], [date(2021, 4, 17), date(2022, 12, 3)]),
        (["17 Apr 2021", "3 December 2022"], [date(2021, 4, 17), date(2022, 12, 3)]),
        (["Apr 17, 2021", "Dec 3rd, 2022"], [date(2021, 4, 17), date(2022, 12, 3)]),
        (["17-Apr-21", "03-DEC-99"], [date(2021, 4, 17), date(1999, 12, 3)]),
        (["Sat, 17 Apr 2021", "Sat, 3 Dec 2022"], [date(2021, 4, 17), date(2022, 12, 3)]),
        (["17. März 2021", "3. Dezember 2022"], [date(2021, 3, 17), date(2022, 12, 3)]),
        (["2021-04", "2022-12"], [date(2021, 4, 1), date(2022, 12, 1)]),
        (["04/2021", "12/2022"], [date(2021, 4, 1), date(2022, 12, 1)]),
        (["Dec-2015", "Jan-2014"], [date(2015, 12, 1), date(2014, 1, 1)]),
        (["02-feb-24", "04-abr-24"], [date(2024, 2, 2), date(2024, 4, 4)]),
        (["janv. 2020", "févr. 2020"], [date(2020, 1, 1), date(2020, 2, 1)]),
        (["2 de febrero de 2024", "4 de enero de 2024"], [date(2024, 2, 2), date(2024, 1, 4)]),
        (["3 março 2024", "9 dez 2024"], [date(2024, 3, 3), date(2024, 12, 9)]),
        (
            ["02/Jan/2024:10:30:00 +0100", "17/Feb/2024:00:00:00 +0000"],
            [datetime(2024, 1, 2, 9, 30), datetime(2024, 2, 17)],
        ),
        (["2024/03/01 9:01:11 AM GMT+1"], [datetime(2024, 3, 1, 8, 1, 11)]),
        (["17APR2021", "3dec99"], [date(2021, 4, 17), date(1999, 12, 3)]),
        (
            ["17APR2021:08:30:00", "03DEC2022:23:15:01.5"],
            [datetime(2021, 4, 17, 8, 30), datetime(2022, 12, 3, 23, 15, 1, 500_000)],
        ),
        (["2021年4月17日", "2022年12月"], [date(2021, 4, 17), date(2022, 12, 1)]),
        (["2021년 4월 17일", "2022년 12월 3일"], [date(2021, 4, 17), date(2022, 12, 3)]),
        (["2021Q2", "2022-Q4"], [date(2021, 4, 1), date(2022, 10, 1)]),
        (["Q2 2021", "Q4/2022"], [date(2021, 4, 1), date(2022, 10, 1)]),
        (["2Q21", "4Q2022"], [date(2021, 4, 1), date(2022, 10, 1)]),
        (
            ["2021-04-17T08:30:00+02:00", "2021-04-17 08:30:00.25Z"],
            [datetime(2021, 4, 17, 6, 30), datetime(2021, 4, 17, 8, 30, 0, 250_000)],
        ),
        (
            ["2021-04-17 08:30:00-0530", "2021-04-17 00:30:00+01"],
            [datetime(2021, 4, 17, 14, 0), datetime(2021, 4, 16, 23, 30)],
        ),
        (
            ["4/17/2021 8:30 PM", "12/1/2021 12:05 AM"],
            [datetime(2021, 4, 17, 20, 30), datetime(2021, 12, 1, 0, 5)],
        ),
        (
            ["2021-04-17", "2021-04-18 10:00"],
            [datetime(2021, 4, 17), datetime(2021, 4, 18, 10)],
        ),
    ],
    ids=str,
)
def test_dates_are_read_in_any_notation(cells: list[str], expected: list[date]) -> None:
    table = read_cells(cells)

    assert table.frame["x"].head(len(cells)).to_list() == expected
    assert table.warnings == ()


def test_order_of_a_date_is_settled_by_monotony() -> None:
    rising = [f"{month}/{day}/2024" for month in (1, 2, 3) for day in (1, 5, 11)]
    reader = ColumnReader(ParseOptions())

    (column,) = read_columns([pl.Series("x", rising)], reader)

    assert column.to_list() == [date(2024, m, d) for m in (1, 2, 3) for d in (1, 5, 11)]
    assert reader.warnings == []


def test_order_of_a_date_is_settled_by_another_column() -> None:
    assert values_of(["3/4/2024", "1/2/2023"], ["17/4/2024", "9/9/2024"]) == [
        date(2024, 4, 3),
        date(2023, 2, 1),
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["3/4/2024", "1/2/2023"], [date(2024, 3, 4), date(2023, 1, 2)]),
        (["3.4.2024", "1.2.2023"], [date(2024, 4, 3), date(2023, 2, 1)]),
        (["3-4-2024", "1-2-2023"], [date(2024, 4, 3), date(2023, 2, 1)]),
    ],
    ids=str,
)
def test_order_of_a_date_that_nothing_settles_is_told(
    cells: list[str], expected: list[date]
) -> None:
    assert values_of(cells) == expected
    assert codes_of(cells) == {"ambiguous_dates"}


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (["04:46:08", "100:00:01"], [17168, 360001]),
        (["08:30", "0:05"], [30600, 300]),
        (["8:30 AM", "12:05 PM", "12:05 am"], [30600, 43500, 300]),
        (["1 days 04:46:08", "0 days 00:00:10.5"], [103568, 10.5]),
        (["-1 days +23:00:00", "1 day, 0:00:01"], [-3600, 86401]),
        (["PT4H", "P1DT2H30M", "PT15.5S"], [14400, 95400, 15.5]),
        (["2h 30m", "45m", "1h"], [9000, 2700, 3600]),
    ],
    ids=str,
)
def test_durations_are_seconds_and_told(cells: list[str], seconds: list[float]) -> None:
    assert values_of(cells) == seconds
    assert codes_of(cells) == {"read_as_seconds"}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["True", "False", ""], ("False", "True")),
        (["TRUE", "FALSE"], ("FALSE", "TRUE")),
        (["true", "true"], ("false", "true")),
        (["WAHR", "FALSCH"], ("FALSCH", "WAHR")),
    ],
    ids=str,
)
def test_booleans_keep_their_words(cells: list[str], words: tuple[str, str]) -> None:
    table = read_cells(cells)

    assert table.frame["x"].dtype == pl.Boolean
    assert table.words == {"x": words}


@pytest.mark.parametrize("cells", [["01", "12"], ["00501", "98765"], ["007", "1", ""]], ids=str)
def test_leading_zeros_mean_a_category(cells: list[str]) -> None:
    assert values_of(cells) == [cell or None for cell in cells]
    assert codes_of(cells) == {"leading_zeros"}


@pytest.mark.parametrize(
    ("cells", "is_told"), [(["5%", "7%"], False), (["5%", "0.07"], True), (["5 kg"], True)], ids=str
)
def test_unit_that_is_left_off_is_told(cells: list[str], is_told: bool) -> None:
    assert ("units_removed" in codes_of(cells)) is is_told


def test_several_currencies_in_a_column_are_told() -> None:
    assert codes_of(["$5", "€4"]) == {"currencies_mixed"}


@pytest.mark.parametrize(
    ("cells", "later", "expected"),
    [
        (["5k", "1.2M", "300"], "1.2M", 1_200_000),
        (["5KB", "1.5MB", "300B"], "2MB", 2_000_000),
        (["5 kg", "7 kg"], "3 kg", 3),
        (["5 kg", "7 kg"], "3 g", None),
        (["5 kg", "7 kg"], "3", 3),
        (["1.234,5", "7,25"], "1.250", 1250),
        (["1.25", "0.5"], "1,250", None),
        (["2h 30m", "45m"], "45m", 2700),
        (["17/4/2024", "3/4/2024"], "3/4/2024", date(2024, 4, 3)),
        (["4/17/2024", "3/4/2024"], "3/4/2024", date(2024, 3, 4)),
        (["01", "02"], "7", "7"),
        (["1.5", "2.5"], "$1.50", 1.5),
    ],
    ids=str,
)
def test_one_later_row_means_what_it_would_have_meant_among_the_first(
    cells: list[str], later: str, expected: object
) -> None:
    reader = ColumnReader(ParseOptions())
    read_columns([pl.Series("x", cells * 10)], reader)

    read = apply_reading(pl.Series("x", [later]), reader.decided["x"])

    assert read.to_list() == [expected]


def test_whole_numbers_have_the_marks_of_their_file() -> None:
    reader = ColumnReader(ParseOptions())
    read_columns([pl.Series("n", ["1", "950"] * 5), pl.Series("x", ["1,5", "2,25"] * 5)], reader)

    assert apply_reading(pl.Series("n", ["1.250"]), reader.decided["n"]).to_list() == [1250]


def test_later_rows_are_read_as_the_first_were() -> None:
    header, rows = "a;d;t;b;c;u\n", "1.250;3/4/2024;01:00;True;01;5 kg\n"
    witness = "1.250,5;17/4/2024;02:00;False;02;6 kg\n"
    limits = TableLimits()
    first = read_csv((header + (rows + witness) * 20).encode(), ParseOptions(), limits=limits)

    again = read_csv(
        (header + rows).encode(), ParseOptions(), limits=limits, earlier=first.readings
    )

    assert again.frame.row(0) == first.frame.row(0)
    assert again.frame.row(0) == (1250.0, date(2024, 4, 3), 3600, True, "01", 5)


@pytest.mark.parametrize("cells", [["12ABC2024", "13XYZ2024"], ["2024Q5", "2024Q0"], ["Q7 2024"]])
def test_codes_that_look_like_dates_stay_text(cells: list[str]) -> None:
    assert values_of(cells) == cells


def test_quarter_of_a_single_later_row_is_the_same_date() -> None:
    first = read_cells(["2021Q2", "2022Q4"])
    reader = ColumnReader(ParseOptions(), first.readings)

    (column,) = read_columns([pl.Series("x", ["2023Q3"])], reader)

    assert column.to_list() == [date(2023, 7, 1)]
