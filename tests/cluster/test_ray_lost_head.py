"""Jobs that lose their head or their node: they go back to the queue, and on with the next."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lowloss.results import JobState, TrialState
from service.store.database import Database
from service.store.trials import list_trials
from tests.builders.processes import child_of, running, wait_for
from tests.cluster.processes import count_actors, kill_gcs, kill_head, kill_node, start_cluster
from tests.cluster.test_ray_jobs import WORKER, a_job, end_of, look, waiting_of
from tests.conftest import NewUrl


@dataclass(frozen=True)
class Loss:
    """What is killed, and the job that trains meanwhile."""

    kill: Callable[[Any], None]
    trials: int
    rows: int


# Where the driver's node stays, actors train on for the 30 s after which the head counts as lost: a
# short job would end meanwhile.
LOSSES = (Loss(kill_head, 8, 20_000), Loss(kill_gcs, 12, 60_000))


@pytest.fixture
def database(new_database_url: NewUrl) -> Iterator[Database]:
    opened = Database(new_database_url("sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def clusters() -> Iterator[list[Any]]:
    """A cluster, and those that take its place: the last one is there."""
    started = [start_cluster()]
    yield started
    for cluster in started:
        cluster.shutdown()


@pytest.fixture
def on_ray(clusters: list[Any], database: Database, tmp_path: Path) -> dict[str, Any]:
    """What a worker is started with."""
    url = database.url.render_as_string(hide_password=False)
    settings = {"LOWLOSS_RAY_ADDRESS": clusters[0].address, "LOWLOSS_RAY_CORES": "1"}
    return {"data_dir": tmp_path, "database_url": url, **settings}


def completed(database: Database, job_id: str) -> dict[int, datetime | None]:
    """When each completed trial finished, by its number."""
    with database.reading() as session:
        trials = list_trials(session, job_id).items
    return {
        trial.number: trial.finished_at for trial in trials if trial.state is TrialState.completed
    }


def is_queued(database: Database, job_id: str) -> bool | None:
    return look(database, job_id).state is JobState.queued or None


def assert_went_on(
    database: Database, job_id: str, before: dict[int, datetime | None], *, trials: int
) -> None:
    """Assert that a job has lost no trial, and that those that had ended were not trained again."""
    job, after = end_of(database, job_id), completed(database, job_id)
    assert (job.state, job.attempt, job.failures) == (JobState.succeeded, 2, 0)
    assert sorted(after) == list(range(1, trials + 1))
    assert {number: after[number] for number in before} == before


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("loss", LOSSES, ids=["head", "gcs"])
def test_job_whose_head_is_lost_is_queued_and_trains_on_once_there_is_another(
    database: Database,
    clusters: list[Any],
    on_ray: dict[str, Any],
    loss: Loss,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job_id = a_job(database, trials=loss.trials, rows=loss.rows, epochs=60)
    address = clusters[0].address

    with running(WORKER, **on_ray) as worker:
        wait_for(lambda: completed(database, job_id) or None, seconds=200, what="a trial's end")
        child = child_of(worker)
        loss.kill(clusters[0])
        killed_at = time.monotonic()
        wait_for(partial(is_queued, database, job_id), seconds=45, what="the job in the queue")
        queued_s = time.monotonic() - killed_at
        lost, before = look(database, job_id), completed(database, job_id)
        wait_for(lambda: not count_actors() or None, seconds=45, what="the actors' ends")
        actors_s = time.monotonic() - killed_at
        child.wait(10)
        wait_for(lambda: "no Ray cluster" in waiting_of(database) or None, what="a waiting worker")
        clusters.append(start_cluster(address))
        assert_went_on(database, job_id, before, trials=loss.trials)
    wait_for(lambda: not count_actors() or None, what="the actors' ends")

    assert (lost.retry_reason, lost.failures) == ("cluster_lost", 0)
    assert f"the Ray cluster at {address}" in (lost.errors[0].error or "")
    with capsys.disabled():
        words = f"queued after {queued_s:.0f} s, no actor after {actors_s:.0f} s"
        sys.stdout.write(f"\n{loss.kill.__name__}: {words}\n")


@pytest.mark.slow
def test_job_trains_on_where_another_head_takes_the_place_of_its_own_at_once(
    database: Database, clusters: list[Any], on_ray: dict[str, Any]
) -> None:
    job_id, address = a_job(database, trials=8, rows=20_000, epochs=60), clusters[0].address

    with running(WORKER, **on_ray):
        wait_for(lambda: completed(database, job_id) or None, seconds=200, what="a trial's end")
        kill_head(clusters[0])
        clusters.append(start_cluster(address))
        before = completed(database, job_id)
        assert_went_on(database, job_id, before, trials=8)
    wait_for(lambda: not count_actors() or None, what="the actors' ends")

    assert look(database, job_id).errors[0].outcome == "cluster_lost"


@pytest.mark.slow
def test_job_whose_worker_loses_its_node_trains_on_with_another_and_without_a_failure(
    database: Database, clusters: list[Any], on_ray: dict[str, Any]
) -> None:
    job_id = a_job(database, trials=8, rows=20_000, epochs=60)

    with running(WORKER, **on_ray):
        wait_for(lambda: completed(database, job_id) or None, seconds=200, what="a trial's end")
        kill_node(clusters[0])
        before = completed(database, job_id)
        assert_went_on(database, job_id, before, trials=8)

    assert look(database, job_id).errors[0].outcome == "cluster_lost"
