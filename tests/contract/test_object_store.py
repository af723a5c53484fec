"""Blobs in an object store that goes away, loses objects, or whose writers are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import func, select, update

from lowloss.results import JobState
from service.store import blobs, dead_objects, objects
from service.store.artifacts import get_artifact
from service.store.blobs import (
    adopt_blob,
    hash_file,
    load_blob,
    read_blob,
    reap_blobs,
    reap_chunks,
    write_blob,
)
from service.store.database import Database, is_busy, utc_now
from service.store.dead_objects import DeadObjectsRow, delete_dead_objects, name_dead
from service.store.objects import PART_BYTES, BytesLost, ObjectStoreAway
from service.store.queue import finish_job
from service.store.schema import BlobChunkRow, BlobRow
from tests.builders.object_store import ObjectStore, at_part, forget_touches
from tests.builders.outages import QuietChannel
from tests.builders.store import a_blob, a_claim, a_dataset, a_job
from tests.conftest import NewUrl
from worker.progress import reporter as reporter_module
from worker.progress.channel import Channel
from worker.progress.reporter import Reporter
from worker.supervisor.collector import Collector

DATA = b"".join(bytes([number]) * PART_BYTES for number in range(3)) + b"the end"


@pytest.fixture(params=["sqlite", "postgres_18"])
def database(
    request: pytest.FixtureRequest, new_database_url: NewUrl, object_store: ObjectStore
) -> Iterator[Database]:
    opened = Database(new_database_url(request.param), blob_store=object_store.new_url())
    yield opened
    opened.close()


@pytest.fixture
def store_url(database: Database) -> str:
    return str(database.blob_store)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "model.keras"
    written.write_bytes(DATA)
    return written


@pytest.fixture
def away(object_store: ObjectStore) -> Iterator[Callable[[], None]]:
    """A function that stops the object store; it is there again at the end of a test."""
    yield object_store.stop
    object_store.stop()
    object_store.start()


def count(database: Database, table: type[BlobRow | DeadObjectsRow | BlobChunkRow]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_upload_goes_on_at_its_part_where_the_store_went_away(
    database: Database,
    path: Path,
    object_store: ObjectStore,
    away: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha256 = hash_file(path)

    with pytest.raises(ObjectStoreAway, match="LOWLOSS_BLOB_STORE") as raised:
        write_blob(database, path, sha256=sha256, alive=at_part(2, away))

    assert is_busy(raised.value)
    with pytest.raises(RuntimeError, match="incomplete"), database.transaction() as session:
        adopt_blob(session, sha256)
    object_store.start()
    written: list[int] = []
    put_part = objects.put_part

    def noted(objects_url: str, number: int, data: bytes) -> None:
        written.append(number)
        put_part(objects_url, number, data)

    monkeypatch.setattr(blobs, "put_part", noted)
    write_blob(database, path, sha256=sha256)
    assert written == [2, 3]
    assert b"".join(read_blob(database, sha256)) == DATA
    write_blob(database, path, sha256=sha256)
    assert written == [2, 3]


def test_job_waits_for_a_store_that_is_away(
    database: Database,
    path: Path,
    object_store: ObjectStore,
    away: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reporter_module, "WRITE_SECONDS", 0.1)
    job_id = a_job(database)
    channel = QuietChannel()
    reporter = Reporter(database, a_claim(database).fence, cast("Channel", channel))
    away()

    def come_back() -> None:
        channel.has_waited.wait(60)
        object_store.start()

    thread = threading.Thread(target=come_back)
    thread.start()
    reporter.add_artifact(path, "application/vnd.keras")
    thread.join()

    assert channel.waits == ["the object store", None]
    with database.transaction() as session:
        finish_job(session, reporter.fence, state=JobState.succeeded)
    with database.reading() as session:
        artifact = get_artifact(session, job_id, "model.keras")
    assert load_blob(database, artifact.sha256) == DATA
    reporter.copy_blob(artifact.sha256, path.with_name("copy"))
    assert path.with_name("copy").read_bytes() == DATA


@pytest.mark.parametrize("change", ["deleted", "cut short", "emptied"])
def test_object_that_somebody_else_changed_is_named(
    database: Database, store_url: str, object_store: ObjectStore, change: str
) -> None:
    sha256 = a_blob(database, DATA)
    key = object_store.keys(store_url)[1]
    if change == "deleted":
        object_store.delete(store_url, key)
    else:
        object_store.put(store_url, key, b"x" if change == "cut short" else b"")
    chunks = read_blob(database, sha256)

    assert next(chunks) == DATA[:PART_BYTES]
    with pytest.raises(BytesLost, match=f"{key} is not there, or not as it was written") as lost:
        next(chunks)

    assert not is_busy(lost.value)


def test_writer_that_is_killed_leaves_what_the_next_reaping_deletes(
    database: Database, path: Path, store_url: str, object_store: ObjectStore
) -> None:
    sha256 = hash_file(path)
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from service.store import blobs\n"
        "from service.store.database import Database\n"
        "put_part = blobs.put_part\n"
        "def put_and_die(url, number, data):\n"
        "    put_part(url, number, data)\n"
        "    if number == 1:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "blobs.put_part = put_and_die\n"
        "url, store, path, sha256 = sys.argv[1:]\n"
        "blobs.write_blob(Database(url, blob_store=store), Path(path), sha256=sha256)\n"
    )
    url = database.url.render_as_string(hide_password=False)
    killed = subprocess.run(
        [sys.executable, "-c", program, url, store_url, str(path), sha256],
        env=dict(os.environ),
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    # The second object is there, and the database does not know.
    assert len(object_store.keys(store_url)) == 2
    with database.reading() as session:
        assert session.get_one(BlobRow, sha256).stored_parts == 1
    reap_blobs(database)
    assert len(object_store.keys(store_url)) == 2

    forget_touches(database)
    reap_blobs(database)

    assert object_store.keys(store_url) == []
    assert count(database, BlobRow) == count(database, DeadObjectsRow) == 0


@pytest.mark.parametrize("died", ["before", "after"])
def test_reaper_that_dies_at_the_objects_leaves_them_to_the_next(
    database: Database,
    store_url: str,
    object_store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    died: str,
) -> None:
    a_blob(database, DATA)
    forget_touches(database)
    delete_parts = objects.delete_parts

    def die(objects_url: str, parts: int) -> None:
        if died == "after":
            delete_parts(objects_url, parts)
        raise KeyboardInterrupt

    monkeypatch.setattr(dead_objects, "delete_parts", die)
    with pytest.raises(KeyboardInterrupt):
        reap_blobs(database)
    assert (count(database, BlobRow), count(database, DeadObjectsRow)) == (0, 1)
    monkeypatch.setattr(dead_objects, "delete_parts", delete_parts)
    # Another process may be at it: for a minute it is left alone.
    assert not delete_dead_objects(database)
    with database.transaction() as session:
        session.execute(update(DeadObjectsRow).values(tried_at=utc_now(-61)))

    Collector(database).collect()

    assert object_store.keys(store_url) == []
    assert count(database, DeadObjectsRow) == 0


def test_bytes_that_are_written_again_outlive_the_deletion_of_the_old_ones(
    database: Database, store_url: str, object_store: ObjectStore
) -> None:
    sha256 = a_blob(database, DATA)
    forget_touches(database)
    assert reap_chunks(database)
    a_dataset(database, DATA)

    reap_blobs(database)

    assert b"".join(read_blob(database, sha256)) == DATA
    assert len(object_store.keys(store_url)) == 4


def test_writer_whose_blob_was_reaped_leaves_no_object(
    database: Database, path: Path, store_url: str, object_store: ObjectStore
) -> None:
    def stand_still_for_an_hour() -> None:
        forget_touches(database)
        reap_blobs(database)
        assert object_store.keys(store_url) == []

    with pytest.raises(RuntimeError, match="was reaped while it was written"):
        write_blob(
            database, path, sha256=hash_file(path), alive=at_part(2, stand_still_for_an_hour)
        )

    assert len(object_store.keys(store_url)) == 1
    reap_blobs(database)
    assert object_store.keys(store_url) == []
    write_blob(database, path, sha256=hash_file(path))
    assert b"".join(read_blob(database, hash_file(path))) == DATA


def test_object_that_a_writer_adds_while_the_others_are_deleted_is_deleted_too(
    database: Database,
    store_url: str,
    object_store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_blob(database, DATA)
    forget_touches(database)
    delete_parts = objects.delete_parts

    def delete_and_meet_a_writer(objects_url: str, parts: int) -> None:
        delete_parts(objects_url, parts)
        monkeypatch.setattr(dead_objects, "delete_parts", delete_parts)
        objects.put_part(objects_url, 0, b"late")
        with database.transaction() as session:
            name_dead(session, objects_url, 1)

    monkeypatch.setattr(dead_objects, "delete_parts", delete_and_meet_a_writer)

    reap_blobs(database)

    assert object_store.keys(store_url) == []
    assert count(database, DeadObjectsRow) == 0


def test_both_homes_are_read_whatever_is_set_and_objects_are_deleted_where_theirs_is(
    database: Database, store_url: str, object_store: ObjectStore
) -> None:
    in_objects = a_blob(database, DATA)
    url = database.url.render_as_string(hide_password=False)
    without = Database(url)
    elsewhere = Database(url, blob_store=f"{store_url}2")
    in_chunks = a_blob(without, b"x" + DATA)
    a_blob(without, DATA)

    for other in (database, without, elsewhere):
        assert b"".join(read_blob(other, in_objects, start=7)) == DATA[7:]
        assert b"".join(read_blob(other, in_chunks)) == b"x" + DATA
    with database.reading() as session:
        assert session.get_one(BlobRow, in_chunks).objects_url is None
        assert str(session.get_one(BlobRow, in_objects).objects_url).startswith(store_url)
    forget_touches(database)
    for other in (without, elsewhere):
        reap_blobs(other)
        other.close()
    # They may be those of the database that this one was copied from.
    assert len(object_store.keys(store_url)) == 4
    assert (count(database, BlobRow), count(database, DeadObjectsRow)) == (0, 1)
    reap_blobs(database)
    assert object_store.keys(store_url) == []


def test_objects_that_cannot_be_deleted_fail_no_writer(
    database: Database,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    a_blob(database, b"old")
    forget_touches(database)

    def refuse(_url: str, _parts: int) -> None:
        raise ObjectStoreAway("no rights to delete")

    monkeypatch.setattr(dead_objects, "delete_parts", refuse)

    write_blob(database, path, sha256=hash_file(path))
    reap_blobs(database)

    assert b"".join(read_blob(database, hash_file(path))) == DATA
    assert "objects are not deleted for a while: no rights to delete" in caplog.text
    assert count(database, DeadObjectsRow) == 1


def test_blobs_that_are_written_and_reaped_at_once_are_whole_or_gone(
    database: Database, store_url: str, object_store: ObjectStore
) -> None:
    variants = [bytes([number]) * (PART_BYTES + 1) for number in range(2)]
    reads: list[bool] = []
    faults: list[str] = []

    def write_and_read(first: int) -> None:
        for number in range(first, first + 6):
            data = variants[number % 2]
            try:
                sha256 = a_blob(database, data)
                reads.append(b"".join(read_blob(database, sha256)) == data)
            except RuntimeError as error:
                faults.append(str(error))

    threads = [threading.Thread(target=write_and_read, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        forget_touches(database)
        reap_blobs(database)
    forget_touches(database)
    reap_blobs(database)

    assert len(reads) + len(faults) == 3 * 6
    assert all(reads)
    assert all("was reaped" in fault or "was deleted" in fault for fault in faults)
    assert object_store.keys(store_url) == []
    assert count(database, BlobRow) == count(database, DeadObjectsRow) == 0


def test_blob_that_is_written_anew_is_not_lost(database: Database, path: Path) -> None:
    sha256 = hash_file(path)
    read = list[bytes]()

    def read_it() -> None:
        with pytest.raises(RuntimeError, match="was deleted while it was read"):
            read.extend(read_blob(database, sha256))
        with pytest.raises(RuntimeError, match="was deleted while it was read"):
            load_blob(database, sha256)

    write_blob(database, path, sha256=sha256, alive=at_part(2, read_it))

    assert b"".join(read) == DATA[: 2 * PART_BYTES]
    assert load_blob(database, sha256) == DATA


def test_empty_blob_has_no_objects(
    database: Database, store_url: str, object_store: ObjectStore
) -> None:
    sha256 = a_blob(database, b"")

    assert b"".join(read_blob(database, sha256)) == b""
    assert object_store.keys(store_url) == []
    with database.transaction() as session:
        adopt_blob(session, sha256)
