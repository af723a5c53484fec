"""Every import that the contracts forbid is caught: each is tried in a copy of the source."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

VIOLATIONS = {
    "a file in no layer of lowloss": ("lowloss/extra.py", "from lowloss.cli.output import out"),
    "a file in no layer of the service": ("service/extra.py", "from service.app import create_app"),
    "a file in no layer of the worker": ("worker/extra.py", "from worker.jobs import main"),
    "spec on results": ("lowloss/spec/parts.py", "from lowloss.results import Job"),
    "recipes on inference": ("lowloss/recipes/faults.py", "from lowloss.inference import model"),
    "client on the service": ("lowloss/client/client.py", "from service.settings import Settings"),
    "store on the API": ("service/store/queue.py", "from service.api import jobs"),
    "tables on the store": ("service/tables/read.py", "from service.store import jobs"),
    "service on the worker": ("service/api/jobs.py", "from worker.data import splits"),
    "service on TensorFlow": ("service/tables/npz.py", "import tensorflow"),
    "supervisor on TensorFlow by way of a job": (
        "worker/supervisor/loop.py",
        "from worker.trials.loop import SearchLoop",
    ),
    "search on trials": ("worker/search/tuner.py", "from worker.trials import folds"),
    "trials on winner": ("worker/trials/loop.py", "from worker.winner import confirm"),
    "winner on artifacts": ("worker/winner/refit.py", "from worker.artifacts import export"),
    "engine on data": ("worker/engine/plans.py", "from worker.data import splits"),
    "engine on lowloss": ("worker/engine/plans.py", "from lowloss.spec import Task"),
    "worker on the API": ("worker/progress/reporter.py", "from service.api import jobs"),
    "worker on SQLAlchemy": ("worker/trials/loop.py", "import sqlalchemy"),
    "trials on KerasTuner": ("worker/trials/loop.py", "import keras_tuner"),
    "artifacts on Optuna": ("worker/artifacts/export.py", "import optuna"),
    "a circle of two files": ("worker/data/splits.py", "from worker.data import prepare"),
    "a circle of two folders": (
        "worker/diagnosis/training/probe.py",
        "from worker.diagnosis.checks import recipe",
    ),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for name in ("lowloss", "service", "worker", "migrations"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--cache-dir", "cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_source_as_it_is_keeps_every_contract(copy: Path) -> None:
    result = lint(copy)

    assert result.returncode == 0, result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("file", "line"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_forbidden_import_is_caught(copy: Path, file: str, line: str) -> None:
    path = copy / file
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")

    result = lint(copy)

    if before is None:
        path.unlink()
    else:
        path.write_text(before, encoding="utf-8")
    assert result.returncode == 1, result.stdout
    assert "BROKEN" in result.stdout
