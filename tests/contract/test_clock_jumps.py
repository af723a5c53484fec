"""The database's clock jumps: leases, waits and running times afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from lowloss.errors import LeaseLost
from lowloss.results import Job, JobState
from service.store.database import Database
from service.store.queue import Fence, claim_job, renew_lease
from service.store.schema import JobRow
from tests.builders.store import LEASE_SECONDS, a_claim, a_job
from tests.builders.workers import read

HOUR = 3600.0


def jump(database: Database, seconds: float) -> None:
    """Let the clock jump: all that was written lies that much further in the past."""
    with database.transaction() as session:
        for job in session.scalars(select(JobRow)):
            for name in ("available_at", "created_at", "lease_expires_at", "claimed_at"):
                if (time := getattr(job, name)) is not None:
                    setattr(job, name, time - timedelta(seconds=seconds))


def renew(database: Database, fence: Fence) -> None:
    with database.transaction() as session:
        renew_lease(session, fence, lease_seconds=LEASE_SECONDS)


def state_of(job: Job) -> tuple[JobState, int, int]:
    return job.state, job.attempt, job.failures


def test_worker_that_is_alone_renews_its_lease_after_a_jump_forwards(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence

    jump(database, HOUR)
    renew(database, fence)

    with database.transaction() as session:
        assert claim_job(session, "worker-2", lease_seconds=LEASE_SECONDS) is None
    assert state_of(read(database, job_id)) == (JobState.running, 1, 0)


def test_job_that_another_worker_claims_after_a_jump_forwards_has_one_worker(
    database: Database,
) -> None:
    job_id = a_job(database)
    first = a_claim(database).fence

    jump(database, HOUR)
    second = a_claim(database, "worker-2").fence

    with pytest.raises(LeaseLost):
        renew(database, first)
    renew(database, second)
    assert state_of(read(database, job_id)) == (JobState.running, 2, 1)


def test_lease_is_as_short_as_ever_after_a_jump_backwards(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence

    jump(database, -HOUR)
    renew(database, fence)
    jump(database, LEASE_SECONDS + 1)

    assert a_claim(database, "worker-2").fence == Fence(job_id, "worker-2", 2)


def test_running_time_does_not_fall_with_the_clock(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    jump(database, 20)
    renew(database, fence)

    jump(database, -HOUR)
    at_once = read(database, job_id).progress.seconds
    renew(database, fence)
    renewed = read(database, job_id).progress.seconds

    assert 20 <= at_once < LEASE_SECONDS
    assert 20 <= renewed < LEASE_SECONDS


def test_running_time_rises_by_one_lease_at_most_as_the_clock_jumps(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence

    jump(database, HOUR)
    at_once = read(database, job_id).progress.seconds
    renew(database, fence)
    renewed = read(database, job_id).progress.seconds

    assert at_once == LEASE_SECONDS
    assert LEASE_SECONDS <= renewed < LEASE_SECONDS + 10


def test_running_time_does_not_fall_as_another_worker_claims_the_job(database: Database) -> None:
    job_id = a_job(database)
    a_claim(database)
    jump(database, LEASE_SECONDS + 5)
    before = read(database, job_id).progress.seconds

    a_claim(database, "worker-2")

    assert before == LEASE_SECONDS
    assert before <= read(database, job_id).progress.seconds < LEASE_SECONDS + 10
