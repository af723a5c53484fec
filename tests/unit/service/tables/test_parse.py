"""Parsing an upload in a bounded process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from lowloss.errors import InvalidRequest, TableInvalid, TableRagged, TableTooLarge, TableUnreadable
from lowloss.results import TableFormat
from lowloss.tables.options import ParseOptions
from service.settings import Limits
from service.tables import parse
from service.tables.child_bounds import ADDRESSES
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


@pytest.mark.parametrize("kind", [None, "category"])
def test_numbers_that_the_uploader_calls_a_category_are_one(
    tmp_path: Path, kind: str | None
) -> None:
    cells = [1000 + row * 37 % 257 for row in range(300)]
    (tmp_path / "t.csv").write_text("zip,y\n" + "".join(f"{c},{c % 7}\n" for c in cells))

    profile = parse_file(tmp_path / "t.csv", types={"zip": kind} if kind else None)

    # As texts alone, 257 of them in 300 rows would be no category.
    assert profile.profile[0].kind == ("categorical" if kind else "numeric")
    assert profile.profile[0].distinct == 257
    assert "not_a_feature" not in {warning.code for warning in profile.warnings}


def test_category_with_another_value_in_each_row_is_no_feature_and_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("c,y\n" + "".join(f"{n},{n % 7}\n" for n in range(300)))

    profile = parse_file(tmp_path / "t.csv", types={"c": "category"})

    (warning,) = [w for w in profile.warnings if w.code == "not_a_feature"]
    assert warning.column == "c"
    assert "texts that name the rows" in warning.detail


def test_small_table_is_parsed_on_a_small_machine(tmp_path: Path) -> None:
    rows = "".join(f"{row},{row % 7}\n" for row in range(10_000))
    (tmp_path / "t.csv").write_text(f"a,b\n{rows}")

    # A quarter of 2 GiB.
    profile = parse_file(tmp_path / "t.csv", Bounds(memory_bytes=2**29, seconds=60))

    assert profile.rows == 10_000


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


def test_parser_that_outruns_the_watch_is_stopped_by_its_own_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 20_000_000
    columns = {f"c{i}": pl.repeat(1.5, rows, eager=True) for i in range(8)}
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet", compression="zstd")
    monkeypatch.setattr(parse, "_measure_memory", lambda pid: 0)

    with pytest.raises(TableTooLarge, match="memory"):
        parse_file(tmp_path / "t.parquet", Bounds(memory_bytes=400 * 2**20, seconds=60))


def test_parser_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    # Opening it for reading waits until somebody writes, and nobody does.
    os.mkfifo(tmp_path / "t.csv")
    code = (
        "from pathlib import Path; from tests.unit.service.tables.test_parse import parse_file;"
        f"parse_file(Path({str(tmp_path / 't.csv')!r}))"
    )

    with subprocess.Popen([sys.executable, "-c", code], env=os.environ) as parent:
        parser = _await_child(psutil.Process(parent.pid))
        parent.kill()

    # Nobody of ours waits for it any more: it may stay as a zombie where process 1 does not either.
    gone = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    deadline = time.monotonic() + 30
    while parser.is_running() and parser.status() not in gone:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _await_child(process: psutil.Process) -> psutil.Process:
    deadline = time.monotonic() + 60
    while not (children := process.children()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child: psutil.Process = children[0]
    # Its own watch begins when it has read its request.
    while child.num_threads() < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return child


def test_bounds_of_a_parser_are_those_of_its_process() -> None:
    code = (
        "import os, resource; from service.tables.child_bounds import ChildBounds;"
        "ChildBounds(memory_bytes=2**30, seconds=7.5, parent_pipe=os.pipe()[0]).enter();"
        "kinds = resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_CORE;"
        "print(*[resource.getrlimit(kind)[0] for kind in kinds])"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    address_space, processor_seconds, core = map(int, printed.split())
    assert 2**30 + ADDRESSES < address_space < 2**31 + ADDRESSES
    assert processor_seconds == 8 * len(os.sched_getaffinity(0)) + 1
    assert core == 0


def test_parser_has_no_settings_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    code = (
        "import json, os, sys; sys.stdin.read();"
        "names = [name for name in os.environ if name.startswith('LOWLOSS')];"
        "print(json.dumps({'problem': {'code': 'table_invalid', 'detail': f'has {names}'}}))"
    )
    monkeypatch.setattr(parse, "COMMAND", (sys.executable, "-c", code))
    monkeypatch.setenv("LOWLOSS_TOKENS", "secret")
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", "postgresql://user:secret@host/db")

    with pytest.raises(TableInvalid, match=r"has \[\]"):
        parse_file(tmp_path / "t.csv")
