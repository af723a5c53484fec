"""The processor time of projects: what attempts have used, by day, for a quota and for metrics."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.store.database import insert_if_absent, utc_now
from service.store.queue import Fence, hold_fence
from service.store.quotas import is_recent
from service.store.schema import AttemptRow, CpuUsageRow


def record_cpu_seconds(session: Session, fence: Fence, cpu_seconds: float) -> None:
    """Record what an attempt has used so far, and add what is new of it to its project's day.

    Raise LeaseLost.
    """
    job = hold_fence(session, fence)
    attempt = session.get_one(AttemptRow, (job.id, job.attempt))
    more = cpu_seconds - attempt.cpu_seconds
    if more <= 0:
        return
    attempt.cpu_seconds = cpu_seconds
    now = session.scalars(select(utc_now())).one()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    is_today = CpuUsageRow.project == job.project, CpuUsageRow.day == day
    raised = update(CpuUsageRow).where(*is_today)
    raised = raised.values(cpu_seconds=CpuUsageRow.cpu_seconds + more)
    if session.execute(raised).rowcount:  # type: ignore[attr-defined]
        return
    is_over = CpuUsageRow.project == job.project, ~is_recent()
    session.execute(delete(CpuUsageRow).where(*is_over))
    row = {"project": job.project, "day": day, "cpu_seconds": 0.0}
    insert_if_absent(session, CpuUsageRow, [row])
    session.execute(raised)
