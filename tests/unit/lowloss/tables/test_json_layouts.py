"""JSON in the layouts that pandas, Python and web services write has the rows that it means."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lowloss.errors import TableUnreadable
from lowloss.results import Reading, TableFormat
from lowloss.tables.formats import guess_format
from lowloss.tables.json_lines import read_json
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.table import Table

ROWS: list[dict[str, Any]] = [
    {"a": 1.5, "b": "x", "c": 1},
    {"a": None, "b": "y", "c": 2},
    {"a": 3.0, "b": "z", "c": 3},
]
FRAME = pd.DataFrame(ROWS)


def read(text: str) -> Table:
    return read_json(text.encode(), ParseOptions(), TableLimits())


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table", "values"])
def test_every_layout_of_pandas_has_its_rows(orient: str) -> None:
    table = read(FRAME.to_json(orient=orient))

    frame = table.frame.drop("index", strict=False)
    assert frame.rows() == [tuple(row.values()) for row in ROWS]
    names = ["column_1", "column_2", "column_3"] if orient == "values" else ["a", "b", "c"]
    assert frame.columns == names


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        "\n".join(json.dumps(row) for row in ROWS),
        "\n\n".join(json.dumps(row, indent=2) for row in ROWS),
        "".join(f"{json.dumps(row)},\n" for row in ROWS),
        json.dumps([["a", "b", "c"], *(list(row.values()) for row in ROWS)]),
        json.dumps({name: [row[name] for row in ROWS] for name in "abc"}),
        json.dumps({"count": 3, "next": None, "results": ROWS}),
        json.dumps(ROWS).replace("null", "NaN"),
        json.dumps(ROWS).replace("null", "-Infinity"),
        "\n".join(json.dumps(row) for row in ROWS).replace("null", "NaN"),
    ],
)
def test_rows_are_read_from_what_programs_write(text: str) -> None:
    assert read(text).frame.to_dicts() == ROWS


def test_list_that_was_read_of_an_answer_is_told() -> None:
    (warning,) = read(json.dumps({"page": 1, "pages": 9, "items": ROWS})).warnings

    assert (warning.code, warning.count, warning.example) == ("json_member", 3, "items")
    assert warning.detail.endswith("what else the JSON holds was left out: page, pages")


def test_lists_without_names_are_told() -> None:
    (warning,) = read("[[1, 2], [3, 4]]").warnings

    assert (warning.code, warning.rows, warning.example) == ("no_header", (1,), "[1, 2]")


NUMBERS = pd.DataFrame([[1, 7], [2, 8], [3, 9]])
NAMED = pd.DataFrame({"x": [1, 2, 3], "y": [7, 8, 9]}, index=["ann", "bob", "cy"])


def test_names_of_rows_are_a_column() -> None:
    table = read(NAMED.to_json(orient="split"))

    assert table.frame.rows() == [("ann", 1, 7), ("bob", 2, 8), ("cy", 3, 9)]
    assert table.frame.columns == ["index", "x", "y"]


def test_series_is_a_column() -> None:
    assert read(NAMED["x"].reset_index(drop=True).to_json()).frame.rows() == [(1,), (2,), (3,)]


def test_longest_list_of_an_answer_is_read_wherever_it_lies() -> None:
    answer = {"meta": {"columns": [{"n": "a"}, {"n": "b"}]}, "data": {"items": ROWS}}

    table = read(json.dumps(answer))

    assert table.frame.to_dicts() == ROWS
    (warning,) = table.warnings
    assert warning.detail == (
        "the rows are those of 'data.items'; what else the JSON holds was left out: "
        "meta.columns, meta"
    )


@pytest.mark.parametrize("form", [json.dumps, lambda rows: "\n".join(map(json.dumps, rows))])
def test_members_of_nested_objects_are_columns(form: Callable[[Any], str]) -> None:
    rows = [{"a": i, "owner": {"name": "x", "home": {"lat": i + 0.5}}} for i in range(3)]

    table = read(form(rows))

    assert table.frame.columns == ["a", "owner.name", "owner.home.lat"]
    assert table.frame.row(2) == (2, "x", 2.5)


@pytest.mark.parametrize("orient", ["columns", "index"])
@pytest.mark.parametrize("frame", [NUMBERS, NAMED, NAMED.reset_index(drop=True)], ids=list("abc"))
def test_sides_that_both_count_up_or_neither_are_told(frame: pd.DataFrame, orient: str) -> None:
    table = read(frame.to_json(orient=orient))

    index = table.frame.get_columns()[0].to_list() if "index" in table.frame.columns else [0, 1, 2]
    assert index == list(frame.index)
    assert table.frame.drop("index", strict=False).rows() == [(1, 7), (2, 8), (3, 9)]
    is_plain = list(frame.columns) == ["x", "y"] and list(frame.index) == [0, 1, 2]
    assert [warning.code for warning in table.warnings] == ["json_orientation"] * (not is_plain)


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split"])
@pytest.mark.parametrize("rows", [1, 3])
def test_rows_to_predict_may_have_any_layout(orient: str, rows: int) -> None:
    frame = pd.DataFrame({"x": [1, 2, 3], "y": [7, 8, 9]}).head(rows)
    earlier = {"x": Reading(kind="number"), "y": Reading(kind="number")}

    text = frame.to_json(orient=orient)
    table = read_json(text.encode(), ParseOptions(), TableLimits(), earlier)

    assert table.frame.rows() == frame.apply(tuple, axis=1).tolist()


def test_row_to_predict_with_a_list_in_it_stays_a_row() -> None:
    text = '{"time": "x", "tags": [{"n": 1}, {"n": 2}], "v": 3}'

    table = read_json(text.encode(), ParseOptions(), TableLimits(), {"v": Reading(kind="number")})

    assert table.frame.to_dicts() == [{"time": "x", "v": 3}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"a": 1}, {"a": 2}', "from line 1 on: Expecting ',' delimiter in line 1, column 20"),
        ('{"a": 1}\n{"a": 2\n{"a": 3}', "from line 2 on: .* in line 3, column 1"),
        ("[1, 2, 3]", "neither objects nor lists"),
        ('[[{"a": 1}], [{"a": 2}]]', "neither objects nor lists"),
        ('[{"a": 1}, [2]]', "neither objects nor lists"),
        ("[[1, 2], [3]]", "row 2 of the JSON has 1 cells"),
        ('[["a", "a"], [1, 2]]', "two columns of the JSON have one name"),
        ('{"x": [{"a": 1}], "y": [{"a": 1}]}', "several lists of rows: x, y"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": [' + "9" * 5_000 + "]}", "from line 1 on: Exceeds the limit"),
        ('{"a": "x\\ud800"}\n{"a": NaN}', "the JSON is no table"),
        ('[{"a": [1]}]', "no column holds plain values"),
        ('{"a": [1, 2], "b": [3]}', "a has 2, b has 1"),
    ],
)
def test_json_that_is_no_table_is_refused_with_a_fix(text: str, reason: str) -> None:
    with pytest.raises(TableUnreadable, match=reason) as refused:
        read(text)

    assert refused.value.fix


@pytest.mark.parametrize("text", ['[["a"], [1]]', '[{"a": 1}]', '{"a": 1}\n', '\n {\n"a": [1]}'])
def test_json_is_recognised(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table"
    path.write_text(text)

    assert guess_format(path) is TableFormat.jsonl


def test_dates_to_predict_may_be_as_pandas_writes_them() -> None:
    earlier = {"sold": Reading(kind="date"), "n": Reading(kind="number")}
    milliseconds = [1_704_153_600_000, None, -86_400_000]
    text = json.dumps([{"sold": ms, "n": n} for n, ms in enumerate(milliseconds)])

    table = read_json(text.encode(), ParseOptions(), TableLimits(), earlier)

    assert table.frame["sold"].to_list() == [datetime(2024, 1, 2), None, datetime(1969, 12, 31)]
    assert table.frame["n"].to_list() == [0, 1, 2]
    (warning,) = table.warnings
    assert (warning.code, warning.column, warning.count) == ("read_as_instants", "sold", 2)


def test_days_to_predict_stay_days() -> None:
    text, earlier = '[{"sold": 19724}, {"sold": -1}]', {"sold": Reading(kind="date")}

    table = read_json(text.encode(), ParseOptions(), TableLimits(), earlier)

    assert (table.frame["sold"].to_list(), table.warnings) == ([19724, -1], ())


def read_sales(sold: list[int], **options: Any) -> Table:
    text = json.dumps([{"sold": ms, "n": n} for n, ms in enumerate(sold)])
    return read_json(text.encode(), ParseOptions(**options), TableLimits())


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_dates_that_pandas_wrote_as_numbers_are_dates_and_told() -> None:
    days = [datetime(2024, 1, 2), None, datetime(2019, 7, 31, 12, 30)]
    frame = pd.DataFrame({"sold": pd.to_datetime(days), "n": [0, 1, 2]})

    table = read(frame.to_json(orient="records"))

    assert table.frame["sold"].to_list() == days
    assert table.readings["sold"].kind == "date"
    (warning,) = table.warnings
    assert (warning.code, warning.column, warning.count) == ("read_as_instants", "sold", 2)


@pytest.mark.parametrize(
    "numbers",
    [
        [4_006_381_333_931, 4_006_381_333_948],  # numbers of articles
        [1_704_153_600_123, 1_704_153_600_457],  # not of seconds
        [1_704_153_600_000, 12],
        [1_704_153_600_000, 1_704_153_600_000],
    ],
)
def test_other_large_numbers_stay_numbers(numbers: list[int]) -> None:
    table = read_sales(numbers)

    assert (table.frame["sold"].to_list(), table.warnings) == (numbers, ())


def test_type_decides_whether_numbers_are_dates() -> None:
    milliseconds = [1_704_153_600_000, 1_704_240_000_000]

    numbers = read_sales(milliseconds, types={"sold": "number"})
    dates = read_sales([-86_400_000, 123], types={"sold": "date"})

    assert numbers.frame["sold"].to_list() == milliseconds
    assert dates.frame["sold"].to_list() == [
        datetime(1969, 12, 31),
        datetime(1970, 1, 1, 0, 0, 0, 123_000),
    ]


def test_values_as_python_prints_them_are_told() -> None:
    with pytest.raises(TableUnreadable, match="a single quote in line 1, column 3, as Python"):
        read(repr(ROWS))


@pytest.mark.parametrize("is_list", [False, True])
def test_number_of_json_is_one_beside_texts_in_another_notation(is_list: bool) -> None:
    prices = ["1.007,00 €", 1.234, 1234, None, "2,5"]
    rows = [{"price": price, "n": n} for n, price in enumerate(prices)]
    text = json.dumps(rows) if is_list else "\n".join(map(json.dumps, rows))
    earlier = {"price": Reading(kind="number", decimal=",", group=".", unit="€")}

    first = read(text)
    later = read_json(text.encode(), ParseOptions(), TableLimits(), earlier)

    for table in (first, later):
        assert table.frame["price"].to_list() == [1007.0, 1.234, 1234.0, None, 2.5]
        assert table.warnings == ()


def test_number_of_json_that_is_too_large_is_none() -> None:
    table = read(f'[{{"a": "1,5"}}, {{"a": {"9" * 400}}}, {{"a": 2.5}}]')

    assert table.frame.height == 3


def test_number_of_json_in_a_column_of_words_is_a_word() -> None:
    table = read('[{"code": "A1"}, {"code": 7}, {"code": "B2"}]')

    assert table.frame["code"].to_list() == ["A1", "7", "B2"]


@pytest.mark.parametrize("days", [[20240131], [20240131, 20240131], [20240131, 20240201]])
def test_days_as_numbers_are_days_in_rows_to_predict(days: list[int]) -> None:
    text = json.dumps([{"d": day} for day in days])

    table = read_json(
        text.encode(), ParseOptions(), TableLimits(), {"d": Reading(kind="date", order="ymd")}
    )

    assert table.frame["d"].to_list()[0] == date(2024, 1, 31)
    assert table.warnings == ()


def test_column_that_a_type_makes_dates_is_read_so_later() -> None:
    table = read_sales([20240101, 20240102], types={"sold": "date"})

    assert table.readings["sold"].kind == "date"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('[{"": 1}, {"": "a"}]', ["1", "a"]),
        ('[{"a": 1.5}, {"a": NaN}, {"a": "2.5 €"}]', [1.5, None, 2.5]),
    ],
)
def test_odd_columns_of_numbers_and_texts_are_read(text: str, values: list[Any]) -> None:
    assert read(text).frame.to_series(0).to_list() == values


def test_number_of_json_is_one_beside_a_text_that_looks_like_it() -> None:
    earlier = {"x": Reading(kind="number", decimal=",", group=".")}
    text = '[{"x": 1.234}, {"x": "1.234"}]'

    table = read_json(text.encode(), ParseOptions(), TableLimits(), earlier)

    assert table.frame["x"].to_list() == [1.234, 1234.0]
