"""Blobs, and the datasets and artifacts that refer to them: the same on every database."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from lowloss.errors import (
    ArtifactNotFound,
    BestModelNotReady,
    DatasetInUse,
    DatasetNotFound,
    LeaseLost,
)
from lowloss.results import JobState
from lowloss.spec import DEFAULT_PROJECT
from service.store.artifacts import (
    get_artifact,
    get_best_model,
    list_artifacts,
)
from service.store.blobs import (
    CHUNK_BYTES,
    hash_file,
    load_blob,
    read_blob,
    reap_blobs,
    write_blob,
)
from service.store.database import Database, utc_now
from service.store.datasets import (
    delete_dataset,
    find_dataset,
    get_dataset,
    list_datasets,
    record_upload,
)
from service.store.jobs import (
    get_job,
)
from service.store.objects import PART_BYTES
from service.store.queue import finish_job, release_job
from service.store.schema import BlobChunkRow, BlobRow
from tests.builders.store import a_blob, a_claim, a_dataset, a_job, an_artifact, expire_lease

pytestmark = pytest.mark.homes


def test_blob_reads_back_whole_and_in_ranges(database: Database, tmp_path: Path) -> None:
    data = bytes(range(256)) * (CHUNK_BYTES // 256) * 9 + b"the end"
    path = tmp_path / "bytes"
    path.write_bytes(data)
    sha256 = hash_file(path)

    for _ in range(2):
        write_blob(database, path, sha256=sha256)

    assert sha256 == hashlib.sha256(data).hexdigest()
    assert b"".join(read_blob(database, sha256)) == data
    ranges = [(0, 1), (5, CHUNK_BYTES + 5), (PART_BYTES - 3, 2 * PART_BYTES + 3), (7, 7)]
    for start, stop in [*ranges, (9 * CHUNK_BYTES, len(data)), (9, None), (len(data), None)]:
        read = b"".join(read_blob(database, sha256, start=start, stop=stop))
        assert read == data[start:stop]
    with database.reading() as session:
        chunks = session.scalar(select(func.count()).select_from(BlobChunkRow))
        blob = session.get_one(BlobRow, sha256)
    assert load_blob(database, sha256) == data
    if database.blob_store is None:
        assert (chunks, blob.objects_url, blob.stored_parts) == (10, None, 0)
    else:
        assert (chunks, blob.stored_parts) == (0, 3)
        assert str(blob.objects_url).startswith(f"{database.blob_store}/{sha256}/")


def test_blob_is_written_whole_by_two_writers_at_once(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(b"x" * (CHUNK_BYTES * 20))
    sha256 = hash_file(path)
    threads = [
        threading.Thread(target=write_blob, args=(database, path), kwargs={"sha256": sha256})
        for _ in range(2)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert b"".join(read_blob(database, sha256)) == path.read_bytes()


def test_only_old_leftovers_are_reaped(database: Database) -> None:
    kept = get_sha256(database, a_dataset(database, b"kept"))
    fresh = a_blob(database, b"fresh")
    old = a_blob(database, b"old" * CHUNK_BYTES * 30)
    with database.transaction() as session:
        session.execute(
            update(BlobRow).where(BlobRow.sha256.in_([kept, old])).values(touched_at=utc_now(-7200))
        )

    reaped = reap_blobs(database)

    assert reaped == 1
    assert b"".join(read_blob(database, kept)) == b"kept"
    assert b"".join(read_blob(database, fresh)) == b"fresh"
    with pytest.raises(RuntimeError, match=f"blob {old} was deleted while it was read"):
        next(read_blob(database, old))
    with pytest.raises(RuntimeError, match=f"blob {old} was deleted while it was read"):
        load_blob(database, old)


def test_blob_that_is_deleted_while_it_is_read_does_not_end_early(database: Database) -> None:
    sha256 = a_blob(database, b"x" * PART_BYTES * 2)
    chunks = read_blob(database, sha256)
    next(chunks)
    with database.transaction() as session:
        session.execute(update(BlobRow).values(touched_at=utc_now(-7200)))
    reap_blobs(database)

    with pytest.raises(RuntimeError, match="was deleted while it was read"):
        next(chunks)


def test_blob_of_whole_chunks_ends_with_its_last(database: Database) -> None:
    piece = CHUNK_BYTES if database.blob_store is None else PART_BYTES
    for count in (0, 2):
        sha256 = a_blob(database, b"x" * piece * count)

        assert len(list(read_blob(database, sha256))) == count


def get_sha256(database: Database, dataset: str) -> str:
    with database.reading() as session:
        return get_dataset(session, dataset).sha256


def test_dataset_of_a_reaped_blob_is_refused(database: Database) -> None:
    sha256 = a_blob(database, b"x")
    with database.transaction() as session:
        session.execute(delete(BlobChunkRow))
        session.execute(update(BlobRow).values(stored_parts=0))

    with pytest.raises(RuntimeError, match="incomplete"):
        a_dataset(database, b"", sha256=sha256)


def test_equal_bytes_parsed_equally_are_one_dataset(database: Database) -> None:
    first = a_dataset(database, b"a", name="first")
    again = a_dataset(database, b"a", name="second")
    other = a_dataset(database, b"a", options={"delimiter": ";"})

    assert first == again != other
    with database.reading() as session:
        found = find_dataset(session, DEFAULT_PROJECT, first)
        page = list_datasets(session, DEFAULT_PROJECT, cursor=None, limit=10)
    assert found is not None
    assert (found.name, found.names) == ("first", ("first", "second"))
    assert [c.name for c in found.profile] == ["x", "y"]
    assert {d.id for d in page.items} == {first, other}


def test_dataset_without_a_name_takes_the_first_that_it_is_given(database: Database) -> None:
    dataset_id = a_dataset(database, b"a", name="")

    for name in ("", "a.csv", "b.csv", "a.csv"):
        with database.transaction() as session:
            record_upload(session, dataset_id, name)

    with database.reading() as session:
        dataset = get_dataset(session, dataset_id)
    assert (dataset.name, dataset.names) == ("a.csv", ("a.csv", "b.csv"))


def test_names_of_a_dataset_that_are_given_at_once_are_all_kept(database: Database) -> None:
    dataset_id = a_dataset(database, b"a", name="first")
    names = [f"name {number}" for number in range(4)]

    def add(name: str) -> None:
        with database.transaction() as session:
            record_upload(session, dataset_id, name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, names))

    with database.reading() as session:
        assert sorted(get_dataset(session, dataset_id).names) == ["first", *names]


def test_dataset_is_not_deleted_while_a_job_needs_it(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    with database.reading() as session:
        dataset = get_job(session, job_id).dataset
    with pytest.raises(DatasetInUse), database.transaction() as session:
        delete_dataset(session, dataset)
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    with database.transaction() as session:
        delete_dataset(session, dataset)

    with database.reading() as session:
        assert find_dataset(session, DEFAULT_PROJECT, dataset) is None
        assert get_job(session, job_id).dataset == dataset
    with pytest.raises(DatasetNotFound), database.transaction() as session:
        delete_dataset(session, dataset)


def test_artifact_is_visible_once_its_job_is_settled(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    an_artifact(database, fence)
    with database.reading() as session:
        assert list_artifacts(session, job_id).items == ()
        with pytest.raises(BestModelNotReady):
            get_best_model(session, job_id)

    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    with database.reading() as session:
        artifact = get_best_model(session, job_id)
        assert list_artifacts(session, job_id).items == (artifact,)
        assert get_artifact(session, job_id, "model.keras") == artifact
        with pytest.raises(ArtifactNotFound):
            get_artifact(session, job_id, "other")
    assert b"".join(read_blob(database, artifact.sha256)) == b"model"


def test_artifact_of_an_earlier_attempt_is_replaced(database: Database) -> None:
    job_id = a_job(database)
    first = a_claim(database).fence
    an_artifact(database, first, b"first")
    with database.transaction() as session:
        release_job(session, first)
    second = a_claim(database).fence
    an_artifact(database, second, b"second")

    with database.transaction() as session:
        finish_job(session, second, state=JobState.succeeded)

    with database.reading() as session:
        artifact = get_best_model(session, job_id)
    assert b"".join(read_blob(database, artifact.sha256)) == b"second"


def test_artifact_that_only_an_earlier_attempt_made_stays_hidden(database: Database) -> None:
    job_id = a_job(database)
    first = a_claim(database).fence
    an_artifact(database, first)
    with database.transaction() as session:
        release_job(session, first)
    second = a_claim(database).fence

    with database.transaction() as session:
        finish_job(session, second, state=JobState.failed, reason="because")

    with database.reading() as session, pytest.raises(BestModelNotReady):
        get_best_model(session, job_id)


def test_stale_worker_adds_no_artifact(database: Database) -> None:
    job_id = a_job(database)
    stale = a_claim(database).fence
    expire_lease(database, job_id)
    a_claim(database)

    with pytest.raises(LeaseLost):
        an_artifact(database, stale)
