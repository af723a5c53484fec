"""What metrics report of all jobs: the same on every database, and rising whatever is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event

from lowloss.results import JobState
from lowloss.spec import DEFAULT_PROJECT, Quotas
from service.store.database import Database
from service.store.deletions import delete_job
from service.store.jobs import record_outcome
from service.store.queue import (
    Fence,
    claim_job,
    end_dead_worker,
    finish_job,
    release_job,
    retry_job,
)
from service.store.quotas import set_quotas
from service.store.requests import pause_job
from service.store.schema import JobRow, WorkerRow
from service.store.totals import Measures, Total, read_measures
from service.store.workers import Activity, Offer, WorkerProcess, record_worker
from tests.builders.live_server import counted_statements
from tests.builders.store import a_claim, a_job, expire_lease


def measure(database: Database) -> Measures:
    with database.reading() as session:
        return read_measures(session)


@contextmanager
def locked_totals(database: Database) -> Iterator[list[str]]:
    """The names of the totals that are raised, in the order in which that locks their rows."""
    names: list[str] = []

    def note(_c: object, _cursor: object, statement: str, values: Any, *_rest: object) -> None:
        if statement.startswith("UPDATE totals"):
            bound = values.values() if isinstance(values, dict) else values
            names.extend(name for name in Total if name in bound and name not in names)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield names
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def begin_phase(database: Database, fence: Fence, phase: str, *, minutes_ago: float = 0) -> None:
    with database.transaction() as session:
        record_outcome(session, fence, phase=phase)
    with database.transaction() as session:
        job = session.get_one(JobRow, fence.job_id)
        assert job.phase_started_at is not None
        job.phase_started_at -= timedelta(minutes=minutes_ago)


def test_each_end_and_each_retry_is_counted_and_deleting_takes_none_back(
    database: Database,
) -> None:
    expired = a_job(database)
    a_claim(database)
    expire_lease(database, expired)
    fence = a_claim(database).fence
    with database.transaction() as session:
        retry_job(session, fence, error="it crashed", retry_seconds=0)
    stopped = a_claim(database).fence
    with database.transaction() as session:
        release_job(session, stopped)
    a_claim(database, "dead")
    with database.transaction() as session:
        end_dead_worker(session, "dead")
    with database.reading() as session:
        assert session.get_one(JobRow, expired).state == JobState.failed
    done = a_job(database, state=JobState.succeeded)
    paused = a_job(database)
    fence = a_claim(database).fence
    with database.transaction() as session:
        pause_job(session, paused)
        release_job(session, fence)

    with database.transaction() as session:
        for job_id in (expired, done):
            delete_job(session, job_id)

    measures = measure(database)
    assert measures.totals[Total.attempts] == {
        "lease_expired": 1,
        "crashed": 1,
        "stopped": 2,
        "worker_died": 1,
        "succeeded": 1,
    }
    # The last failure is no retry, and neither is a pause.
    assert measures.totals[Total.retries] == {"lease_expired": 1, "crashed": 1, "stopped": 1}
    assert {state: count for state, count in measures.jobs.items() if count} == {"paused": 1}


def test_totals_are_locked_in_one_order_by_ends_and_by_rescues(database: Database) -> None:
    """Two transactions that lock the same rows in different orders wait for each other."""
    orders = []
    for is_rescue in (False, True):
        job_id = a_job(database)
        fence = a_claim(database).fence
        begin_phase(database, fence, "search")
        expire_lease(database, job_id)
        with locked_totals(database) as names, database.transaction() as session:
            if is_rescue:
                assert claim_job(session, "rescuer", lease_seconds=60) is not None
            else:
                retry_job(session, fence, error="it crashed", retry_seconds=3600)
        orders.append(names)

    assert orders == [[Total.attempts, Total.phase_seconds, Total.retries]] * 2


def test_seconds_of_phases_end_with_the_next_phase_and_with_the_attempt(
    database: Database,
) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    begin_phase(database, fence, "search", minutes_ago=10)
    begin_phase(database, fence, "export", minutes_ago=1)
    with database.transaction() as session:
        release_job(session, fence)
    fence = a_claim(database).fence
    begin_phase(database, fence, "search", minutes_ago=5)
    with database.transaction() as session:
        # Its worker was silent for four of them.
        job = session.get_one(JobRow, job_id)
        assert job.claimed_at is not None
        job.claimed_at -= timedelta(minutes=4)
    expire_lease(database, job_id)
    fence = a_claim(database).fence
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    seconds = measure(database).totals[Total.phase_seconds]

    assert set(seconds) == {"search", "export"}
    assert 655 <= seconds["search"] < 690
    assert 60 <= seconds["export"] < 75


def test_age_is_of_the_job_that_waits_longest_quotas_aside(database: Database) -> None:
    assert measure(database).waiting_seconds == 0
    running, oldest, later, waiting = (a_job(database) for _ in range(4))
    a_claim(database)
    minutes = {running: 90, oldest: 30, later: 10, waiting: -5}
    with database.transaction() as session:
        set_quotas(session, DEFAULT_PROJECT, Quotas(max_running_jobs=1))
        for job_id, ago in minutes.items():
            session.get_one(JobRow, job_id).available_at -= timedelta(minutes=ago)

    assert 1800 <= measure(database).waiting_seconds < 1830


def test_counting_jobs_reads_no_row_of_a_finished_job(sqlite_database: Database) -> None:
    a_job(sqlite_database, state=JobState.succeeded)
    with counted_statements(sqlite_database) as statements:
        measure(sqlite_database)
    (counting,) = (one for one in statements if "GROUP BY jobs.state" in one)

    with sqlite_database.engine.connect() as connection:
        values = (None,) * counting.count("?")
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {counting}", values)
        steps = [step.detail for step in plan]

    assert any(step.startswith("SCAN jobs USING COVERING INDEX") for step in steps)
    assert any(step.startswith("SEARCH jobs_1 USING INDEX") for step in steps)


def test_workers_are_those_alive_by_whether_they_have_a_job(database: Database) -> None:
    with database.transaction() as session:
        for name, job_id in (("a", "job_1"), ("b", None), ("c", None), ("d", "job_2")):
            process = WorkerProcess(f"wrk_{name}", name, "1.0", Offer(2, 10**9))
            record_worker(session, process, Activity(job_id))
    with database.transaction() as session:
        session.get_one(WorkerRow, "wrk_d").seen_at -= timedelta(seconds=31)

    with counted_statements(database) as statements:
        measures = measure(database)

    assert measures.workers == {"busy": 1, "idle": 2}
    assert measures.space.total_bytes > 0
    assert len([one for one in statements if not one.startswith("BEGIN")]) == 3
