"""Reading CSV: types by whole columns, and a clear problem for everything that is no table."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowloss.errors import (
    InvalidRequest,
    Problem,
    TableEmpty,
    TableRagged,
    TableTooLarge,
    TableUnreadable,
)
from lowloss.results import TableFormat
from lowloss.tables.csv_text import read_text
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from service.settings import Limits
from tests.builders.tables import read


def read_csv(tmp_path: Path, text: str | bytes, **options: Any) -> pl.DataFrame:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, **options).frame


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "2"], [1, 2]),
        (["1", "2.5"], [1.0, 2.5]),
        (["1e3", "-0.5"], [1000.0, -0.5]),
        (["1", "NA"], [1, None]),
        (["1", "?"], [1, None]),
        (["1.5", "nan"], [1.5, None]),
        (["1.5", "inf"], [1.5, None]),
        (["1", "nan"], [1, None]),
        ([" 1", "2"], [1, 2]),
        ([""], [None]),
        (["0000-01-01", "2024-01-31"], [None, date(2024, 1, 31)]),
        (["99999999999999999999", "1"], ["99999999999999999999", "1"]),
        (["true", "False"], [True, False]),
        (["yes", "no"], ["yes", "no"]),
        (["?", "a"], ["?", "a"]),
        (["2024-01-31", "2023-12-01"], [date(2024, 1, 31), date(2023, 12, 1)]),
        (["2024-01-31", ""], [date(2024, 1, 31), None]),
        (
            ["2024-01-31T10:00:00Z", "2024-02-01 00:00:00"],
            [datetime(2024, 1, 31, 10), datetime(2024, 2, 1)],
        ),
        (["2024-01-31", "soon"], ["2024-01-31", "soon"]),
        ([" a ", "b"], ["a", "b"]),
    ],
    ids=str,
)
def test_column_is_typed_by_all_of_its_values(
    tmp_path: Path, values: list[str], expected: list[object]
) -> None:
    rows = "\n".join(f"{value},1" for value in values)

    frame = read_csv(tmp_path, f"x,other\n{rows}\n")

    assert frame["x"].to_list() == expected


def test_one_word_deep_in_a_column_of_numbers_is_missing_and_said_so(tmp_path: Path) -> None:
    rows = [str(i) for i in range(9000)] + ["many"]
    path = tmp_path / "table.csv"
    path.write_text("x,y\n" + "\n".join(f"{r},1" for r in rows))

    table = read(path)

    assert table.frame["x"].to_list() == [*range(9000), None]
    assert [(w.code, w.column, w.count, w.rows, w.example) for w in table.warnings] == [
        ("unreadable_cells", "x", 1, (9001,), "many")
    ]


def test_many_words_in_a_column_of_numbers_make_it_text(tmp_path: Path) -> None:
    rows = [str(i) for i in range(90)] + ["many", "some", "few", "most", "all"] * 2

    frame = read_csv(tmp_path, "x,y\n" + "\n".join(f"{r},1" for r in rows))

    assert frame["x"].to_list() == rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_detected(tmp_path: Path, delimiter: str) -> None:
    frame = read_csv(tmp_path, f"a{delimiter}b\n1{delimiter}x\n2{delimiter}y\n")

    assert frame.rows() == [(1, "x"), (2, "y")]


def test_decimal_commas_are_read_where_the_delimiter_allows(tmp_path: Path) -> None:
    frame = read_csv(tmp_path, "a;b;c\n1,5;x;1\n-0,25;y;2\n")

    assert frame.rows() == [(1.5, "x", 1), (-0.25, "y", 2)]


@pytest.mark.parametrize(
    ("encoding", "options"),
    [
        ("utf-8", {}),
        ("utf-8-sig", {}),
        ("utf-16", {}),
        ("latin-1", {}),
        ("cp1251", {"encoding": "cp1251"}),
    ],
)
def test_encoding_is_detected_or_named(
    tmp_path: Path, encoding: str, options: dict[str, str]
) -> None:
    word = "Жар" if encoding == "cp1251" else "Århus"

    frame = read_csv(tmp_path, f"{word},b\n1,{word}\n2,x\n".encode(encoding), **options)

    assert frame.columns == [word, "b"]
    assert frame["b"][0] == word


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_any_line_end_and_blank_lines_will_do(tmp_path: Path, line_end: str) -> None:
    text = line_end.join(["a,b", "1,2", "", "3,4", "", ""])

    assert read_csv(tmp_path, text).rows() == [(1, 2), (3, 4)]


def test_quoted_fields_may_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    frame = read_csv(tmp_path, 'a,b\n"x, ""y""",1\n"two\nlines",2\n')

    assert frame["a"].to_list() == ['x, "y"', "two\nlines"]


def test_values_may_be_missing_everywhere_but_not_rows(tmp_path: Path) -> None:
    frame = read_csv(tmp_path, "a,b\n1,\n,2\n,\n3,4\n")

    assert frame.rows() == [(1, None), (None, 2), (3, 4)]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("", TableEmpty, "empty"),
        ("\n\n", TableEmpty, "empty"),
        ("a,b\n", TableEmpty, "no rows"),
        ("a,b\n,\n", TableEmpty, "no rows"),
        ("a,b\n1,2\n3\n", TableRagged, "line 3 has 1 fields; the header has 2"),
        ("a,b\n1,2,9\n3,4\n", TableRagged, "line 2 has 3 fields"),
        ('a,b\n"x",1\n"y",2,3\n', TableRagged, "line 3 has 3 fields"),
        ('a,b\n"x,1\n', TableUnreadable, "line 2"),
        ("a\0b,c\n1,2\n", TableUnreadable, "NUL"),
    ],
)
def test_malformed_csv_is_refused_by_line_or_column(
    tmp_path: Path, text: str, kind: type[Problem], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        read_csv(tmp_path, text)

    assert caught.value.fix


def test_unknown_encoding_and_foreign_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableUnreadable, match="klingon"):
        read_csv(tmp_path, "a,b\n1,2\n", encoding="klingon")
    with pytest.raises(InvalidRequest, match="delimiter"):
        ParseOptions(delimiter=";").check_format(TableFormat.npz)


def test_table_over_the_limits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,4\n5,6\n")

    for limits in (Limits(max_rows=2), Limits(max_columns=1), Limits(max_cells=5)):
        with pytest.raises(TableTooLarge):
            read_table(path, TableFormat.csv, ParseOptions(), limits=limits)


@given(
    st.lists(
        st.lists(st.text('ab1,\n" ;', max_size=4), min_size=2, max_size=2), min_size=1, max_size=8
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_quoted_csv_counts_rows_as_the_csv_module_does(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["h1", "h2"], *rows])

    found = read_text(text.getvalue().encode(), ParseOptions(delimiter=","), [])

    assert found.rows == len(rows)


@pytest.mark.parametrize(
    ("data", "header", "names", "rows"),
    [
        ("1.5,2.5\n3,4\n", None, ["column_1", "column_2"], 2),
        ("2019,2020\n3,4\n", None, ["2019", "2020"], 1),
        ("2019,2020\n3,4\n", False, ["column_1", "column_2"], 2),
        ("1.5,2.5\n3,4\n", True, ["1.5", "2.5"], 1),
        ("a,b\nc,d\n", False, ["column_1", "column_2"], 2),
    ],
)
def test_first_line_of_numbers_is_data_unless_the_uploader_says_otherwise(
    tmp_path: Path, data: str, header: bool | None, names: list[str], rows: int
) -> None:
    (tmp_path / "t.csv").write_text(data)

    frame = read(tmp_path / "t.csv", header=header).frame

    assert (frame.columns, frame.height) == (names, rows)


@pytest.mark.parametrize("quote", [None, "'"])
def test_single_quotes_may_hold_delimiters(tmp_path: Path, quote: str | None) -> None:
    (tmp_path / "t.csv").write_text("'a','b'\n'x,y','1'\n'it''s','2'\n")

    frame = read(tmp_path / "t.csv", quote=quote).frame

    assert frame.to_dict(as_series=False) == {"a": ["x,y", "it's"], "b": [1, 2]}


@pytest.mark.parametrize(
    "text",
    [
        "'tis,rock 'n'\n1,2\n",
        "'a','b'\nx,don't\n",
        "'a',\"b\"\nx,y\n",
        "'\n1\n",
    ],
)
def test_apostrophes_are_no_quotes(tmp_path: Path, text: str) -> None:
    assert read_text(text.encode(), ParseOptions(), []).quote == '"'


@pytest.mark.parametrize(
    ("first", "is_header"),
    [
        ("1.5,2.5", False),
        ("-1,2", False),
        ("2019,2020", True),
        ("1.5,x", True),
        ("1,5;2,5", False),
        ("nan,1e3", False),
    ],
)
def test_first_line_of_numbers_is_a_header_if_it_may_be_years(first: str, is_header: bool) -> None:
    assert read_text(f"{first}\n{first}\n".encode(), ParseOptions(), []).has_header is is_header


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"1,1\n3,4\n", "column_renamed"),
        (b"1.5,,2\n3,4,5\n", "column_named"),
        (b"1,3,7\n3,4,5\n", "numbers_in_header"),
    ],
)
def test_numbers_that_are_taken_for_names_may_be_data(
    tmp_path: Path, data: bytes, code: str
) -> None:
    (tmp_path / "t.csv").write_bytes(data)

    fixes = {warning.code: warning.fix for warning in read(tmp_path / "t.csv").warnings}

    assert "header=false" in fixes[code]
    assert read(tmp_path / "t.csv", header=False).frame.height == 2
