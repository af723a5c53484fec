"""Counts of all jobs, running or not: what metrics report, the same from every server."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Float, and_, case, cast, func, literal, select, union_all, update
from sqlalchemy.orm import Session, aliased

from lowloss.results import JobState
from service.store.database import insert_if_absent, utc_now
from service.store.quotas import is_recent
from service.store.schema import CpuUsageRow, JobRow, TotalRow, WorkerRow
from service.store.space import Space, measure_space
from service.store.workers import ALIVE_SECONDS

WORKERS, CPU_SECONDS = "workers", "cpu_seconds"


class Total(StrEnum):
    """What is counted as it happens; each has a label."""

    attempts = "attempts"
    retries = "retries"
    phase_seconds = "phase_seconds"


@dataclass(frozen=True)
class Measures:
    """How things stand; `waiting_seconds` is the longest wait of a queued job, quotas aside.

    `cpu_seconds` are those of each project in the last 30 days.
    """

    jobs: dict[JobState, int]
    waiting_seconds: float
    workers: dict[str, int]
    cpu_seconds: dict[str, float]
    totals: dict[Total, dict[str, float]]
    space: Space


def add_to_total(session: Session, total: Total, label: str, amount: float = 1.0) -> None:
    """Raise a total, whose row stays locked until the transaction's end."""
    is_row = TotalRow.name == total, TotalRow.label == label
    raised = update(TotalRow).where(*is_row).values(value=TotalRow.value + amount)
    if session.execute(raised).rowcount:  # type: ignore[attr-defined]
        return
    insert_if_absent(session, TotalRow, [{"name": total.value, "label": label, "value": 0.0}])
    session.execute(raised)


def read_measures(session: Session) -> Measures:
    """Read all counts, in three statements."""
    jobs, waiting_seconds = _read_jobs(session)
    is_busy = case((WorkerRow.job_id.is_(None), "idle"), else_="busy")
    workers = (
        select(literal(WORKERS), is_busy, cast(func.count(), Float))
        .where(WorkerRow.seen_at >= utc_now(-ALIVE_SECONDS))
        .group_by(is_busy)
    )
    cpu_seconds = (
        select(literal(CPU_SECONDS), CpuUsageRow.project, func.sum(CpuUsageRow.cpu_seconds))
        .where(is_recent())
        .group_by(CpuUsageRow.project)
    )
    totals = select(TotalRow.name, TotalRow.label, TotalRow.value)
    values: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for name, label, value in session.execute(union_all(totals, workers, cpu_seconds)):
        values[name][label] = value
    return Measures(
        jobs,
        waiting_seconds,
        {state: int(values[WORKERS].get(state, 0)) for state in ("busy", "idle")},
        values[CPU_SECONDS],
        {total: values[total] for total in Total},
        measure_space(session),
    )


def _read_jobs(session: Session) -> tuple[dict[JobState, int], float]:
    """Return how many jobs there are in each state, and the longest wait in seconds."""
    # By itself, so that the counts come out of an index, and no row of a finished job is read.
    waiting = aliased(JobRow)
    is_waiting = and_(waiting.state == JobState.queued, waiting.available_at <= utc_now())
    since = select(func.min(waiting.available_at)).where(is_waiting).scalar_subquery()
    counts, waiting_seconds = dict.fromkeys(JobState, 0), 0.0
    query = select(JobRow.state, func.count(), since, utc_now()).group_by(JobRow.state)
    for state, count, waiting_since, now in session.execute(query):
        counts[JobState(state)] = count
        if waiting_since is not None:
            waiting_seconds = (now - waiting_since).total_seconds()
    return counts, waiting_seconds
