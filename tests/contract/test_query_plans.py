"""What PostgreSQL reads for each query where there are 100,000 jobs: rows by an index, and few."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from lowloss.results import JobSort, JobState
from lowloss.spec import DEFAULT_PROJECT
from service.store.database import Database
from service.store.events import list_events, list_job_events, thin_events
from service.store.jobs import (
    get_job,
    list_jobs,
    list_jobs_of_dataset,
    list_unfinished_jobs,
    read_changes,
)
from service.store.queue import claim_job
from service.store.totals import read_measures
from service.store.trials import list_trials
from tests.builders.store import a_claim, a_job, a_trial
from tests.conftest import NewUrl

JOBS = 100_000
LARGE = frozenset({"jobs", "attempts", "trials", "events"})
MAX_ROWS = 2_000
"""Read by a statement that answers with a page of 50 jobs."""
COPY_JOBS = """
INSERT INTO jobs SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', 'job_' || lpad(n::text, 12, '0'), 'name', md5(n::text),
    'created_at', one.created_at - n * interval '1 minute',
    'finished_at', one.finished_at - n * interval '1 minute'))).*
FROM jobs AS one, generate_series(1, :jobs) AS n WHERE one.id = :id
"""
COPY_PARTS = """
INSERT INTO {table} SELECT (jsonb_populate_record(one, jsonb_build_object(
    'job_id', 'job_' || lpad(n::text, 12, '0')))).*
FROM {table} AS one, generate_series(1, :jobs) AS n WHERE one.job_id = :id
"""


@dataclass(frozen=True)
class Site:
    """A database of many ended jobs, one that waits, and one that runs."""

    database: Database
    running: str
    dataset: str


@pytest.fixture(scope="module")
def site(new_database_url: NewUrl) -> Iterator[Site]:
    database = Database(new_database_url("postgres_18"))
    ended = a_job(database, state=JobState.succeeded)
    running = a_job(database)
    a_trial(database, a_claim(database).fence, 1)
    a_job(database)
    with database.transaction() as session:
        session.execute(text(COPY_JOBS), {"id": ended, "jobs": JOBS})
        for table in ("attempts", "events"):
            session.execute(text(COPY_PARTS.format(table=table)), {"id": ended, "jobs": JOBS})
        session.execute(text(COPY_PARTS.format(table="trials")), {"id": running, "jobs": JOBS})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    with database.reading() as session:
        dataset = get_job(session, running).dataset
    yield Site(database, running, str(dataset))
    database.close()


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes_of(part)


def plans_of(database: Database, query: Callable[[Session], object]) -> list[dict[str, Any]]:
    """The plans of all statements of a query, with what each node read."""
    plans: list[dict[str, Any]] = []

    def explain(_c: object, cursor: Any, statement: str, values: Any, *_rest: object) -> None:
        if not statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            return
        # It changes rows, too, and is to change them once.
        cursor.execute("SAVEPOINT explained")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
        (answer,) = cursor.fetchone()
        cursor.execute("ROLLBACK TO SAVEPOINT explained")
        plans.append((json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"])

    event.listen(database.engine, "before_cursor_execute", explain)
    try:
        with database.transaction() as session:
            query(session)
    finally:
        event.remove(database.engine, "before_cursor_execute", explain)
    return plans


def list_page(sort: JobSort, *, state: JobState | None = None) -> Callable[[Session], object]:
    def query(session: Session) -> object:
        first = list_jobs(session, DEFAULT_PROJECT, state=state, sort=sort, cursor=None, limit=50)
        cursor = first.next
        return list_jobs(session, DEFAULT_PROJECT, state=state, sort=sort, cursor=cursor, limit=50)

    return query


QUERIES: dict[str, Callable[[Site], Callable[[Session], object]]] = {
    "a job": lambda site: lambda session: get_job(session, site.running),
    "newest jobs": lambda _: list_page(JobSort.newest),
    "oldest jobs": lambda _: list_page(JobSort.oldest),
    "jobs by name": lambda _: list_page(JobSort.name),
    "jobs that ended": lambda _: list_page(JobSort.newest, state=JobState.succeeded),
    "unfinished jobs": lambda _: (
        lambda session: list_unfinished_jobs(session, DEFAULT_PROJECT, limit=50)
    ),
    "jobs of a dataset": lambda site: (
        lambda session: list_jobs_of_dataset(session, site.dataset, limit=50)
    ),
    "changes": lambda site: lambda session: read_changes(session, [site.running]),
    "trials": lambda site: lambda session: list_trials(session, site.running, limit=50),
    "events": lambda site: lambda session: list_events(session, site.running, after=0, limit=50),
    "a job's history": lambda site: (
        lambda session: list_job_events(session, site.running, limit=50)
    ),
    "thinning": lambda _: thin_events,
    "a claim": lambda _: lambda session: claim_job(session, "worker", lease_seconds=30),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", QUERIES)
def test_query_reads_few_rows_by_an_index(site: Site, name: str) -> None:
    plans = plans_of(site.database, QUERIES[name](site))

    assert plans
    for node in (node for plan in plans for node in nodes_of(plan)):
        is_scan_of_all = node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE
        assert not is_scan_of_all, node
        removed = node.get("Rows Removed by Filter", 0)
        read = (node.get("Actual Rows", 0) + removed) * node.get("Actual Loops", 1)
        assert read <= MAX_ROWS, node


@pytest.mark.slow
def test_metrics_count_jobs_in_an_index(site: Site) -> None:
    plans = plans_of(site.database, read_measures)

    nodes = [node for plan in plans for node in nodes_of(plan)]
    kinds = {node["Node Type"] for node in nodes if node.get("Relation Name") == "jobs"}
    assert kinds
    assert kinds <= {"Index Only Scan", "Index Scan", "Bitmap Heap Scan", "Bitmap Index Scan"}
