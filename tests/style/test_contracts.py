"""Every import that the contracts forbid is caught: each is tried in a copy of the source."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

LOWLOSS = "Imports point one way through lowloss"
SERVICE = "Imports point one way through the service"
WORKER = "Imports point one way through the worker"
CIRCLES = "No circles inside a folder"
TENSORFLOW = "The service, the client and the supervisor never reach TensorFlow"
OF_SERVICE = "The worker uses the store, the tables, the settings and the machine of the service"
CLIENT = "Neither the service nor the worker uses the client or the command line"
SQL = "Only the store speaks SQL"
SEARCH = "Only worker.search knows KerasTuner and Optuna"
ENGINE = "The engine imports nothing else of ours"
OBJECTS = "Only one file knows the object store"

VIOLATIONS = [
    ("lowloss/extra.py", "from lowloss.cli.output import out", LOWLOSS),
    ("service/extra.py", "from service.app import create_app", SERVICE),
    ("worker/extra.py", "from worker.jobs import main", WORKER),
    ("lowloss/spec/parts.py", "from lowloss.results import Job", LOWLOSS),
    ("lowloss/recipes/reading.py", "from lowloss.inference import model", LOWLOSS),
    (
        "lowloss/client/client.py",
        "from service.settings import Settings",
        "lowloss imports nothing else of ours",
    ),
    ("service/store/queue.py", "from service.api import jobs", SERVICE),
    ("service/tables/parse.py", "from service.store import jobs", SERVICE),
    (
        "service/api/jobs.py",
        "from worker.data import splits",
        "The service imports lowloss alone, and its database the migrations that it applies",
    ),
    ("service/api/jobs.py", "from lowloss.client import Client", CLIENT),
    ("service/tables/profile.py", "import tensorflow", TENSORFLOW),
    ("worker/supervisor/loop.py", "from worker.trials.loop import SearchLoop", TENSORFLOW),
    ("worker/search/tuner.py", "from worker.trials import folds", WORKER),
    ("worker/trials/loop.py", "from worker.winner import confirm", WORKER),
    ("worker/winner/refit.py", "from worker.artifacts import export", WORKER),
    ("worker/engine/plans.py", "from worker.data import splits", WORKER),
    ("worker/engine/plans.py", "from lowloss.spec import Task", ENGINE),
    ("worker/progress/reporter.py", "from service.api import jobs", OF_SERVICE),
    ("worker/progress/reporter.py", "import fastapi", "The worker never reaches FastAPI"),
    ("worker/trials/loop.py", "import sqlalchemy", SQL),
    ("worker/trials/loop.py", "import keras_tuner", SEARCH),
    ("service/store/blobs.py", "import obstore", OBJECTS),
    ("worker/artifacts/export.py", "import optuna", SEARCH),
    (
        "migrations/env.py",
        "from worker.data import splits",
        "The migrations import nothing of ours",
    ),
    ("worker/data/splits.py", "from worker.data import prepare", CIRCLES),
    (
        "worker/diagnosis/training/probe.py",
        "from worker.diagnosis.checks import recipe",
        CIRCLES,
    ),
]
"""A file, an import that is added to it, and the contract that this breaks."""


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
@pytest.mark.parametrize(("file", "line", "contract"), VIOLATIONS)
def test_forbidden_import_breaks_its_contract(
    copy: Path, file: str, line: str, contract: str
) -> None:
    path = copy / file
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")

    try:
        result = lint(copy)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before, encoding="utf-8")

    assert result.returncode == 1, result.stdout
    assert f"{contract} BROKEN" in " ".join(result.stdout.split())


def test_every_contract_is_tried() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["name"] for contract in project["tool"]["importlinter"]["contracts"]}

    assert {contract for _, _, contract in VIOLATIONS} == contracts
