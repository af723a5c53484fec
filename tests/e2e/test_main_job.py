"""The main job as a user runs it: a table goes in over HTTP, a model that stands alone out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from lowloss import Client
from lowloss.cli import FAILED, app
from lowloss.cli.builtin import builtin_csv
from lowloss.cli.demo import PREDICT
from lowloss.errors import StateConflict
from lowloss.results import JobState, TrialState
from lowloss.spec import Validation
from worker.data.splits import Traits, split_rows

QUICK: dict[str, Any] = {
    "target": "target",
    "budget": {"max_trials": 4, "max_epochs": 15, "max_seconds": None, "diagnosis_seconds": 0},
    "validation": {"strategy": "holdout"},
    "preprocessing": {"scale_features": "standard"},
    "pruning": None,
    "final": {"confirm_top": 2, "confirm_seeds": 2, "refit": False, "members": 1},
}
"""One fold and one network: what is tested is the way of the job, not the model."""
ENDLESS: dict[str, Any] = {
    "target": "target",
    "budget": {"max_trials": 10_000, "max_epochs": 20, "max_seconds": None, "diagnosis_seconds": 0},
    "final": {"confirm_top": 1, "confirm_seeds": 1, "refit": False, "members": 1},
}


def upload(client: Client, name: str) -> str:
    return client.upload(builtin_csv(name), name=name, format="csv").id


def predict_alone(model: Path, columns: dict[str, list[float]]) -> np.ndarray[Any, Any]:
    """What stock Keras answers in a process that has nothing of ours."""
    answer = subprocess.run(
        [sys.executable, "-c", PREDICT, str(model)],
        input=json.dumps(columns),
        capture_output=True,
        check=True,
        cwd=model.parent,
        text=True,
    )
    return np.array(json.loads(answer.stdout))[:, 0]


def test_downloaded_model_has_the_error_that_was_reported(client: Client, tmp_path: Path) -> None:
    plain = {"target": "target", "budget": QUICK["budget"]}
    job = client.submit(plain | {"dataset": upload(client, "diabetes")})
    job = client.wait(job.id, timeout=120)
    model = client.download(job.id, tmp_path)

    assert job.state is JobState.succeeded, job.errors
    assert job.reason == "max_trials"
    lines = builtin_csv("diabetes").decode().splitlines()
    values = np.array([[float(v) for v in line.split(",")] for line in lines[1:]])
    assert job.search.validation == Validation(strategy="kfold", folds=5, seed=0)
    test = split_rows(Traits(len(values)), job.search.validation, seed=0).test
    columns = dict(zip(lines[0].split(","), values[test].T.tolist(), strict=True))
    truth = np.array(columns.pop("target"))
    rmse = float(np.sqrt(np.mean((predict_alone(model, columns) - truth) ** 2)))
    assert job.best is not None
    assert job.best.test_metrics is not None
    assert rmse == pytest.approx(job.best.test_metrics["rmse"], rel=1e-4)
    # Unscaled, this table gives a network an error near the target's own mean of 152.
    mean, ridge, _ = (baseline.test_metrics["rmse"] for baseline in job.outcome.baselines)
    assert rmse < mean
    assert ridge < mean


def test_model_that_trained_on_the_test_rows_has_the_score_of_the_one_before(
    client: Client, tmp_path: Path
) -> None:
    dataset = upload(client, "diabetes")
    final = {"confirm_top": 1, "confirm_seeds": 1, "members": 2}
    scored, refitted = (
        client.wait(client.submit(QUICK | {"dataset": dataset, "final": final | more}).id)
        for more in ({}, {"use_test_rows": True})
    )

    cards = [
        client.download(job.id, tmp_path / f"{job.id}.md", artifact="model_card.md").read_text()
        for job in (scored, refitted)
    ]

    assert (scored.state, refitted.state) == (JobState.succeeded, JobState.succeeded)
    assert (scored.outcome.all_rows_refit, refitted.outcome.all_rows_refit) == (None, "complete")
    assert scored.outcome.test_metrics == refitted.outcome.test_metrics
    assert scored.outcome.rows == {"train": 266, "validation": 88, "test": 88}
    assert "were trained on 354 of them." in cards[0]
    assert "were trained on 442 of them, the test rows too, after their score." in cards[1]
    assert "measure is of the model before its last training" in cards[1]


@pytest.mark.slow
def test_same_job_runs_on_postgresql(postgres_client: Client, tmp_path: Path) -> None:
    job = postgres_client.submit(QUICK | {"dataset": upload(postgres_client, "iris")})

    job = postgres_client.wait(job.id, timeout=120)

    assert job.state is JobState.succeeded, job.errors
    assert postgres_client.download(job.id, tmp_path).stat().st_size > 0


def test_trials_events_curves_and_tables_tell_the_same_story(
    client: Client, tmp_path: Path
) -> None:
    job = client.submit(QUICK | {"dataset": upload(client, "iris"), "seed": 3})
    events = list(client.follow(job.id))
    trials = list(client.trials(job.id))

    kinds = [event.kind for event in events]
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert kinds[:2] == ["job.queued", "job.started"]
    assert kinds[-1] == "job.finished"
    assert kinds.count("trial.finished") == len(trials) == 4
    phases = [event.data["phase"] for event in events if event.kind == "job.phase"]
    assert phases == ["prepare", "baselines", "search", "confirm", "export", "report"]
    models = [event.data["trial"] for event in events if event.kind == "model.ready"]
    assert len(models) == 2
    assert models[0] in {trial.number for trial in trials}
    assert models[1] is None
    for trial in trials:
        assert trial.state is TrialState.completed
        curve = client.trial(job.id, trial.number).curve
        assert curve is not None
        assert len(curve.val_loss) == trial.epochs
        assert trial.best_epoch is not None
        assert curve.val_loss[trial.best_epoch - 1] == trial.score
    job = client.job(job.id)
    assert job.task == "multiclass"
    assert len(job.outcome.confirmations) == 2
    assert job.outcome.winner == job.outcome.confirmations[0].trial
    assert all((trial.program or "").startswith("cohort") for trial in trials)
    table = pl.read_csv(client.download(job.id, tmp_path, artifact="trials.csv"))
    curves = pl.read_csv(client.download(job.id, tmp_path, artifact="curves.csv"))
    assert table["score"].to_list() == [trial.score for trial in trials]
    assert curves.height == sum(trial.epochs for trial in trials)


@pytest.mark.slow
def test_same_seed_gives_the_same_trials(client: Client) -> None:
    spec = QUICK | {"dataset": upload(client, "iris"), "seed": 11}
    jobs = [client.submit(spec).id for _ in range(2)]
    for job in jobs:
        client.wait(job, timeout=120)

    first, again = (
        [(t.hyperparameters, t.seed, t.score, t.metrics) for t in client.trials(job)]
        for job in jobs
    )

    assert first == again


def test_cancelled_job_keeps_and_exports_its_best(client: Client, tmp_path: Path) -> None:
    job = client.submit(ENDLESS | {"dataset": upload(client, "wine")})
    next(event for event in client.follow(job.id) if event.kind == "trial.finished")

    client.cancel(job.id)
    ended = client.wait(job.id, timeout=60)

    assert (ended.state, ended.reason) == (JobState.cancelled, "cancelled")
    assert ended.best is not None
    assert client.download(job.id, tmp_path).stat().st_size > 0
    with pytest.raises(StateConflict):
        client.pause(job.id)


@pytest.mark.slow
def test_paused_job_goes_on_with_its_trials_kept(client: Client) -> None:
    spec = ENDLESS | {
        "dataset": upload(client, "wine"),
        "budget": {"max_trials": 6, "diagnosis_seconds": 0},
    }
    job = client.submit(spec)
    next(event for event in client.follow(job.id) if event.kind == "trial.finished")
    client.pause(job.id)
    next(event for event in client.follow(job.id) if event.kind == "job.paused")
    before = [trial for trial in client.trials(job.id) if trial.state.is_finished]

    # It has the network of a trial that completed, if one has.
    paused = client.job(job.id)
    completed = {trial.number for trial in before if trial.state is TrialState.completed}
    assert completed == set() or paused.outcome.model_ready_at is not None
    assert paused.outcome.model_trial in {None, *completed}
    client.resume(job.id)
    ended = client.wait(job.id, timeout=120)

    assert ended.state is JobState.succeeded
    assert (ended.attempt, ended.failures) == (2, 0), ended.errors
    kept = {trial.number for trial in before}
    assert [trial for trial in client.trials(job.id) if trial.number in kept] == before
    assert ended.progress.trials_done == 6


def test_time_limit_ends_a_job_with_a_model(client: Client) -> None:
    spec = ENDLESS | {
        "dataset": upload(client, "wine"),
        "budget": {"max_trials": 10_000, "max_seconds": 8, "diagnosis_seconds": 0},
    }

    ended = client.wait(client.submit(spec).id, timeout=90)

    assert (ended.state, ended.reason) == (JobState.succeeded, "time_limit")
    assert ended.best is not None
    assert ended.best.test_metrics is not None
    assert 6 < ended.progress.seconds < 30


@pytest.mark.slow
def test_no_time_at_all_still_gives_a_model(client: Client) -> None:
    spec = ENDLESS | {"dataset": upload(client, "wine"), "budget": {"max_seconds": 0.01}}

    ended = client.wait(client.submit(spec).id, timeout=90)

    assert (ended.state, ended.reason) == (JobState.succeeded, "time_limit")
    assert ended.progress.trials_done == 1
    assert ended.best is not None
    assert ended.best.test_metrics is not None


def test_job_whose_every_trial_diverges_fails_and_says_what_to_do(client: Client) -> None:
    spec = QUICK | {
        "dataset": upload(client, "diabetes"),
        "search_space": {"learning_rate": {"min": 1e8, "max": 1e9}, "optimizer": "sgd"},
        "preprocessing": {"scale_features": "none", "scale_target": False},
    }

    ended = client.wait(client.submit(spec).id, timeout=120)

    assert (ended.state, ended.reason) == (JobState.failed, "no_trial_completed")
    assert "lower the learning rate" in (ended.errors[-1].error or "")
    trials = list(client.trials(ended.id))
    assert {trial.state for trial in trials} == {TrialState.diverged}
    assert all("loss_not_finite" in (trial.reason or "") for trial in trials)


@pytest.mark.slow
def test_command_line_does_the_same(client: Client, tmp_path: Path) -> None:
    def run(*arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, ["--url", client.url, *arguments, "--json"])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    changes = [f"--set={name}={json.dumps(value)}" for name, value in QUICK.items()]
    job = run("submit", "--builtin", "breast_cancer", "--watch", *changes)
    assert (job["state"], job["task"]) == ("succeeded", "binary")
    assert run("status", job["id"])["id"] == job["id"]
    assert run("best", job["id"])["test_metrics"]["roc_auc"] > 0.9
    assert len(run("trials", job["id"])) == 4
    path = Path(run("download", job["id"], "--to", str(tmp_path))["path"])
    assert path == tmp_path / "model.keras"
    assert path.exists()
    assert job["id"] in {each["id"] for each in run("jobs", "--state", "succeeded")}
    assert "breast_cancer" in {each["name"] for each in run("datasets", "list")}

    endless = [f"--set={name}={json.dumps(value)}" for name, value in ENDLESS.items()]
    submitted = run("submit", job["dataset"], *endless)
    run("cancel", submitted["id"])
    assert run("watch", submitted["id"], code=FAILED)["state"] == "cancelled"
