"""Reading tables: types by whole columns, and a clear problem for everything that is no table."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowloss.errors import (
    DuplicateColumns,
    InvalidRequest,
    NpzArraysMissing,
    NpzContainsPickle,
    NpzShapesDiffer,
    Problem,
    TableEmpty,
    TableInvalid,
    TableRagged,
    TableTooLarge,
    TableUnreadable,
)
from lowloss.results import TableFormat
from service.settings import Limits
from service.tables.csv_text import read_text
from service.tables.options import ParseOptions
from service.tables.read import read_table
from tests.tables import read


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
        (["99999999999999999999", "1"], [1e20, 1.0]),
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


def test_one_word_deep_in_a_column_of_numbers_makes_it_text(tmp_path: Path) -> None:
    rows = [str(i) for i in range(9000)] + ["many"]

    frame = read_csv(tmp_path, "x,y\n" + "\n".join(f"{r},1" for r in rows))

    assert frame["x"].dtype == pl.String


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
        ("a,a\n1,2\n", DuplicateColumns, "'a'"),
        ("a,,c\n1,2,3\n", TableInvalid, "column 2 has no name"),
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

    found = read_text(text.getvalue().encode(), ParseOptions(delimiter=","))

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
    assert read_text(text.encode(), ParseOptions()).quote == '"'


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
    assert read_text(f"{first}\n{first}\n".encode(), ParseOptions()).has_header is is_header


@pytest.mark.parametrize("data", [b"1,1\n3,4\n", b"1.5,,2\n3,4,5\n"])
def test_refused_names_may_be_data_under_no_header(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(data)

    with pytest.raises(TableInvalid, match="header=false"):
        read(tmp_path / "t.csv")

    assert read(tmp_path / "t.csv", header=False).frame.height == 2


@pytest.mark.parametrize("stream", [False, True], ids=["file", "stream"])
def test_arrow_keeps_its_types(tmp_path: Path, stream: bool) -> None:
    frame = pl.DataFrame({"n": [1.5, None], "c": ["a", None], "d": [date(2020, 1, 1), None]})
    path = tmp_path / "t.arrow"
    frame.write_ipc_stream(path) if stream else frame.write_ipc(path, compression="zstd")

    found = read(path).frame

    assert found.equals(frame)


@pytest.mark.parametrize(
    "data", [b"not an arrow file", b"ARROW1\0\0" + b"\0" * 40, b"FEA1" + b"\0" * 40, b""]
)
def test_bytes_that_are_no_arrow_file_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.arrow").write_bytes(data)

    with pytest.raises(TableUnreadable, match="Arrow"):
        read(tmp_path / "t.arrow")


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "i": pl.Series([1, None], dtype=pl.Int16),
            "f": pl.Series([0.5, float("inf")], dtype=pl.Float32),
            "s": pl.Series(["a", None], dtype=pl.Categorical),
            "d": [date(2024, 1, 1), None],
            "z": pl.Series([datetime(2024, 1, 1), None]).dt.replace_time_zone("Europe/Oslo"),
            "b": [True, None],
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")

    found = read(tmp_path / "t.parquet").frame

    assert found.schema == {
        "i": pl.Int64,
        "f": pl.Float64,
        "s": pl.String,
        "d": pl.Date,
        "z": pl.Datetime("us"),
        "b": pl.Boolean,
    }
    assert found["f"].to_list() == [0.5, None]
    assert found["z"][0] == datetime(2023, 12, 31, 23)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"not a parquet file", "not a Parquet file"), (b"PAR1" + b"\0" * 40 + b"PAR1", "Parquet")],
)
def test_bytes_that_are_no_parquet_file_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "t.parquet").write_bytes(data)

    with pytest.raises(TableUnreadable, match=said):
        read(tmp_path / "t.parquet")


def test_nested_parquet_column_is_refused_by_name(tmp_path: Path) -> None:
    pl.DataFrame({"list": [[1, 2], [3]], "y": [1, 2]}).write_parquet(tmp_path / "t.parquet")

    with pytest.raises(TableUnreadable, match="'list'"):
        read(tmp_path / "t.parquet")


def test_npz_becomes_columns_of_x_and_y(tmp_path: Path) -> None:
    x = np.array([[1.0, np.nan], [3.0, 4.0]], dtype=np.float32)
    np.savez(tmp_path / "t.npz", X=x, y=np.array(["a", "b"]))

    table = read(tmp_path / "t.npz")

    assert table.is_matrix
    assert table.frame.columns == ["X[0]", "X[1]", "y"]
    assert table.frame.rows() == [(1.0, None, "a"), (3.0, 4.0, "b")]


@pytest.mark.parametrize(
    ("arrays", "kind", "said"),
    [
        ({"X": np.ones((3, 2))}, NpzArraysMissing, "'y'"),
        ({"data": np.ones(3)}, NpzArraysMissing, "it has: data"),
        ({"X": np.ones((3, 2)), "y": np.ones(4)}, NpzShapesDiffer, r"\(3, 2\) and y \(4,\)"),
        ({"X": np.ones((3, 2, 2)), "y": np.ones(3)}, NpzShapesDiffer, "rows, columns"),
        ({"X": np.ones((3, 2)), "y": np.ones((3, 2))}, NpzShapesDiffer, "y"),
        ({"X": np.array([[{}]]), "y": np.ones(1)}, NpzContainsPickle, "'X'"),
        ({"X": np.ones((1, 1)), "y": np.array([{}])}, NpzContainsPickle, "'y'"),
        ({"X": np.ones((2, 2), dtype=complex), "y": np.ones(2)}, TableUnreadable, "complex"),
        ({"X": np.ones((0, 2)), "y": np.ones(0)}, TableEmpty, "rows"),
    ],
)
def test_npz_that_cannot_be_used_is_refused(
    tmp_path: Path, arrays: dict[str, Any], kind: type[Problem], said: str
) -> None:
    np.savez(tmp_path / "t.npz", **arrays)

    with pytest.raises(kind, match=said):
        read(tmp_path / "t.npz")


def test_npz_header_that_claims_gigabytes_is_refused_before_they_are_allocated(
    tmp_path: Path,
) -> None:
    header = io.BytesIO()
    claim = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 50)}
    np.lib.format.write_array_header_1_0(header, claim)
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue())
        archive.writestr("y.npy", header.getvalue())

    with pytest.raises(TableTooLarge):
        read(tmp_path / "t.npz")


def test_whole_numbers_of_any_size_are_kept_as_well_as_a_float_can(tmp_path: Path) -> None:
    x = np.array([1, 2**64 - 1], dtype=np.uint64)
    np.savez(tmp_path / "t.npz", X=x, y=x)
    pl.DataFrame({"x": x}).write_parquet(tmp_path / "t.parquet")

    assert read(tmp_path / "t.npz").frame["y"].to_list() == [1.0, 2.0**64]
    assert read(tmp_path / "t.parquet").frame["x"].to_list() == [1.0, 2.0**64]


@pytest.mark.parametrize("columns", [{"x": ["a\0b", "c"]}, {"x\0": [1, 2]}], ids=str)
def test_text_that_postgresql_cannot_store_is_refused(
    tmp_path: Path, columns: dict[str, Any]
) -> None:
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet")

    with pytest.raises(TableInvalid, match="NUL"):
        read(tmp_path / "t.parquet")


def test_npz_of_what_is_no_text_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.ones(2), y=np.array(["a", "\ud800"]))

    with pytest.raises(TableUnreadable, match="'y'"):
        read(tmp_path / "t.npz")


def test_dates_that_no_calendar_has_are_missing(tmp_path: Path) -> None:
    days = pl.Series([0, 2**31 - 1, -(2**31)], dtype=pl.Int32).cast(pl.Date)
    pl.DataFrame({"day": days}).write_ipc(tmp_path / "t.arrow")

    assert read(tmp_path / "t.arrow").frame["day"].to_list() == [date(1970, 1, 1), None, None]
