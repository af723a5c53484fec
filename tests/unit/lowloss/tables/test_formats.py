"""Workbooks, lines of JSON, and what real exporters write."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pytest

from lowloss.errors import InvalidRequest, TableEmpty, TableUnreadable
from lowloss.results import TableFormat
from lowloss.tables.formats import guess_format
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from lowloss.tables.table import Table

HEADER = ("area", "city", "sold", "code", "garden", "open")
ROW = (84.5, "Oslo", date(2024, 4, 17), "01", True, time(8, 30))


def a_workbook(*sheets: tuple[str, list[tuple[Any, ...]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def read(tmp_path: Path, data: bytes, **options: Any) -> Table:
    path = tmp_path / "table"
    path.write_bytes(data)
    return read_table(path, guess_format(path), ParseOptions(**options), limits=TableLimits())


def test_workbook_is_read_with_the_types_of_its_cells(tmp_path: Path) -> None:
    rows = [(*ROW[:2], datetime(2024, 4, day), *ROW[3:]) for day in range(1, 25)]

    table = read(tmp_path, a_workbook(("Sheet1", [HEADER, *rows])))

    assert table.frame.row(0) == (84.5, "Oslo", date(2024, 4, 1), "01", True, 30600)
    assert table.frame.height == 24


@pytest.mark.parametrize(
    ("sheet", "first", "codes"), [(None, 1, ["sheet_chosen"]), ("other", 2, [])], ids=str
)
def test_first_sheet_with_cells_or_a_named_one_is_read(
    tmp_path: Path, sheet: str | None, first: int, codes: list[str]
) -> None:
    names: list[tuple[Any, ...]] = [("a", "b")]
    data = a_workbook(("empty", []), ("main", [*names, (1, "x")]), ("other", [*names, (2, "y")]))

    table = read(tmp_path, data, sheet=sheet)

    assert table.frame["a"].to_list() == [first]
    assert [warning.code for warning in table.warnings] == codes


def test_title_and_total_of_a_workbook_are_left_out(tmp_path: Path) -> None:
    rows = [(i + 0.25, i) for i in range(12)]
    data = a_workbook(("s", [("Report", None), ("a", "b"), *rows, ("Total", 66)]))

    table = read(tmp_path, data)

    assert table.frame.rows() == rows
    assert {w.code for w in table.warnings} == {"lines_skipped", "row_skipped"}


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (a_workbook(("s", [])), TableEmpty, "no cells"),
        (a_workbook(("s", [("a",), (1,)]))[:-60], TableUnreadable, "damaged|not a workbook"),
    ],
)
def test_workbook_without_a_table_is_refused(
    tmp_path: Path, data: bytes, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        read(tmp_path, data)


def test_sheet_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableUnreadable, match="'x'") as refused:
        read(tmp_path, a_workbook(("s", [("a",), (1,)])), sheet="x")

    assert "its sheets are s" in str(refused.value.fix)


OBJECTS = [{"x": i / 2, "day": f"2024-01-{i + 1:02}", "tag": "a", "more": [i]} for i in range(9)]


@pytest.mark.parametrize(
    "data",
    [
        "\n".join(map(json.dumps, OBJECTS)).encode(),
        json.dumps(OBJECTS).encode(),
        b"\xef\xbb\xbf" + "\n".join(map(json.dumps, OBJECTS)).encode() + b"\n\n",
    ],
    ids=["lines", "list", "mark"],
)
def test_json_objects_are_rows(tmp_path: Path, data: bytes) -> None:
    table = read(tmp_path, data)

    assert table.frame.row(1) == (0.5, date(2024, 1, 2), "a")
    assert [(w.code, w.column) for w in table.warnings] == [("column_left_out", "more")]


def test_packed_json_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n{"a": null}\n', mtime=0))

    table = read_table(path, TableFormat.jsonl, ParseOptions(), limits=TableLimits())

    assert table.frame["a"].to_list() == [1, None]


@pytest.mark.parametrize("data", [b'{"a": 1}\n{"a"', b"[{]", b'{"a" 1}'])
def test_damaged_json_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(data)

    with pytest.raises(TableUnreadable, match="not JSON"):
        read_table(path, TableFormat.jsonl, ParseOptions(), limits=TableLimits())


def test_option_that_a_format_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="sheet"):
        ParseOptions(sheet="x").check_format(TableFormat.csv)
    with pytest.raises(InvalidRequest, match="delimiter"):
        ParseOptions(delimiter=";").check_format(TableFormat.xlsx)


FRAME = pl.DataFrame(
    {
        "x": np.linspace(-1, 1, 30),
        "n": range(30),
        "city": ["Oslo", "Bergen", "Århus"] * 10,
        "day": [date(2024, 1, i + 1) for i in range(30)],
        "flag": [True, False, None] * 10,
    }
)
PANDAS = pd.DataFrame(FRAME.to_dict(as_series=False))


def pandas_csv(**options: Any) -> bytes:
    return str(PANDAS.to_csv(**options)).encode()


def pandas_bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    output = io.BytesIO()
    write(output)
    return output.getvalue()


EXPORTS: dict[str, bytes] = {
    "polars": FRAME.write_csv().encode(),
    "polars with semicolons": FRAME.write_csv(separator=";", quote_style="always").encode(),
    "pandas without its index": pandas_csv(index=False),
    "pandas with NA": pandas_csv(index=False, na_rep="NA", sep="\t"),
    "pandas in Europe": pandas_csv(index=False, sep=";", decimal=","),
    "pandas's workbook": pandas_bytes(lambda f: PANDAS.to_excel(f, index=False)),
    "pandas's json": str(PANDAS.to_json(orient="records", lines=True, date_format="iso")).encode(),
    "pandas's parquet": pandas_bytes(PANDAS.to_parquet),
    "polars's arrow": pandas_bytes(FRAME.write_ipc_stream),
}


@pytest.mark.parametrize("name", list(EXPORTS))
def test_exported_table_is_read_back(tmp_path: Path, name: str) -> None:
    frame = read(tmp_path, EXPORTS[name]).frame

    assert frame.columns == FRAME.columns
    assert np.allclose(frame["x"].to_numpy(), FRAME["x"].to_numpy(), rtol=1e-9)
    assert frame["n"].to_list() == FRAME["n"].to_list()
    assert frame["city"].to_list() == FRAME["city"].to_list()
    assert frame["day"].cast(pl.Date).to_list() == FRAME["day"].to_list()
    assert frame["flag"].to_list() == FRAME["flag"].to_list()


def test_index_of_pandas_is_a_column(tmp_path: Path) -> None:
    frame = read(tmp_path, pandas_csv()).frame

    assert frame.columns == ["index", *FRAME.columns]
    assert frame["index"].to_list() == list(range(30))
