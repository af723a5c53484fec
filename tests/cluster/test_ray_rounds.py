"""Rounds in which something of a cluster is killed while a job trains there: nothing is lost."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from lowloss.results import JobState, TrialState
from service.store.database import Database
from service.store.trials import list_trials
from tests.builders.processes import child_of, kill, start, wait_for
from tests.cluster.processes import count_actors, kill_head, list_actors, start_cluster
from tests.cluster.test_ray_jobs import WORKER, a_job, end_of, look
from tests.conftest import NewUrl

ROUNDS = int(os.environ.get("LOWLOSS_CLUSTER_ROUNDS", "5"))
TRIALS = 6
KINDS = ("actor", "node", "child", "worker", "head")


@pytest.fixture
def database(new_database_url: NewUrl) -> Iterator[Database]:
    opened = Database(new_database_url("postgres_18"))
    yield opened
    opened.close()


class Site:
    """A worker, its cluster, and what is killed of them."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._cluster = start_cluster()
        self._database = database
        self._folder = folder
        self.worker = self._start()

    def _start(self) -> Popen[bytes]:
        return start(
            WORKER,
            data_dir=self._folder,
            database_url=self._database.url.render_as_string(hide_password=False),
            LOWLOSS_RAY_ADDRESS=self._cluster.address,
            LOWLOSS_RAY_CORES="1",
        )

    def kill(self, kind: str, chosen: random.Random) -> None:
        """Kill something of a kind; what is needed to go on takes its place."""
        match kind:
            case "actor":
                chosen.choice(wait_for(list_actors, what="an actor")).kill()
            case "node":
                node = chosen.choice(list(self._cluster.worker_nodes))
                self._cluster.remove_node(node, allow_graceful=False)
                self._cluster.add_node(num_cpus=1)
            case "child":
                kill(child_of(self.worker))
            case "worker":
                kill(self.worker)
                self.worker.wait(30)
                self.worker = self._start()
            case "head":
                kill_head(self._cluster)
                lost, address = self._cluster, self._cluster.address
                self._cluster = start_cluster(address)
                # Its nodes would end themselves within a minute or two.
                lost.shutdown()

    def stop(self) -> None:
        self.worker.terminate()
        self.worker.wait(60)
        self._cluster.shutdown()


def has_trained(database: Database, job_id: str, epochs: int) -> bool | None:
    return look(database, job_id).progress.epochs >= epochs or None


@pytest.mark.slow
@pytest.mark.timeout(60 + 90 * ROUNDS)
def test_no_trial_is_lost_or_counted_twice_whatever_is_killed(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen, killed, attempts = random.Random(0), Counter[str](), 0
    site = Site(database, tmp_path)
    try:
        for number in range(ROUNDS):
            kind = KINDS[number % len(KINDS)]
            job_id = a_job(database, trials=TRIALS, rows=4_000, epochs=60)
            at = chosen.randint(1, 5 * TRIALS)
            wait_for(partial(has_trained, database, job_id, at), what="an epoch")
            try:
                site.kill(kind, chosen)
                killed[kind] += 1
            except psutil.NoSuchProcess:
                killed["nothing"] += 1
            job = end_of(database, job_id)
            attempts += job.attempt
            with database.reading() as session:
                trials = list_trials(session, job_id).items
            assert job.state is JobState.succeeded, job.errors
            if kind in ("actor", "node", "head"):
                assert job.failures == 0, job.errors
            assert [trial.number for trial in trials] == list(range(1, TRIALS + 1))
            assert {trial.state for trial in trials} == {TrialState.completed}
            assert {trial.epochs for trial in trials} == {60}
        wait_for(lambda: not count_actors() or None, what="the actors' ends")
    finally:
        site.stop()
    with capsys.disabled():
        kinds = ", ".join(f"{count} {kind}" for kind, count in killed.items())
        sys.stdout.write(f"\n{ROUNDS} rounds, {attempts} attempts, killed: {kinds}\n")
