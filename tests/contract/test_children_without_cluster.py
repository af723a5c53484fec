"""The supervisor against children whose Ray cluster is full, silent or lost."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lowloss.results import JobState
from service.store.crashes import MAX_IN_A_ROW
from service.store.database import Database
from service.store.workers import Activity
from tests.builders.processes import wait_for
from tests.builders.store import a_job
from tests.builders.workers import read, wait_for_state, working
from tests.contract.test_supervisor import a_child, ending
from worker.supervisor.loop import Supervisor

LOST_AT_FIRST = """
if not os.path.exists(PATH):
    open(PATH, 'w').close()
    lost = {'ending': 'cluster_lost', 'reason': None, 'error': 'lost'}
    lines = json.dumps({'ready': True}), json.dumps({'ended': lost}), ''
    os.write(1, '\\n'.join(lines).encode())  # At once: no job is claimed between them.
    sys.exit(sys.stdin.read())
say(ready=True)"""
CLUSTER_COMES = "say(waits_for='its cluster'); time.sleep(1); say(waits_for=None); say(ready=True)"


@pytest.mark.parametrize("outcome", ["cluster_full", "cluster_lost"])
def test_job_without_its_cluster_goes_back_without_a_failure(
    sqlite_database: Database, outcome: str
) -> None:
    job_id = a_job(sqlite_database, max_attempts=1)
    full = ending(ending=outcome, error="the Ray cluster started no actor")

    with working(sqlite_database, full):
        wait_for(lambda: len(read(sqlite_database, job_id).errors) > 1, seconds=20)
    job = read(sqlite_database, job_id)

    assert (job.failures, job.errors[0].outcome) == (0, outcome)
    assert job.errors[0].error == "the Ray cluster started no actor"


def test_job_that_loses_each_cluster_fails_and_says_what_to_do(sqlite_database: Database) -> None:
    job_id = a_job(sqlite_database)
    lost = ending(ending="cluster_lost", error="the head did not answer")

    with working(sqlite_database, lost):
        job = wait_for_state(sqlite_database, job_id, JobState.failed)

    assert (job.reason, job.attempt, job.failures) == ("cluster_lost", MAX_IN_A_ROW, 0)
    last = job.errors[-1].error or ""
    assert "the head did not answer; this happened 8 times in a row: look at the logs" in last
    assert "fewer actors" in last


def test_child_that_lost_its_cluster_before_it_had_a_job_gets_none(
    sqlite_database: Database, tmp_path: Path
) -> None:
    lost, job_id = tmp_path / "lost", a_job(sqlite_database)
    child = ending(ending="succeeded", reason="max_trials")
    start = LOST_AT_FIRST.replace("PATH", repr(str(lost)))

    with working(sqlite_database, (*child[:-1], child[-1].replace("say(ready=True)", start))):
        job = wait_for_state(sqlite_database, job_id, JobState.succeeded)

    assert lost.exists()
    assert (job.attempt, job.errors) == (1, ())


@pytest.mark.parametrize(
    "limits", [{"silence_seconds": 0.5}, {"hang_seconds": 0.5}], ids=["silence", "hang"]
)
def test_child_that_hangs_while_its_head_is_silent_is_no_failure_of_its_job(
    sqlite_database: Database, limits: dict[str, Any]
) -> None:
    job_id = a_job(sqlite_database, max_attempts=1)
    silent = "say(silence='its head is silent')"
    child = a_child(f"'run' in message and ({silent}, sys.stdin.read())")

    with working(sqlite_database, child, **limits):
        wait_for(lambda: read(sqlite_database, job_id).errors, seconds=20)
    job = read(sqlite_database, job_id)

    assert (job.failures, job.errors[0].outcome) == (0, "cluster_lost")
    assert (job.errors[0].error or "").startswith("its head is silent; the worker's child ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("silence='its head is silent'", "its head is silent; "),
        (
            "cluster={'its head': '127.0.0.1:1'}",
            "the Ray cluster: its head does not answer at 127.0.0.1:1: ",
        ),
        (
            "cluster={'its head': '127.0.0.1:PORT', 'this node': '127.0.0.1:1'}",
            "the Ray cluster: this node does not answer at 127.0.0.1:1: ",
        ),
    ],
)
def test_child_that_dies_without_its_head_or_its_node_is_no_failure_of_its_job(
    sqlite_database: Database, words: str, said: str
) -> None:
    job_id = a_job(sqlite_database, max_attempts=1)

    with socket.create_server(("127.0.0.1", 0)) as head:
        words = words.replace("PORT", str(head.getsockname()[1]))
        silent = a_child(f"'run' in message and (say({words}), os._exit(1))")
        with working(sqlite_database, silent):
            wait_for(lambda: len(read(sqlite_database, job_id).errors) > 1, seconds=20)
    job = read(sqlite_database, job_id)

    assert (job.failures, job.errors[0].outcome) == (0, "cluster_lost")
    error = job.errors[0].error or ""
    assert error.startswith(said)
    assert error.endswith("; the worker's child exited with code 1")


def has_looked_since(worker: Supervisor, activity: Activity) -> bool:
    """Whether a worker has looked at its child again since it had an activity."""
    return worker.activity is not activity


def test_child_whose_cluster_is_silent_gets_no_job_until_it_answers(
    sqlite_database: Database, tmp_path: Path
) -> None:
    answered = tmp_path / "answered"
    silence = f"say(silence='silent')\nwhile not os.path.exists({str(answered)!r}): time.sleep(0.1)"
    child = ending(ending="succeeded", reason="max_trials")
    silent = (*child[:-1], child[-1].replace("for line", f"{silence}\nsay(silence=None)\nfor line"))

    with working(sqlite_database, silent) as worker:
        wait_for(lambda: worker.activity == Activity(waits_for="silent"), seconds=20)
        job_id = a_job(sqlite_database)
        for _ in range(3):
            wait_for(partial(has_looked_since, worker, worker.activity), seconds=20)
        waiting = read(sqlite_database, job_id)
        answered.touch()
        wait_for_state(sqlite_database, job_id, JobState.succeeded)

    assert waiting.state is JobState.queued


def test_worker_knows_what_its_child_waits_for_before_and_in_a_job(
    sqlite_database: Database,
) -> None:
    act = "'run' in message and [say(waits_for='an actor') or time.sleep(0.1) for _ in range(600)]"
    child = a_child(act)
    waiting = (*child[:-1], child[-1].replace("say(ready=True)", CLUSTER_COMES))
    job_id = a_job(sqlite_database)

    with working(sqlite_database, waiting) as worker:
        wait_for(lambda: worker.activity == Activity(waits_for="its cluster"), seconds=20)
        wait_for(lambda: worker.activity == Activity(job_id, "an actor"), seconds=20)
