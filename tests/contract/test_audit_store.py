"""The audit log in each database."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import update

from service.store.audit import NewEntry, delete_old_entries, list_entries, record_entry
from service.store.database import Database, utc_now
from service.store.schema import AuditRow


def an_entry(project: str, path: str) -> NewEntry:
    return NewEntry("tok_1", "Ada", project, "192.0.2.7", "POST", path, 202)


def test_entries_are_listed_newest_first_of_one_project_or_of_all(database: Database) -> None:
    for number, project in enumerate(("default", "vision", "default")):
        with database.transaction() as session:
            record_entry(session, an_entry(project, f"/v1/jobs/{number}"))
            # SQLite tells times apart by milliseconds.
            at = datetime(2026, 1, 1 + number, tzinfo=UTC)
            session.execute(
                update(AuditRow).where(AuditRow.path == f"/v1/jobs/{number}").values(at=at)
            )

    with database.reading() as session:
        first = list_entries(session, project=None, cursor=None, limit=2)
        second = list_entries(session, project=None, cursor=first.next, limit=2)
        of_one = list_entries(session, project="vision", cursor=None, limit=9)

    paths = [entry.path for entry in (*first.items, *second.items)]
    assert paths == ["/v1/jobs/2", "/v1/jobs/1", "/v1/jobs/0"]
    assert [entry.path for entry in of_one.items] == ["/v1/jobs/1"]
    assert first.items[0].peer == "192.0.2.7"


def test_old_entries_are_deleted(database: Database) -> None:
    with database.transaction() as session:
        record_entry(session, an_entry("default", "/old"))
        session.flush()
        session.execute(update(AuditRow).values(at=utc_now(-3600)))
        record_entry(session, an_entry("default", "/new"))

    with database.transaction() as session:
        delete_old_entries(session, days=0.5 / 24)
        listed = list_entries(session, project=None, cursor=None, limit=9)

    assert [entry.path for entry in listed.items] == ["/new"]
