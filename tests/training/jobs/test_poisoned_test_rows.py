"""Whole searches whose test rows are other ones, or train at the end: the score is of neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from lowloss.results import Job, Trial
from lowloss.spec import DEFAULT_PROJECT, Task
from service.settings import Limits
from service.store.database import Database
from service.store.datasets import get_dataset
from service.store.jobs import get_job
from service.store.queue import enqueue_job
from service.store.trials import list_trials
from service.tables.check import check_job
from tests.builders.outages import QuietChannel
from tests.builders.store import a_claim, a_parsed_csv, a_spec
from worker.execution.local import LocalExecutor
from worker.jobs import search_job
from worker.jobs.loading import JobResources
from worker.progress.channel import Channel
from worker.progress.reporter import Reporter
from worker.winner.final_model import FinalModel, FinalModels

ROWS, TEST_ROWS = 300, 60


class Exported(Exception):
    """Ends a search where it would write the files of its models."""

    def __init__(self, models: FinalModels) -> None:
        super().__init__()
        self.models = models


@pytest.fixture(scope="module")
def executor() -> LocalExecutor:
    """Searches of the same sizes share their compiled programs."""
    return LocalExecutor()


def a_table(*, is_poisoned: bool) -> bytes:
    """Rows in the order of time, of which the last are for the test."""
    rng = np.random.default_rng(5)
    x_N2 = rng.normal(size=(ROWS, 2)).round(5)
    label_N = np.where(x_N2[:, 0] + x_N2[:, 1] + rng.normal(size=ROWS) > 0, "yes", "no")
    color_N = rng.choice(["red", "blue", "green"], ROWS)
    if is_poisoned:
        last = slice(ROWS - TEST_ROWS, None)
        x_N2[last] = rng.normal(size=(TEST_ROWS, 2)) * 1e4 - 3e4
        label_N[last] = np.where(label_N[last] == "yes", "no", "yes")
        color_N[last] = rng.choice(["black", "white", "red"], TEST_ROWS)
    lines = [
        f"{time},{a:.5f},{b:.5f},{color},{label}"
        for time, ((a, b), color, label) in enumerate(zip(x_N2, color_N, label_N, strict=True))
    ]
    return ("time,a,b,color,y\n" + "\n".join(lines) + "\n").encode()


def searched(
    database: Database,
    executor: LocalExecutor,
    folder: Path,
    *,
    use_test_rows: bool,
    is_poisoned: bool = False,
) -> tuple[FinalModels, Job, tuple[Trial, ...]]:
    """Run a search up to its export; its models, and what the store has of it."""
    dataset = a_parsed_csv(database, a_table(is_poisoned=is_poisoned))
    spec = a_spec(
        dataset,
        algorithm="random",
        validation={"strategy": "ordered", "column": "time", "folds": 2},
        budget={"max_trials": 5, "max_epochs": 6, "max_seconds": None, "diagnosis_seconds": 0},
        search_space={"layers": 1, "width": {"choices": [16, 32]}, "batch_size": 32},
        final={"members": 3, "confirm_seeds": 2, "use_test_rows": use_test_rows},
    )
    with database.transaction() as session:
        checked = check_job(spec, get_dataset(session, dataset), limits=Limits())
        job_id = enqueue_job(
            session, checked.spec, project=DEFAULT_PROJECT, task=Task.binary, max_attempts=1
        )
    reporter = Reporter(database, a_claim(database).fence, cast("Channel", QuietChannel(folder)))
    resources = JobResources(Limits(), executor, folder)
    with pytest.raises(Exported) as caught:
        search_job.run_search_job(reporter, resources)
    with database.reading() as session:
        return caught.value.models, get_job(session, job_id), list_trials(session, job_id).items


@pytest.fixture(autouse=True)
def _end_at_the_export(monkeypatch: pytest.MonkeyPatch) -> None:
    def export(models: FinalModels, *_: Any, **__: Any) -> None:
        raise Exported(models)

    monkeypatch.setattr(search_job, "export_model", export)


def trial_results(trials: tuple[Trial, ...]) -> list[dict[str, Any]]:
    times = {"seconds", "started_at", "finished_at"}
    return [trial.model_dump(exclude=times) for trial in trials]


def choices(job: Job) -> dict[str, Any]:
    """What was chosen before the test rows were looked at."""
    chosen = {"confirmations", "within_noise", "winner", "best_of_search", "metrics"}
    return job.outcome.model_dump(include=chosen)


def has_same_networks(one: FinalModel, other: FinalModel) -> bool:
    """Whether two models have the same plans, temperature, and bits of weights."""
    return (
        one.temperature == other.temperature
        and [m.plan for m in one.members] == [m.plan for m in other.members]
        and all(
            np.array_equal(a, b)
            for m, n in zip(one.members, other.members, strict=True)
            for a, b in zip(m.weights, n.weights, strict=True)
        )
    )


def test_training_on_test_rows_changes_nothing_but_the_networks_that_are_handed_out(
    sqlite_database: Database, executor: LocalExecutor, tmp_path: Path
) -> None:
    without, job, trials = searched(sqlite_database, executor, tmp_path, use_test_rows=False)

    models, other_job, other_trials = searched(
        sqlite_database, executor, tmp_path, use_test_rows=True
    )

    assert (without.all_rows_refit, models.all_rows_refit) == (None, "complete")
    assert trial_results(trials) == trial_results(other_trials)
    assert choices(job) == choices(other_job)
    assert models.gain == without.gain
    assert has_same_networks(models.scored, without.scored)
    assert np.array_equal(models.scored.predict_test(), without.scored.predict_test())
    assert not has_same_networks(models.handed_out, without.handed_out)


def test_poisoned_test_rows_change_nothing_but_the_score_and_the_networks_handed_out(
    sqlite_database: Database, executor: LocalExecutor, tmp_path: Path
) -> None:
    clean, job, trials = searched(sqlite_database, executor, tmp_path, use_test_rows=True)

    poisoned, other_job, other_trials = searched(
        sqlite_database, executor, tmp_path, use_test_rows=True, is_poisoned=True
    )

    assert trial_results(trials) == trial_results(other_trials)
    assert choices(job) == choices(other_job)
    assert has_same_networks(clean.scored, poisoned.scored)
    assert [fit.features for fit in clean.scored.prepared.fits] == [
        fit.features for fit in poisoned.scored.prepared.fits
    ]
    # It would show: the poison has another score, and trains other networks.
    assert clean.gain is not None
    assert poisoned.gain is not None
    assert clean.gain.before != poisoned.gain.before
    assert clean.gain.temperature == poisoned.gain.temperature
    assert not has_same_networks(clean.handed_out, poisoned.handed_out)
