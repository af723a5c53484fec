"""A job is claimed by a worker that has what it needs, in each database."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.results import JobState
from lowloss.spec import Needs
from service.store.database import Database
from service.store.queue import claim_job
from service.store.requests import cancel_job
from service.store.workers import Activity, Offer, WorkerProcess, record_worker
from tests.builders.store import LEASE_SECONDS, a_diagnosis_job, a_job, expire_lease
from tests.builders.workers import read

OFFER = Offer(cores=4, memory_bytes=8 * 10**9)
TOO_MUCH: list[dict[str, Any]] = [
    {"cores": 5},
    {"memory_bytes": 8 * 10**9 + 1},
    {"executor": "ray"},
    {"cores": 1, "executor": "ray"},
]


def claimed(database: Database, offer: Offer | None = OFFER) -> str | None:
    with database.transaction() as session:
        claim = claim_job(session, "box", lease_seconds=LEASE_SECONDS, offer=offer)
    return None if claim is None else claim.fence.job_id


@pytest.mark.parametrize("needs", TOO_MUCH, ids=str)
def test_worker_leaves_a_job_that_needs_more_than_it_has(
    database: Database, needs: dict[str, Any]
) -> None:
    large = a_job(database, needs=needs, priority=1)
    small = a_job(database)

    assert [claimed(database), claimed(database)] == [small, None]
    assert read(database, large).queue_position == 1
    assert claimed(database, Offer(64, 10**12, "ray")) == large


@pytest.mark.parametrize(
    "needs",
    [{}, {"cores": 4, "memory_bytes": 8 * 10**9, "executor": "local"}],
    ids=["anything", "all of it"],
)
@pytest.mark.parametrize("submit", [a_job, a_diagnosis_job])
def test_worker_takes_a_job_that_needs_no_more_than_it_has(
    database: Database, submit: Any, needs: dict[str, Any]
) -> None:
    job_id = submit(database, needs=needs)

    assert read(database, job_id).spec.needs == Needs.model_validate(needs)
    assert claimed(database) == job_id


@pytest.mark.parametrize("needs", TOO_MUCH, ids=str)
def test_job_lacks_a_worker_until_one_has_what_it_needs(
    database: Database, needs: dict[str, Any]
) -> None:
    job_id = a_job(database, needs=needs)
    found = []

    for number, offer in enumerate([OFFER, Offer(64, 10**12, "ray")]):
        with database.transaction() as session:
            process = WorkerProcess(f"wrk_{number}", f"box {number}", "1.0", offer)
            record_worker(session, process, Activity())
        found.append(read(database, job_id).lacks_worker)

    assert found == [True, False]


@pytest.mark.parametrize(
    ("requested", "state", "worker"),
    [(None, JobState.queued, "large"), ("cancel", JobState.cancelled, None)],
)
def test_lost_job_that_needs_more_is_settled_by_any_worker(
    database: Database, requested: str | None, state: JobState, worker: str | None
) -> None:
    job_id = a_job(database, needs={"cores": 64})
    large = Offer(64, 10**12)
    assert claimed(database, large) == job_id
    if requested:
        with database.transaction() as session:
            cancel_job(session, job_id)
    expire_lease(database, job_id)

    assert claimed(database) is None

    job = read(database, job_id)
    assert (job.state, job.failures) == (state, 1)
    assert claimed(database, large) == (job_id if worker else None)
