"""Reading Parquet and Arrow: typed columns, and a clear problem for what is none."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lowloss.errors import (
    TableInvalid,
    TableUnreadable,
)
from tests.builders.tables import read


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


def test_nested_column_is_left_out_by_name(tmp_path: Path) -> None:
    nested = {"list": [[1, 2], [3]], "y": [1, 2], "raw": [b"a", b"b"]}
    pl.DataFrame(nested).write_parquet(tmp_path / "t.parquet")

    table = read(tmp_path / "t.parquet")

    assert table.frame.to_dict(as_series=False) == {"y": [1, 2]}
    assert [(w.code, w.column) for w in table.warnings] == [
        ("column_left_out", "list"),
        ("column_left_out", "raw"),
    ]


def test_file_of_nested_columns_alone_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"list": [[1, 2], [3]]}).write_parquet(tmp_path / "t.parquet")

    with pytest.raises(TableUnreadable, match="'list'"):
        read(tmp_path / "t.parquet")


def test_times_and_durations_are_seconds(tmp_path: Path) -> None:
    frame = pl.DataFrame({"t": [time(0, 1, 0, 500_000)], "d": [timedelta(days=-1, seconds=1)]})
    frame.write_parquet(tmp_path / "t.parquet")

    assert read(tmp_path / "t.parquet").frame.row(0) == (60.5, -86399.0)


def test_whole_numbers_that_no_float_holds_are_text_but_in_a_matrix(tmp_path: Path) -> None:
    x = np.array([1, 2**64 - 1], dtype=np.uint64)
    np.savez(tmp_path / "t.npz", X=x, y=x)
    pl.DataFrame({"x": x}).write_parquet(tmp_path / "t.parquet")

    assert read(tmp_path / "t.npz").frame["y"].to_list() == [1.0, 2.0**64]
    assert read(tmp_path / "t.parquet").frame["x"].to_list() == ["1", str(2**64 - 1)]


@pytest.mark.parametrize("columns", [{"x": ["a\0b", "c"]}, {"x\0": [1, 2]}], ids=str)
def test_text_that_postgresql_cannot_store_is_refused(
    tmp_path: Path, columns: dict[str, Any]
) -> None:
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet")

    with pytest.raises(TableInvalid, match="NUL"):
        read(tmp_path / "t.parquet")


def test_dates_that_no_calendar_has_are_missing(tmp_path: Path) -> None:
    days = pl.Series([0, 2**31 - 1, -(2**31)], dtype=pl.Int32).cast(pl.Date)
    pl.DataFrame({"day": days}).write_ipc(tmp_path / "t.arrow")

    assert read(tmp_path / "t.arrow").frame["day"].to_list() == [date(1970, 1, 1), None, None]
