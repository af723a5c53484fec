"""Workers that run: each writes every few seconds that it does, by the database's clock."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import Exists

from lowloss.results import Page, Worker
from lowloss.spec import ExecutorName
from service.store.cursors import ListOrder
from service.store.database import utc_now
from service.store.schema import JobRow, WorkerRow

ALIVE_SECONDS = 30.0
"""How long after its last sign of life a worker counts as alive."""
FORGET_SECONDS = 24 * 3600.0
"""How long a worker that was killed is listed."""
NEWEST_FIRST = ListOrder(WorkerRow.started_at, WorkerRow.id)


@dataclass(frozen=True)
class Offer:
    """What a worker has: the cores and the memory of its machine, and where it trains."""

    cores: int
    memory_bytes: int
    executor: ExecutorName = "local"


@dataclass(frozen=True)
class WorkerProcess:
    """A process that runs jobs; its id is random, and of this run of it alone."""

    id: str
    name: str
    version: str
    offer: Offer


@dataclass(frozen=True)
class Activity:
    """The job that a worker runs, and what it waits for that keeps it from working: in words."""

    job_id: str | None = None
    waits_for: str | None = None


def record_worker(session: Session, process: WorkerProcess, activity: Activity) -> None:
    """Record that a worker runs, and what it does; forget those killed long ago."""
    seen = asdict(activity) | {"seen_at": utc_now()}
    is_own = WorkerRow.id == process.id
    if session.execute(update(WorkerRow).where(is_own).values(seen)).rowcount:  # type: ignore[attr-defined]
        return
    session.execute(delete(WorkerRow).where(WorkerRow.seen_at < utc_now(-FORGET_SECONDS)))
    columns = {"id": process.id, "name": process.name, "version": process.version}
    session.add(WorkerRow(**columns, **asdict(process.offer), **seen))


def remove_worker(session: Session, worker_id: str) -> None:
    """Remove a worker that ends."""
    session.execute(delete(WorkerRow).where(WorkerRow.id == worker_id))


def remove_dead_worker(session: Session, name: str) -> None:
    """Remove a worker that is known to be dead."""
    session.execute(delete(WorkerRow).where(WorkerRow.name == name))


def needs_no_more_than(offer: Offer | type[WorkerRow]) -> ColumnElement[bool]:
    """Return the condition that a job needs no more than an offer, or than a worker has."""
    return and_(
        JobRow.needs_cores <= offer.cores,
        JobRow.needs_memory_bytes <= offer.memory_bytes,
        or_(JobRow.needs_executor.is_(None), JobRow.needs_executor == offer.executor),
    )


def has_fitting_worker() -> Exists:
    """Return the condition that a worker is alive that has what a job needs."""
    is_alive = WorkerRow.seen_at >= utc_now(-ALIVE_SECONDS)
    return exists().where(is_alive, needs_no_more_than(WorkerRow)).correlate(JobRow)


def list_workers(session: Session, *, cursor: str | None, limit: int) -> Page[Worker]:
    """List workers, the one that was started last first; those killed within a day, too."""
    is_alive = (WorkerRow.seen_at >= utc_now(-ALIVE_SECONDS)).label("is_alive")
    query = select(WorkerRow, is_alive).where(NEWEST_FIRST.after(cursor))
    rows = session.execute(query.order_by(*NEWEST_FIRST.clauses).limit(limit + 1)).all()
    workers = {row.WorkerRow.id: _make_worker(row.WorkerRow, is_alive=row.is_alive) for row in rows}
    return NEWEST_FIRST.make_page(
        [row.WorkerRow for row in rows], limit, lambda row: workers[row.id]
    )


def _make_worker(row: WorkerRow, *, is_alive: bool) -> Worker:
    return Worker(
        id=row.id,
        name=row.name,
        version=row.version,
        cores=row.cores,
        memory_bytes=row.memory_bytes,
        executor=row.executor,
        job=row.job_id,
        waits_for=row.waits_for,
        started_at=row.started_at,
        seen_at=row.seen_at,
        is_alive=is_alive,
    )
