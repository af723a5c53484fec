"""Parsing an upload in a bounded process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from lowloss.errors import InvalidRequest, TableRagged, TableTooLarge, TableUnreadable
from lowloss.results import TableFormat
from lowloss.tables.options import ParseOptions
from service.settings import Limits
from service.tables import parse
from service.tables.parse import Bounds, Profile, parse_upload

BOUNDS = Bounds(memory_bytes=2**30, seconds=60)


def parse_file(path: Path, bounds: Bounds = BOUNDS, **options: Any) -> Profile:
    format = TableFormat(path.suffix.removeprefix("."))  # noqa: A001
    return parse_upload(path, format, ParseOptions(**options), limits=Limits(), bounds=bounds)


def test_parsed_upload_is_profiled(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n")

    profile = parse_file(tmp_path / "t.csv")

    assert (profile.rows, profile.columns) == (2, 2)
    assert [column.name for column in profile.profile] == ["a", "b"]


def test_problem_of_the_child_is_the_callers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1\n")

    with pytest.raises(TableRagged, match="line 2") as caught:
        parse_file(tmp_path / "t.csv")

    assert caught.value.fix


def test_small_file_that_unfolds_to_gigabytes_is_stopped(tmp_path: Path) -> None:
    rows = 20_000_000
    columns = {f"c{i}": pl.repeat(1.5, rows, eager=True) for i in range(8)}
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet", compression="zstd")
    assert (tmp_path / "t.parquet").stat().st_size < 1_000_000

    before = psutil.Process().children()
    with pytest.raises(TableTooLarge, match="in memory"):
        parse_file(tmp_path / "t.parquet", Bounds(memory_bytes=400 * 2**20, seconds=60))

    assert psutil.Process().children() == before


def test_parse_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")

    before = psutil.Process().children()
    with pytest.raises(TableTooLarge, match="took over"):
        parse_file(tmp_path / "t.csv", Bounds(memory_bytes=2**30, seconds=0.0))

    assert psutil.Process().children() == before


def test_crash_of_the_parser_is_a_problem_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    crash = (sys.executable, "-c", "import os; os.abort()")
    monkeypatch.setattr(parse, "COMMAND", crash)

    with pytest.raises(TableUnreadable, match="crashed its parser"):
        parse_file(tmp_path / "t.csv")


def test_options_of_a_csv_are_refused_for_other_formats(tmp_path: Path) -> None:
    (tmp_path / "t.npz").write_bytes(b"")

    with pytest.raises(InvalidRequest, match="format=csv"):
        parse_file(tmp_path / "t.npz", delimiter=";")


def test_server_process_never_imports_polars_or_tensorflow() -> None:
    code = "import sys, service.app; print([m for m in ('polars', 'tensorflow', 'keras') if m in sys.modules])"

    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    ).stdout

    assert printed.strip() == "[]"
