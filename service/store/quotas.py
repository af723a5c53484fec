"""Quotas of projects, and their turns in the queue.

What counts against a quota is counted under the lock of the project's row, so that requests at once
do not pass it together.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from lowloss.errors import ProjectNotFound, QuotaExceeded
from lowloss.results import JobState, Project
from lowloss.spec import Quotas
from lowloss.wording import counted, format_bytes, format_duration
from service.store.database import utc_now
from service.store.projects import make_project, read_quotas
from service.store.schema import ArtifactRow, CpuUsageRow, DatasetRow, JobRow, ProjectRow

CPU_DAYS = 30
DAY_SECONDS = 24 * 3600.0
WAITING = (JobState.queued, JobState.paused)


def get_quotas(session: Session, project: str) -> Quotas:
    """Return the quotas of a project; none for one that is not there."""
    row = session.get(ProjectRow, project)
    return Quotas() if row is None else read_quotas(row)


def set_quotas(session: Session, project: str, quotas: Quotas) -> Project:
    """Replace the quotas of a project; raise ProjectNotFound."""
    row = _lock(session, project)
    if row is None:
        raise ProjectNotFound.of(project)
    for name, value in quotas:
        setattr(row, name, value)
    session.flush()
    return make_project(row)


def check_waiting_jobs(session: Session, project: str) -> None:
    """Raise QuotaExceeded where a project has as many jobs that wait as it may have."""
    row = _lock(session, project)
    if row is None or row.max_waiting_jobs is None:
        return
    is_waiting = JobRow.project == project, JobRow.state.in_(WAITING)
    count = session.scalar(select(func.count()).select_from(JobRow).where(*is_waiting)) or 0
    if count >= row.max_waiting_jobs:
        raise QuotaExceeded(
            f"{counted(count, 'job')} of the project wait already, and it may have "
            f"{row.max_waiting_jobs}",
            fix="wait until one has begun, or cancel one",
        )


def check_cpu_seconds(session: Session, project: str) -> None:
    """Raise QuotaExceeded where a project's jobs have used up its processor time.

    Those that run or wait go on.
    """
    row = session.get(ProjectRow, project)
    if row is None or row.cpu_seconds_per_30_days is None:
        return
    used = count_cpu_seconds(session, project)
    if used >= row.cpu_seconds_per_30_days:
        raise QuotaExceeded(
            f"the project's jobs used {format_duration(used)} of processor time in the last 30 "
            f"days, and may use {format_duration(row.cpu_seconds_per_30_days)}",
            fix="wait until the first of those days are over, or ask an admin for more",
        )


def count_cpu_seconds(session: Session, project: str) -> float:
    """Return the processor seconds of a project's jobs in the last 30 days, this one included."""
    is_counted = CpuUsageRow.project == project, is_recent()
    return session.scalar(select(func.sum(CpuUsageRow.cpu_seconds)).where(*is_counted)) or 0.0


def is_recent() -> ColumnElement[bool]:
    """Return the condition that a day of processor time counts."""
    return CpuUsageRow.day > utc_now(-CPU_DAYS * DAY_SECONDS)


def check_stored_bytes(session: Session, project: str, size_bytes: int) -> None:
    """Raise QuotaExceeded where a project may not store so many more bytes.

    What workers store for its jobs counts, too, and is never refused.
    """
    row = _lock(session, project)
    if row is None or row.max_stored_bytes is None:
        return
    stored = count_stored_bytes(session, project)
    if stored + size_bytes > row.max_stored_bytes:
        raise QuotaExceeded(
            f"the project stores {format_bytes(stored)}, and may store "
            f"{format_bytes(row.max_stored_bytes)}: {format_bytes(size_bytes)} more are too many",
            fix="delete datasets or jobs of the project",
        )


def count_stored_bytes(session: Session, project: str) -> int:
    """Return the size of a project's datasets and artifacts; what is shared counts for each."""
    datasets = select(func.sum(DatasetRow.size_bytes)).where(DatasetRow.project == project)
    artifacts = select(func.sum(ArtifactRow.size_bytes)).join(
        JobRow, (JobRow.id == ArtifactRow.job_id) & (JobRow.project == project)
    )
    sums = session.execute(select(datasets.scalar_subquery(), artifacts.scalar_subquery())).one()
    return sum(int(size or 0) for size in sums)


def may_run(project: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Return the condition that a project may have another job run; looked at once a project."""
    owner, running = aliased(ProjectRow, name="owner"), aliased(JobRow, name="running")
    is_running = (running.project == owner.name) & (running.state == JobState.running)
    count = select(func.count()).select_from(running).where(is_running).scalar_subquery()
    has_room = or_(owner.max_running_jobs.is_(None), count < owner.max_running_jobs)
    return project.in_(select(owner.name).where(has_room))


def take_turn(session: Session, project: str) -> bool:
    """Give a project its turn: all others come before its next one.

    Return False where another worker has just begun the last job that it may have run.
    """
    last_turn = select(func.max(ProjectRow.turn)).scalar_subquery()
    session.execute(
        update(ProjectRow)
        .where(ProjectRow.name == project)
        .values(turn=last_turn + 1)
        .execution_options(synchronize_session=False)
    )
    # The row is locked from here on, and this statement sees what others committed before.
    return bool(session.scalar(select(may_run(ProjectRow.name)).where(ProjectRow.name == project)))


def _lock(session: Session, project: str) -> ProjectRow | None:
    # Not the whole row: a job that is added at once refers to its key.
    return session.get(
        ProjectRow, project, with_for_update={"key_share": True}, populate_existing=True
    )
