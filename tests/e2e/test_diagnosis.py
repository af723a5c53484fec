"""A diagnosis as a user runs it: a table and a recipe go in over HTTP, a cause comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lowloss import Client
from lowloss.cli import app
from lowloss.cli.builtin import builtin_csv
from lowloss.results import Cause, JobKind, JobState

RECIPE: dict[str, Any] = {
    "layers": [{"units": 32, "activation": "relu"}, {"units": 1, "activation": "sigmoid"}],
    "loss": "mse",
    "optimizer": "adam",
    "epochs": 10,
}


def test_diagnosis_names_the_cause_and_hands_out_its_page(client: Client, tmp_path: Path) -> None:
    dataset = client.upload(builtin_csv("diabetes"), name="diabetes", format="csv").id

    job = client.diagnose({"dataset": dataset, "target": "target", "recipe": RECIPE})
    job = client.wait(job.id, timeout=150)
    diagnosis = client.diagnosis(job.id)

    assert job.kind is JobKind.diagnosis
    assert job.state is JobState.succeeded, job.errors
    assert job.outcome.diagnosis is not None
    assert job.outcome.diagnosis.causes[0] is Cause.wrong_output
    assert diagnosis.findings[0].cause is Cause.wrong_output
    # Those of the last seconds, too.
    assert job.outcome.trainings is not None
    assert job.outcome.trainings >= len(diagnosis.experiments)
    names = {artifact.name for artifact in client.artifacts(job.id)}
    handed_out = {"diagnosis.json", "report.html", "remedied.json", "train.py", "table.csv"}
    assert names == handed_out
    remedied = client.download(job.id, tmp_path / "remedied.json", artifact="remedied.json")
    assert json.loads(remedied.read_text())["layers"][-1]["activation"] == "linear"
    page = client.download(job.id, tmp_path / "report.html", artifact="report.html").read_text()
    assert "sigmoid" in page


def test_command_tells_why_the_loss_is_high(client: Client, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(RECIPE))

    told = CliRunner().invoke(
        app,
        ["--url", client.url, "diagnose", "--builtin", "diabetes", "--recipe", str(recipe)],
    )

    assert told.exit_code == 0, told.output
    assert "wrong output" in told.output
    assert "Dense(1, linear)" in told.output


@pytest.mark.slow
def test_search_ends_with_why_a_first_try_fails(client: Client) -> None:
    dataset = client.upload(builtin_csv("diabetes"), name="diabetes", format="csv").id
    spec = {
        "dataset": dataset,
        "target": "target",
        "budget": {
            "max_trials": 2,
            "max_epochs": 10,
            "max_seconds": None,
            "diagnosis_seconds": 20,
        },
        "validation": {"strategy": "holdout"},
        "final": {"confirm_top": 1, "confirm_seeds": 1, "refit": False, "members": 1},
    }

    job = client.submit(spec)
    job = client.wait(job.id, timeout=150)
    diagnosis = client.diagnosis(job.id)

    assert job.state is JobState.succeeded, job.errors
    assert job.outcome.diagnosis is not None
    assert {each.name for each in diagnosis.experiments} >= {"The tuned setting"}
    assert diagnosis.remaining
