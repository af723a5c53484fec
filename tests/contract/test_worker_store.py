"""Workers are seen while they run, in each database."""

from __future__ import annotations

from sqlalchemy import update

from lowloss.results import Worker
from service.store.database import Database, utc_now
from service.store.schema import WorkerRow
from service.store.workers import (
    ALIVE_SECONDS,
    FORGET_SECONDS,
    Activity,
    Offer,
    WorkerProcess,
    list_workers,
    record_worker,
    remove_dead_worker,
)
from tests.builders.processes import wait_for
from tests.builders.store import a_job
from tests.builders.workers import read
from worker.supervisor.presence import Presence


def a_process(name: str) -> WorkerProcess:
    return WorkerProcess(f"wrk_{name}", name, "1.0", Offer(2, 8_000_000_000))


def listed(database: Database) -> tuple[Worker, ...]:
    with database.reading() as session:
        return list_workers(session, cursor=None, limit=9).items


def record(database: Database, name: str, *, job_id: str | None = None) -> None:
    with database.transaction() as session:
        record_worker(session, a_process(name), Activity(job_id))


def age(database: Database, seconds: float) -> None:
    with database.transaction() as session:
        session.execute(update(WorkerRow).values(seen_at=utc_now(-seconds)))


def test_job_that_waits_lacks_a_worker_until_one_is_alive(database: Database) -> None:
    job_id = a_job(database)
    before = read(database, job_id).lacks_worker

    record(database, "box")
    with_one = read(database, job_id).lacks_worker
    age(database, ALIVE_SECONDS + 5)

    assert (before, with_one, read(database, job_id).lacks_worker) == (True, False, True)
    assert [(worker.name, worker.is_alive) for worker in listed(database)] == [("box", False)]


def test_worker_is_listed_once_with_its_job_and_goes_when_it_is_known_or_long_dead(
    database: Database,
) -> None:
    record(database, "old")
    age(database, FORGET_SECONDS + 5)
    record(database, "box")
    record(database, "box", job_id="job_1")
    record(database, "other")

    workers = listed(database)

    assert [worker.name for worker in workers] == ["other", "box"]
    assert workers[1].job == "job_1"
    assert workers[1].is_alive
    assert (workers[1].cores, workers[1].memory_bytes) == (2, 8_000_000_000)
    with database.transaction() as session:
        remove_dead_worker(session, "other")
    assert [worker.name for worker in listed(database)] == ["box"]


def test_worker_says_what_it_waits_for_until_it_does_not(database: Database) -> None:
    waits = []
    for activity in (Activity(waits_for="its Ray cluster"), Activity("job_1"), Activity()):
        with database.transaction() as session:
            record_worker(session, a_process("box"), activity)
        waits.append(listed(database)[0].waits_for)

    assert waits == ["its Ray cluster", None, None]


def test_presence_says_at_once_that_a_worker_runs_and_at_its_end_that_it_is_gone(
    sqlite_database: Database,
) -> None:
    jobs = [None, "job_1", None]
    presence = Presence(
        sqlite_database, a_process("box"), find_activity=lambda: Activity(jobs[0]), seconds=0.01
    )

    presence.start()
    wait_for(lambda: listed(sqlite_database), seconds=10, what="the first sign")
    jobs.pop(0)
    wait_for(lambda: listed(sqlite_database)[0].job == "job_1", seconds=10, what="its job")
    presence.end()

    assert listed(sqlite_database) == ()
