"""The audit log: who changed what and from where, and which tokens were refused."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from lowloss.results import AuditEntry, Page
from service.store.cursors import ListOrder
from service.store.database import utc_now
from service.store.schema import AuditRow

NEWEST_FIRST = ListOrder(AuditRow.at, AuditRow.id)
DAY_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class NewEntry:
    """A request that has been answered."""

    token: str
    name: str
    project: str
    peer: str
    method: str
    path: str
    status: int


def record_entry(session: Session, new: NewEntry) -> None:
    """Add an entry."""
    session.add(AuditRow(id=secrets.token_hex(10), **asdict(new)))


def delete_old_entries(session: Session, *, days: float) -> None:
    """Delete the entries that are older than some days."""
    session.execute(delete(AuditRow).where(AuditRow.at < utc_now(-days * DAY_SECONDS)))


def list_entries(
    session: Session, *, project: str | None, cursor: str | None, limit: int
) -> Page[AuditEntry]:
    """List entries of one project or of all, newest first."""
    query = select(AuditRow).where(NEWEST_FIRST.after(cursor))
    if project is not None:
        query = query.where(AuditRow.project == project)
    rows = session.scalars(query.order_by(*NEWEST_FIRST.clauses).limit(limit + 1)).all()
    return NEWEST_FIRST.make_page(rows, limit, _make_entry)


def _make_entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        token=row.token,
        name=row.name,
        project=row.project,
        peer=row.peer,
        method=row.method,
        path=row.path,
        status=row.status,
    )
