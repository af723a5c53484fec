"""Whole numbers of more digits than float64 holds are told, and never made equal without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lowloss.results import TableFormat
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv, read_table
from lowloss.tables.table import Table

IDS = [f"1234567890123456789{digit}" for digit in range(5)]


def read(cells: list[str], **options: Any) -> Table:
    text = "x,y\n" + "".join(f"{cell},{row}.5\n" for row, cell in enumerate(cells))
    return read_csv(text.encode(), ParseOptions(**options), limits=TableLimits())


def test_ids_that_no_number_holds_stay_text_and_are_told() -> None:
    table = read([*IDS, "7"])

    assert table.frame["x"].to_list() == [*IDS, "7"]
    (warning,) = table.warnings
    # 12345678901234567890 divides by 2,048; float64 has it as it is only if so.
    exact = [row for row, cell in enumerate(IDS, start=1) if int(float(cell)) == int(cell)]
    assert (warning.code, warning.column) == ("digits_lost", "x")
    assert warning.count == len(IDS) - len(exact)
    assert warning.rows == tuple(row for row in range(1, 6) if row not in exact)
    assert "read as text" in warning.detail
    assert "number" in str(warning.fix)


def test_type_of_a_number_overrides_it() -> None:
    table = read(IDS, types={"x": "number"})

    assert table.frame["x"].to_list() == [float(cell) for cell in IDS]


def test_numbers_that_float64_holds_are_numbers() -> None:
    table = read(["100000000000000000000", "9007199254740992", "5"])

    assert table.frame["x"].to_list() == [1e20, 2.0**53, 5.0]
    assert table.warnings == ()


def test_integers_that_a_model_sees_rounded_are_told() -> None:
    table = read(["9007199254740993", "9007199254740992", "-9007199254740993"])

    assert table.frame["x"].to_list() == [2**53 + 1, 2**53, -(2**53) - 1]
    (warning,) = table.warnings
    assert (warning.code, warning.count, warning.rows) == ("digits_lost", 2, (1, 3))
    assert "rounded" in warning.detail


@pytest.mark.parametrize("format", [TableFormat.parquet, TableFormat.arrow])
def test_integers_that_float64_would_change_are_a_category_in_typed_files_too(
    format: TableFormat,  # noqa: A002
    tmp_path: Path,
) -> None:
    frame = pl.DataFrame(
        {
            "huge": pl.Series([2**63 + 1, 2**63 + 3], dtype=pl.UInt64),
            "long": pl.Series([2**53 + 1, 7], dtype=pl.Int64),
            "short": pl.Series([2**40, 7], dtype=pl.UInt64),
        }
    )
    path = tmp_path / "table"
    frame.write_parquet(path) if format is TableFormat.parquet else frame.write_ipc(path)

    table = read_table(path, format, ParseOptions(), limits=TableLimits())

    assert table.frame["huge"].to_list() == [str(2**63 + 1), str(2**63 + 3)]
    assert table.frame["long"].to_list() == [2**53 + 1, 7]
    assert table.frame["short"].dtype == pl.Int64
    assert [(w.code, w.column) for w in table.warnings] == [
        ("digits_lost", "huge"),
        ("digits_lost", "long"),
    ]
