"""A process that cannot start says why in one plain line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "module", [pytest.param("service.app", marks=pytest.mark.slow), "worker.supervisor"]
)
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LOWLOSS_LEASE_SECONDS", "soon", "LOWLOSS_LEASE_SECONDS: Input should be a valid number"),
        pytest.param(
            "LOWLOSS_LIMITS__MAX_ROWS",
            "-1",
            "LOWLOSS_LIMITS__MAX_ROWS: ",
            marks=pytest.mark.slow,
        ),
        ("LOWLOSS_DATABASE_URL", "mysql://db", "must be sqlite:///… or postgresql://…"),
        pytest.param(
            "LOWLOSS_DATABASE_URL", "nonsense", "URL cannot be read", marks=pytest.mark.slow
        ),
        ("LOWLOSS_DATABASE_URL", "postgresql://a:secret@127.0.0.1:1/x", "cannot be used"),
    ],
)
def test_wrong_setting_is_told_in_one_line(
    module: str, variable: str, value: str, said: str, tmp_path: Path
) -> None:
    env = os.environ | {"LOWLOSS_DATA_DIR": str(tmp_path), variable: value}

    ended = subprocess.run(
        [sys.executable, "-m", module],
        capture_output=True,
        check=False,
        env=env,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("lowloss: ")
    assert said in line
    assert "secret" not in line
