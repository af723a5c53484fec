"""Readers of strangers' bytes return or refuse them: the inputs here, and what fuzzing makes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from lowloss.errors import Problem, TableInvalid
from lowloss.tables.options import ParseOptions
from service.tables.child import profile_upload
from service.tables.parse import parse_upload
from tests.fuzz.binary_tables import BOUNDS, FORMATS, LIMITS, make_request
from tests.fuzz.readers import INPUTS, READERS

FUZZ_SECONDS, BINARY_SECONDS = 15, 12
ABORTING = "aborting"
"""Inputs, named by their format, that end the process which reads them."""
FILES = sorted(path for path in INPUTS.glob("*/*") if path.is_file())


def files_of(folders: Iterable[str]) -> pytest.MarkDecorator:
    paths = [path for path in FILES if path.parent.name in folders]
    return pytest.mark.parametrize(
        "path", paths, ids=lambda path: f"{path.parent.name}/{path.name}"
    )


@files_of(READERS)
def test_input_is_read_or_refused_with_a_problem(path: Path) -> None:
    with suppress(Problem):
        READERS[path.parent.name](path.read_bytes())


@files_of(FORMATS)
def test_binary_table_is_read_or_refused_with_a_problem(path: Path) -> None:
    result = profile_upload(make_request(path, FORMATS[path.parent.name]))

    assert "problem" in result or result["rows"] > 0


@files_of([ABORTING])
def test_table_that_ends_its_parser_is_refused(path: Path) -> None:
    with pytest.raises(TableInvalid):
        parse_upload(path, FORMATS[path.name], ParseOptions(), limits=LIMITS, bounds=BOUNDS)


def test_every_reader_has_inputs_to_begin_with() -> None:
    assert {path.parent.name for path in FILES} == {*READERS, *FORMATS, ABORTING}


def fuzz(module: str, reader: str, seconds: int, folder: Path) -> None:
    """Fuzz a reader; fails with its last words."""
    done = subprocess.run(
        [sys.executable, "-m", module, reader, str(seconds)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    assert list(folder.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_what_fuzzing_makes_of_the_inputs_is_read_or_refused(reader: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this platform")

    fuzz("tests.fuzz.coverage_guided", reader, FUZZ_SECONDS, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_damaged_binary_table_is_read_or_refused(name: str, tmp_path: Path) -> None:
    fuzz("tests.fuzz.binary_tables", name, BINARY_SECONDS, tmp_path)
