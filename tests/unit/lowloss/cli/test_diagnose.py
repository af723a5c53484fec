"""`lowloss diagnose` and `lowloss diagnosis`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from lowloss import cli
from lowloss.errors import DiagnosisNotReady
from lowloss.results import Cause, Diagnosis, JobState, Outcome, Verdict
from lowloss.spec import Recipe
from tests.builders.diagnoses import a_diagnosis, a_recipe
from tests.builders.scripted_server import (
    Server,
    a_dataset,
    a_diagnosis_job,
    a_json,
    a_page,
    a_refusal,
)
from tests.unit.lowloss.cli.test_cli import a_finished_stream

KERAS = {
    "class_name": "Sequential",
    "config": {
        "name": "sequential",
        "layers": [{"class_name": "Dense", "config": {"name": "d", "units": 1}}],
    },
}


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "recipe.json"
    path.write_text(a_recipe().model_dump_json())
    return str(path)


def a_server(*, ended: JobState = JobState.succeeded, **given: Any) -> Server:
    """A server on which a diagnosis of `ds_1` runs to its end."""
    job = a_diagnosis_job(ended, **given)
    return Server(
        a_json(a_diagnosis_job(JobState.queued), 202),
        a_json(a_diagnosis_job()),
        a_finished_stream(),
        a_json(job),
        a_json(a_diagnosis()),
    )


def test_diagnosis_is_awaited_and_shown(run: Callable[..., Result], recipe: str) -> None:
    server = a_server()

    done = run("diagnose", "ds_1", "--target", "y", "--recipe", recipe, server=server)

    assert done.exit_code == 0, done.output
    sent = json.loads(server.bodies[0])
    assert (sent["dataset"], sent["target"]) == ("ds_1", "y")
    assert Recipe.model_validate(sent["recipe"]) == a_recipe()
    assert set(sent) == {"dataset", "target", "recipe"}
    assert "the target is not scaled" in " ".join(done.stdout.split())
    assert "20 s of about 1 min" in done.stdout


def test_several_targets_are_sent_as_a_list(run: Callable[..., Result], recipe: str) -> None:
    server = Server(a_json(a_diagnosis_job(JobState.queued), 202))

    done = run(
        *("diagnose", "ds_1", "--target", "low, or so", "--target", "high"),
        *("--recipe", recipe, "--no-wait"),
        server=server,
    )

    assert done.exit_code == 0, done.output
    assert json.loads(server.bodies[0])["target"] == ["low, or so", "high"]


def test_json_is_the_diagnosis_and_nothing_else(run: Callable[..., Result], recipe: str) -> None:
    done = run("diagnose", "ds_1", "--recipe", recipe, "--json", server=a_server())

    assert Diagnosis.model_validate_json(done.stdout) == a_diagnosis()


def test_id_is_printed_at_once_where_nobody_waits(run: Callable[..., Result], recipe: str) -> None:
    server = Server(a_json(a_diagnosis_job(JobState.queued), 202))

    done = run("diagnose", "ds_1", "--recipe", recipe, "--no-wait", server=server)

    assert (done.stdout, done.exit_code) == ("job_1\n", 0)


def test_file_is_uploaded_and_options_are_sent(
    run: Callable[..., Result], recipe: str, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(b"x,y\n1,2\n")
    server = Server(
        a_json(a_dataset(id="ds_new"), 201), a_json(a_diagnosis_job(JobState.queued), 202)
    )

    done = run(
        *("diagnose", str(tmp_path / "a.csv"), "--target", "y", "--recipe", recipe, "--no-wait"),
        *("--epochs", "9", "--batch-size", "64", "--validation-split", "0.25"),
        *("--set", "optimizer.learning_rate=0.5", "--set", "scale_features=standard"),
        *("--set", "early_stopping.patience=3", "--seconds", "30", "--task", "regression"),
        server=server,
    )

    assert done.exit_code == 0, done.output
    sent = json.loads(server.bodies[1])
    wanted = a_recipe(
        epochs=9,
        batch_size=64,
        validation_split=0.25,
        optimizer={"name": "adam", "learning_rate": 0.5},
        scale_features="standard",
        early_stopping={"patience": 3},
    )
    assert Recipe.model_validate(sent["recipe"]) == wanted
    assert (sent["dataset"], sent["task"]) == ("ds_new", "regression")
    assert sent["budget"] == {"max_seconds": 30.0}


def test_keras_model_is_read_with_what_it_does_not_hold(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(KERAS))
    server = Server(a_json(a_dataset(), 201), a_json(a_diagnosis_job(JobState.queued), 202))

    done = run(
        *("diagnose", "--builtin", "diabetes", "--recipe", str(path), "--no-wait"),
        *("--set", "loss=mse", "--set", "optimizer=sgd", "--epochs", "5"),
        server=server,
    )

    assert done.exit_code == 0, done.output
    sent = json.loads(server.bodies[1])
    recipe = Recipe.model_validate(sent["recipe"])
    assert sent["target"] == "target"
    assert (recipe.loss, recipe.optimizer.name, recipe.epochs) == ("mean_squared_error", "sgd", 5)
    assert "note: " in done.stderr


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        ("nonsense", (), "neither"),
        (json.dumps(KERAS), (), "without a loss"),
        (a_recipe().model_dump_json(), ("--set", "epochs"), "has no ="),
        (a_recipe().model_dump_json(), ("--set", "epoch=3"), "did you mean 'epochs'?"),
        (a_recipe().model_dump_json(), ("--epochs", "-1"), "recipe.epochs"),
    ],
)
def test_recipe_that_cannot_be_read_is_refused_here(
    run: Callable[..., Result], tmp_path: Path, content: str, more: tuple[str, ...], said: str
) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(content)

    done = run("diagnose", "ds_1", "--recipe", str(path), *more)

    assert done.exit_code == cli.REFUSED
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_file_that_is_not_there_is_one_plain_line(run: Callable[..., Result]) -> None:
    done = run("diagnose", "ds_1", "--recipe", "nowhere.json")

    assert done.exit_code == cli.REFUSED
    assert "nowhere.json" in done.stderr


def test_job_without_a_diagnosis_fails_the_command(run: Callable[..., Result], recipe: str) -> None:
    server = a_server(ended=JobState.failed, reason="too_few_rows")
    server.answers[-1] = a_refusal(DiagnosisNotReady("the job failed without a diagnosis"))

    done = run("diagnose", "ds_1", "--recipe", recipe, server=server)

    assert done.exit_code == cli.FAILED
    assert "job_1 failed (too_few_rows)" in done.stdout


def test_cancelled_job_shows_what_was_found(run: Callable[..., Result], recipe: str) -> None:
    done = run("diagnose", "ds_1", "--recipe", recipe, server=a_server(ended=JobState.cancelled))

    assert done.exit_code == cli.FAILED
    assert "the target is not scaled" in " ".join(done.stdout.split())


def test_diagnosis_of_a_job_is_shown(run: Callable[..., Result]) -> None:
    shown = run("diagnosis", "job_1", server=Server(a_json(a_diagnosis())))
    as_json = run("diagnosis", "job_1", "--json", server=Server(a_json(a_diagnosis())))
    early = run(
        "diagnosis", "job_1", server=Server(a_refusal(DiagnosisNotReady("the job is running")))
    )

    assert "the target is not scaled" in " ".join(shown.stdout.split())
    assert Diagnosis.model_validate_json(as_json.stdout) == a_diagnosis()
    assert (early.exit_code, early.stderr) == (cli.REFUSED, "error: the job is running\n")


def test_other_commands_know_a_diagnosis(run: Callable[..., Result]) -> None:
    verdict = Verdict(sentence="It is the scale.", causes=(Cause.target_not_scaled,))
    ended = a_diagnosis_job(JobState.succeeded, outcome=Outcome(diagnosis=verdict))

    running = run("status", "job_1", server=Server(a_json(a_diagnosis_job())))
    under_way = a_diagnosis_job(outcome=Outcome(trainings=34))
    training = run("status", "job_1", server=Server(a_json(under_way)))
    finished = run("status", "job_1", server=Server(a_json(ended)))
    best = run("best", "job_1", server=Server(a_json(ended)))
    server = Server(a_page(ended))
    listed = run("jobs", "--kind", "diagnosis", server=server)

    assert running.stdout == "job_1 running  20 s of about 1 min\n"
    assert training.stdout == "job_1 running  20 s of about 1 min  34 networks trained\n"
    assert "It is the scale. (lowloss diagnosis job_1 shows all)" in finished.stdout
    assert (best.exit_code, "is a diagnosis" in best.stderr) == (cli.FAILED, True)
    assert "diagnosis" in listed.stdout
    assert server.asked == [("GET", "/v1/jobs?kind=diagnosis")]
