"""Readers of strangers' bytes return or refuse them: the inputs here, and what fuzzing makes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from lowloss.errors import Problem
from tests.fuzz.readers import INPUTS, READERS

FUZZ_SECONDS = 15
FILES = sorted(path for path in INPUTS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_input_is_read_or_refused_with_a_problem(path: Path) -> None:
    with suppress(Problem):
        READERS[path.parent.name](path.read_bytes())


def test_every_reader_has_inputs_to_begin_with() -> None:
    assert {path.parent.name for path in FILES} == set(READERS)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_what_fuzzing_makes_of_the_inputs_is_read_or_refused(reader: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this platform")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.coverage_guided", reader, str(FUZZ_SECONDS)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    assert list(tmp_path.iterdir()) == []
