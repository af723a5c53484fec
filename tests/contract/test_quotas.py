"""Turns of projects in the queue, and their quotas, in each database."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest

from lowloss.errors import ProjectNotFound, QuotaExceeded
from lowloss.results import JobState
from lowloss.spec import DEFAULT_PROJECT, Quotas, Task
from service.store.database import Database
from service.store.projects import create_project, list_projects
from service.store.queue import claim_job, enqueue_job, finish_job
from service.store.quotas import count_stored_bytes, get_quotas, set_quotas
from tests.builders.store import (
    LEASE_SECONDS,
    a_claim,
    a_dataset,
    a_job_of,
    a_spec,
    an_artifact,
    expire_lease,
)

VISION = "vision"


@pytest.fixture
def datasets(database: Database) -> dict[str, str]:
    """A dataset of each of two projects."""
    with database.transaction() as session:
        create_project(session, VISION)
    return {project: a_dataset(database, project=project) for project in (DEFAULT_PROJECT, VISION)}


def bound(database: Database, project: str, **quotas: int) -> None:
    with database.transaction() as session:
        set_quotas(session, project, Quotas(**quotas))


def submit(database: Database, datasets: dict[str, str], project: str, **fields: int) -> str:
    with database.transaction() as session:
        spec = a_spec(datasets[project], **fields)
        return enqueue_job(session, spec, project=project, task=Task.regression, max_attempts=3)


def claim(database: Database, owner: str = "worker") -> str | None:
    with database.transaction() as session:
        claimed = claim_job(session, owner, lease_seconds=LEASE_SECONDS)
    return None if claimed is None else claimed.fence.job_id


def at_once(call: Callable[[int], None], count: int) -> None:
    """Call a function in some threads that begin together."""
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait(20)
        call(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_projects_take_turns_however_many_jobs_one_has(
    database: Database, datasets: dict[str, str]
) -> None:
    many = [submit(database, datasets, DEFAULT_PROJECT) for _ in range(50)]
    few = [submit(database, datasets, VISION) for _ in range(2)]

    claimed = [claim(database) for _ in range(6)]

    assert [job in few for job in claimed[:4]].count(True) == 2
    assert [job for job in claimed if job in few] == few
    assert [job for job in claimed if job in many] == many[:4]


def test_priority_is_among_the_jobs_of_a_project(
    database: Database, datasets: dict[str, str]
) -> None:
    waiting = submit(database, datasets, VISION)
    low, high = (submit(database, datasets, DEFAULT_PROJECT, priority=p) for p in (0, 100))
    other_high = submit(database, datasets, DEFAULT_PROJECT, priority=99)

    claimed = [claim(database) for _ in range(4)]

    assert claimed.index(waiting) < 2
    assert [job for job in claimed if job != waiting] == [high, other_high, low]


def test_no_more_jobs_of_a_project_run_than_may_however_many_workers_ask(
    database: Database, datasets: dict[str, str]
) -> None:
    bound(database, VISION, max_running_jobs=2)
    jobs = {submit(database, datasets, VISION) for _ in range(6)}
    claimed: list[str | None] = []

    at_once(lambda number: claimed.append(claim(database, f"worker-{number}")), 5)

    assert Counter(job in jobs for job in claimed) == {True: 2, False: 3}
    other = submit(database, datasets, DEFAULT_PROJECT)
    assert claim(database) == other


def test_job_whose_lease_has_expired_is_claimed_again_where_its_project_runs_all_it_may(
    database: Database, datasets: dict[str, str]
) -> None:
    bound(database, VISION, max_running_jobs=1)
    job = submit(database, datasets, VISION)
    assert claim(database) == job
    submit(database, datasets, VISION)
    assert claim(database) is None

    expire_lease(database, job)

    assert claim(database) == job


def test_no_more_jobs_wait_than_may_however_many_are_submitted_at_once(
    database: Database, datasets: dict[str, str]
) -> None:
    bound(database, VISION, max_waiting_jobs=3)
    outcomes: list[str] = []

    def try_to_submit(_: int) -> None:
        try:
            submit(database, datasets, VISION)
            outcomes.append("queued")
        except QuotaExceeded:
            outcomes.append("refused")

    at_once(try_to_submit, 8)

    assert Counter(outcomes) == {"queued": 3, "refused": 5}
    submit(database, datasets, DEFAULT_PROJECT)
    # One that has begun waits no more.
    while claim(database) is not None:
        pass
    submit(database, datasets, VISION)


def test_project_stores_no_more_bytes_than_it_may(
    database: Database, datasets: dict[str, str]
) -> None:
    a_job_of(database, a_spec(datasets[VISION]), project=VISION)
    fence = a_claim(database).fence
    an_artifact(database, fence, b"model" * 100)
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    with database.reading() as session:
        stored = count_stored_bytes(session, VISION)
        assert stored == 500 + len(b"x,y\n1,2\n")
        assert count_stored_bytes(session, DEFAULT_PROJECT) == len(b"x,y\n1,2\n")
    bound(database, VISION, max_stored_bytes=stored + 10)

    a_dataset(database, b"x,y\n1,2\n", project=VISION, name="what is there already")
    a_dataset(database, b"0123456789", project=VISION)
    with pytest.raises(QuotaExceeded):
        a_dataset(database, b"9", project=VISION)

    a_dataset(database, b"0123456789a", project=DEFAULT_PROJECT)


def test_no_more_bytes_are_stored_than_may_however_many_upload_at_once(
    database: Database, datasets: dict[str, str]
) -> None:
    bound(database, VISION, max_stored_bytes=len(b"x,y\n1,2\n") + 3 * 10)
    outcomes: list[str] = []

    def try_to_upload(number: int) -> None:
        try:
            a_dataset(database, f"upload {number:03}".encode()[:10], project=VISION)
            outcomes.append("stored")
        except QuotaExceeded:
            outcomes.append("refused")

    at_once(try_to_upload, 8)

    assert Counter(outcomes) == {"stored": 3, "refused": 5}


def test_quotas_are_replaced_and_read_with_the_project(
    database: Database, datasets: dict[str, str]
) -> None:
    bound(database, VISION, max_waiting_jobs=3, submits_per_minute=5)
    bound(database, VISION, max_stored_bytes=2**53 - 1)

    with database.reading() as session:
        quotas = {p.name: p.quotas for p in list_projects(session, cursor=None, limit=9).items}
        assert get_quotas(session, VISION) == quotas[VISION]
        assert get_quotas(session, "nowhere") == Quotas()
    assert quotas == {DEFAULT_PROJECT: Quotas(), VISION: Quotas(max_stored_bytes=2**53 - 1)}
    with pytest.raises(ProjectNotFound), database.transaction() as session:
        set_quotas(session, "nowhere", Quotas())
