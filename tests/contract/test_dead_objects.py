"""Which objects of deleted blobs a process deletes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from service.store import blobs, dead_objects
from service.store.blobs import reap_blobs
from service.store.database import Database, utc_now
from service.store.dead_objects import DeadObjectsRow, name_dead
from service.store.objects import ObjectStoreAway
from service.store.schema import BlobRow
from tests.builders.object_store import ObjectStore
from tests.builders.store import a_blob
from tests.conftest import NewUrl
from worker.supervisor import collector
from worker.supervisor.collector import Collector


@pytest.fixture(params=["sqlite", "postgres_18"])
def database(
    request: pytest.FixtureRequest, new_database_url: NewUrl, object_store: ObjectStore
) -> Iterator[Database]:
    opened = Database(new_database_url(request.param), blob_store=object_store.new_url())
    yield opened
    opened.close()


def copy_of(database: Database, *, blob_store: str) -> Database:
    """The same rows, as a restored copy has them, with another object store."""
    return Database(database.url.render_as_string(hide_password=False), blob_store=blob_store)


def forget_touches(database: Database) -> None:
    """Let an hour pass for all blobs."""
    with database.transaction() as session:
        session.execute(update(BlobRow).values(touched_at=utc_now(-7200)))


@pytest.mark.parametrize("change", ["above", "of other letters", "below"])
def test_copy_deletes_no_objects_of_a_store_whose_url_is_like_its_own(
    database: Database, object_store: ObjectStore, change: str
) -> None:
    store_url = str(database.blob_store)
    others = {
        "above": store_url.rpartition("/")[0],
        "of other letters": f"{store_url.rpartition('/')[0]}/Blobs",
        "below": f"{store_url}/copy",
    }
    a_blob(database)
    forget_touches(database)
    copy = copy_of(database, blob_store=others[change])

    reap_blobs(copy)

    copy.close()
    assert len(object_store.keys(store_url)) == 1
    with database.reading() as session:
        assert len(session.scalars(select(DeadObjectsRow)).all()) == 1
    reap_blobs(database)
    assert object_store.keys(store_url) == []


def test_worker_gives_back_room_though_its_store_deletes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    a_blob(database)
    forget_touches(database)
    given_back: list[Database] = []

    def note(database: Database) -> bool:
        given_back.append(database)
        return False

    def refuse(_url: str, _parts: int) -> None:
        raise ObjectStoreAway("no rights to delete")

    monkeypatch.setattr(dead_objects, "delete_parts", refuse)
    monkeypatch.setattr(collector, "give_back_pages", note)

    Collector(database, clock=lambda: 0.0).collect()

    assert given_back == [database]
    assert "objects are not deleted for a while: no rights to delete" in caplog.text


def test_upload_deletes_objects_for_some_seconds_alone(
    database: Database, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        a_blob(database, bytes([number]))
    forget_touches(database)
    monkeypatch.setattr(blobs, "DELETE_SECONDS", 0.0)

    reaped = reap_blobs(database)

    assert reaped == 3
    assert len(object_store.keys(str(database.blob_store))) == 2


def test_more_objects_of_a_url_are_named_dead_than_were_before(database: Database) -> None:
    with database.transaction() as session:
        for parts in (1, 3, 2):
            name_dead(session, "s3://models/lowloss/a/b", parts)

    with database.reading() as session:
        assert session.scalars(select(DeadObjectsRow.parts)).all() == [3]
