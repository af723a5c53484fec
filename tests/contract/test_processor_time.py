"""Processor time of attempts, counted for their project whatever is deleted, on each database."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest
from sqlalchemy import select

from lowloss.errors import LeaseLost, QuotaExceeded
from lowloss.results import JobState
from lowloss.spec import DEFAULT_PROJECT, Quotas
from service.store.database import Database
from service.store.deletions import delete_job
from service.store.processor_time import record_cpu_seconds
from service.store.projects import create_project
from service.store.queue import Fence, finish_job
from service.store.quotas import count_cpu_seconds, set_quotas
from service.store.schema import AttemptRow, CpuUsageRow
from service.store.totals import read_measures
from tests.builders.processes import wait_for
from tests.builders.store import a_claim, a_dataset, a_job, a_job_of, a_spec, expire_lease
from tests.builders.workers import wait_for_state, working

CHILD = """
import json, os, sys, time
def say(**message):
    print(json.dumps(message), flush=True)
def compute(seconds):
    while time.process_time() < seconds:
        sum(range(10_000))
compute(0.5)
say(ready=True)
for line in sys.stdin:
    if 'run' in json.loads(line):
        compute(1.5)
        {end}
"""


def record(database: Database, fence: Fence, seconds: float) -> None:
    with database.transaction() as session:
        record_cpu_seconds(session, fence, seconds)


def count(database: Database, project: str = DEFAULT_PROJECT) -> float:
    with database.reading() as session:
        return count_cpu_seconds(session, project)


def move_days_back(database: Database, days: int) -> None:
    with database.transaction() as session:
        for row in session.scalars(select(CpuUsageRow)):
            row.day -= timedelta(days=days)


def bound(database: Database, seconds: int) -> None:
    with database.transaction() as session:
        set_quotas(session, DEFAULT_PROJECT, Quotas(cpu_seconds_per_30_days=seconds))


def test_seconds_of_attempts_add_up_by_what_is_new_of_them(database: Database) -> None:
    job_id = a_job(database)
    first = a_claim(database).fence
    for seconds in (10.0, 25.0, 25.0, 20.0):
        record(database, first, seconds)
    expire_lease(database, job_id)
    second = a_claim(database).fence
    record(database, second, 5.0)

    with pytest.raises(LeaseLost):
        record(database, first, 99.0)

    with database.reading() as session:
        query = select(AttemptRow.number, AttemptRow.cpu_seconds).order_by(AttemptRow.number)
        of_attempts = session.execute(query).all()
        of_projects = read_measures(session).cpu_seconds
    assert [tuple(row) for row in of_attempts] == [(1, 25.0), (2, 5.0)]
    assert of_projects == {DEFAULT_PROJECT: 30.0}
    assert count(database) == 30.0


def test_project_that_has_used_its_seconds_submits_nothing_whatever_it_deletes(
    database: Database,
) -> None:
    with database.transaction() as session:
        create_project(session, "vision")
    job_id = a_job(database)
    fence = a_claim(database).fence
    bound(database, 3600)
    record(database, fence, 3599.0)
    waiting = a_job(database)
    record(database, fence, 3600.0)
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    with pytest.raises(QuotaExceeded, match="used 1 h 0 min of processor time") as refused:
        a_job(database)
    with database.transaction() as session:
        delete_job(session, job_id)
    with pytest.raises(QuotaExceeded):
        a_job(database)

    assert refused.value.status == 403
    assert a_claim(database).fence.job_id == waiting
    a_job_of(database, a_spec(a_dataset(database, project="vision")), project="vision")
    bound(database, 3601)
    a_job(database)


def test_seconds_count_for_thirty_days_and_their_rows_go_then(database: Database) -> None:
    a_job(database)
    fence = a_claim(database).fence
    record(database, fence, 100.0)

    move_days_back(database, 29)
    assert count(database) == 100.0
    move_days_back(database, 1)
    assert count(database) == 0.0
    record(database, fence, 110.0)

    with database.reading() as session:
        assert [row.cpu_seconds for row in session.scalars(select(CpuUsageRow))] == [10.0]


@pytest.mark.parametrize(
    ("end", "state"),
    [
        ("say(ended={'ending': 'succeeded', 'reason': None, 'error': None})", JobState.succeeded),
        ("time.sleep(0.5); os._exit(7)", JobState.failed),
    ],
)
def test_job_has_the_seconds_of_its_process_since_it_began(
    sqlite_database: Database, end: str, state: JobState
) -> None:
    job_id = a_job(sqlite_database, max_attempts=1)
    command = (sys.executable, "-c", CHILD.replace("{end}", end))

    with working(sqlite_database, command):
        wait_for_state(sqlite_database, job_id, state, seconds=60)

    # It used half a second before it was ready, and one more for the job.
    assert 0.7 < count(sqlite_database) < 1.4


def test_running_job_is_counted_with_each_renewal(sqlite_database: Database) -> None:
    job_id = a_job(sqlite_database, max_attempts=1)
    command = (sys.executable, "-c", CHILD.replace("{end}", "time.sleep(3600)"))

    with working(sqlite_database, command, renew_seconds=0.2):
        wait_for_state(sqlite_database, job_id, JobState.running)
        wait_for(lambda: count(sqlite_database) > 0.7, seconds=60)
