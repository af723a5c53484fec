"""Bytes named by their SHA-256, in SQL or in an object store. Equal bytes are stored once.

A blob is written in several short transactions, so that no other writer waits long. A blob that no
dataset, artifact or checkpoint refers to is a leftover: the next writer or an idle worker deletes
it, an hour after its last write, and after its release a minute, or an hour where a newer artifact
replaced it.

The objects of a blob are below a URL that was never used before and never will be again. The blob's
row names it before the first of them is written, and their number is written down before the row is
deleted (`dead_objects.py`), until the objects are. So whatever is killed when, each object is named
by a row, and no deletion can meet a writer: whoever writes the same bytes anew has another URL. Two
writers of a row write the same bytes into the same objects. A writer whose row was reaped, since it
stood still for an hour, names its objects dead before it gives up.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO

from sqlalchemy import ColumnElement, Select, case, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from service.store.database import Database, insert_if_absent, utc_now
from service.store.dead_objects import delete_dead_objects, name_dead
from service.store.objects import (
    PART_BYTES,
    BytesLost,
    ObjectStoreAway,
    count_parts,
    has_part,
    new_objects_url,
    put_part,
    read_parts,
)
from service.store.schema import (
    ArtifactRow,
    BlobChunkRow,
    BlobRow,
    CheckpointRow,
    DatasetRow,
)

log = logging.getLogger(__name__)

CHUNK_BYTES = 1024**2
CHUNKS_PER_TRANSACTION = 16
LEFTOVER_SECONDS = 3600.0
RELEASED_SECONDS = 60.0
"""The time before a released blob is deleted: another writer of the same bytes may need it."""
REPLACED_SECONDS = LEFTOVER_SECONDS
"""The same for an artifact that was replaced: somebody may be downloading it."""

DELETE_SECONDS = 10.0
"""The time after which an upload begins no further deletion of objects, of which there may be any
number: idle workers and later writers go on with the rest."""


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class _Home:
    """Where a blob is or is to be: in objects, the first `stored_parts` of which are written."""

    objects_url: str | None
    stored_parts: int
    is_complete: bool


def _say_nothing() -> None:
    """Give nobody a sign of life."""


def write_blob(
    database: Database, path: Path, *, sha256: str, alive: Callable[[], None] = _say_nothing
) -> None:
    """Store a file's bytes, in transactions of at most 16 MiB or objects of 4; safe to repeat.

    They go where the database's settings say; what is there, or half there, stays where it is, and
    objects of it that are lost are written anew. `alive` is called before each wait. Raise
    ObjectStoreAway.
    """
    size_bytes = path.stat().st_size
    while (home := _begin_blob(database, sha256, size_bytes)) is None:
        # Reaped between two statements of it: the next one is ours.
        pass
    if home.objects_url is not None:
        _write_parts(
            database, path, sha256, home.objects_url, stored_parts=home.stored_parts, alive=alive
        )
    elif not home.is_complete:
        _write_chunks(database, path, sha256, alive=alive)


def _begin_blob(database: Database, sha256: str, size_bytes: int) -> _Home | None:
    """Return where a blob is, or is to be from now on."""
    store = database.blob_store
    objects_url = None if store is None else new_objects_url(store, sha256)
    new = {"sha256": sha256, "size_bytes": size_bytes, "objects_url": objects_url}
    with database.transaction() as session:
        insert_if_absent(session, BlobRow, [new])
        _touch(session, sha256)
        blob = session.get(BlobRow, sha256)
        if blob is None:
            return None
        return _Home(blob.objects_url, blob.stored_parts, _is_complete(session, sha256))


def _write_chunks(
    database: Database, path: Path, sha256: str, *, alive: Callable[[], None]
) -> None:
    with path.open("rb") as file:
        chunks = enumerate(iter(partial(file.read, CHUNK_BYTES), b""))
        for first in chunks:
            alive()
            with database.transaction() as session:
                _touch(session, sha256)
                # One at a time, so that memory holds only one.
                for position, data in chain([first], islice(chunks, CHUNKS_PER_TRANSACTION - 1)):
                    row = {"sha256": sha256, "position": position, "data": data}
                    insert_if_absent(session, BlobChunkRow, [row])
            # Deletes more chunks than were written: checkpoints must not pile up between uploads.
            reap_chunks(database)


def _write_parts(
    database: Database,
    path: Path,
    sha256: str,
    objects_url: str,
    *,
    stored_parts: int,
    alive: Callable[[], None],
) -> None:
    """Write the parts that are missing, one after the other."""
    missing = _find_missing_parts(
        objects_url, path.stat().st_size, stored_parts=stored_parts, alive=alive
    )
    with path.open("rb") as file:
        for number in missing:
            file.seek(number * PART_BYTES)
            alive()
            put_part(objects_url, number, file.read(PART_BYTES))
            alive()
            with database.transaction() as session:
                is_there = _record_part(session, sha256, objects_url, number + 1)
                if not is_there:
                    name_dead(session, objects_url, number + 1)
            if not is_there:
                raise RuntimeError(f"blob {sha256} was reaped while it was written")
    # As above: a blob for each that was written, and with it all of its objects.
    alive()
    reap_chunks(database)
    alive()
    _try_to_delete_objects(database)


def _find_missing_parts(
    objects_url: str, size_bytes: int, *, stored_parts: int, alive: Callable[[], None]
) -> Iterator[int]:
    """Yield the numbers of the parts that are not there: not yet, or not any more."""
    for number in range(count_parts(size_bytes)):
        if number < stored_parts:
            alive()
            if has_part(objects_url, number, size_bytes):
                continue
        yield number


def _record_part(session: Session, sha256: str, objects_url: str, count: int) -> bool:
    """Record that the first parts of a blob are there; return whether the blob is."""
    stored = case((BlobRow.stored_parts < count, count), else_=BlobRow.stored_parts)
    recorded = session.scalar(
        update(BlobRow)
        .where(BlobRow.sha256 == sha256, BlobRow.objects_url == objects_url)
        .values(touched_at=utc_now(), stored_parts=stored)
        .returning(BlobRow.sha256)
    )
    return recorded is not None


def adopt_blob(session: Session, sha256: str) -> None:
    """Lock a blob and check that it is complete, before something refers to it."""
    _touch(session, sha256)
    if not _is_complete(session, sha256):
        raise RuntimeError(f"blob {sha256} is incomplete: it was reaped while it was written")


def release_blobs(
    session: Session, sha256s: Collection[str], *, seconds: float = RELEASED_SECONDS
) -> None:
    """Mark blobs for deletion after some seconds, unless something still refers to them."""
    if sha256s:
        session.execute(
            update(BlobRow)
            .where(BlobRow.sha256.in_(sha256s))
            .values(touched_at=utc_now(seconds - LEFTOVER_SECONDS))
        )


def read_blob(
    database: Database, sha256: str, *, start: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """Yield the bytes from `start` to before `stop`, a chunk or part at a time, each by itself.

    Raise RuntimeError where the blob was deleted in the meantime: what came so far is not all.
    Raise ObjectStoreAway, or BytesLost where it has objects that are not there.
    """
    while stop is None or start < stop:
        position, offset = divmod(start, CHUNK_BYTES)
        with database.reading() as session:
            row = session.execute(_select_chunk(sha256, position)).one_or_none()
        if row is None or (row.data is None and row.objects_url is None and row.size_bytes > start):
            raise _deleted(sha256)
        if row.objects_url is not None:
            parts = read_parts(row.objects_url, row.size_bytes, start=start, stop=stop)
            yield from _check_deleted(database, sha256, row.objects_url, parts)
            return
        if row.data is None:
            return
        data = row.data[offset : None if stop is None else offset + stop - start]
        yield data
        if len(row.data) < CHUNK_BYTES:
            return
        start += len(data)


def _select_chunk(sha256: str, position: int) -> Select[str | None, int, bytes | None]:
    """Select where a blob is, its size and, where it is in chunks and has it, one of them."""
    is_chunk = (BlobChunkRow.sha256 == BlobRow.sha256) & (BlobChunkRow.position == position)
    return (
        select(BlobRow.objects_url, BlobRow.size_bytes, BlobChunkRow.data)
        .outerjoin(BlobChunkRow, is_chunk)
        .where(BlobRow.sha256 == sha256)
    )


def _check_deleted(
    database: Database, sha256: str, objects_url: str, parts: Iterator[bytes]
) -> Iterator[bytes]:
    """Yield the parts of a blob; raise RuntimeError where they are lost because it was deleted.

    It may be written anew since then, and not complete yet.
    """
    try:
        yield from parts
    except BytesLost as error:
        with database.reading() as session:
            now = session.scalar(select(BlobRow.objects_url).where(BlobRow.sha256 == sha256))
            is_deleted = now != objects_url or not _is_complete(session, sha256)
        if is_deleted:
            raise _deleted(sha256) from error
        raise


def _deleted(sha256: str) -> RuntimeError:
    return RuntimeError(f"blob {sha256} was deleted while it was read: read it again")


def copy_blob(
    database: Database, sha256: str, file: IO[bytes], alive: Callable[[], None] = _say_nothing
) -> None:
    """Write a blob's bytes into a file, from its position on: after an error it goes on there."""
    for data in read_blob(database, sha256, start=file.tell()):
        file.write(data)
        alive()


def load_blob(database: Database, sha256: str) -> bytes:
    """Return all of a blob at once; raise as `read_blob` does.

    Objects are read after the session: a store that does not answer would keep its connection.
    """
    with database.reading() as session:
        rows = session.execute(
            select(BlobRow.objects_url, BlobRow.size_bytes, BlobChunkRow.data)
            .outerjoin(BlobChunkRow, BlobChunkRow.sha256 == BlobRow.sha256)
            .where(BlobRow.sha256 == sha256)
            .order_by(BlobChunkRow.position)
        ).all()
    if not rows:
        raise _deleted(sha256)
    objects_url, size_bytes, _ = rows[0]
    if objects_url is not None:
        parts = read_parts(objects_url, size_bytes)
        return b"".join(_check_deleted(database, sha256, objects_url, parts))
    return b"".join(row.data or b"" for row in rows)


def reap_blobs(database: Database) -> int:
    """Delete leftovers, a few chunks a transaction, and return how many blobs went.

    Delete objects for some seconds: who uploads a table waits for it.
    """
    reaped = 0
    while (is_deleted := reap_chunks(database)) is not None:
        reaped += is_deleted
    end = time.monotonic() + DELETE_SECONDS
    while _try_to_delete_objects(database) and time.monotonic() < end:
        pass
    return reaped


def _try_to_delete_objects(database: Database) -> bool:
    """Delete the objects of a blob that is gone; return False where there is none, or no answer."""
    try:
        return delete_dead_objects(database)
    except ObjectStoreAway as error:
        # No reason to fail what is being stored.
        log.warning("objects are not deleted for a while: %s", error)
        return False


def reap_chunks(database: Database) -> bool | None:
    """Delete the last chunks of a leftover, and the blob with its first chunk.

    Of a blob in an object store delete the row, and name its objects dead. Return whether the blob
    is deleted; None where there is no leftover.
    """
    with database.transaction() as session:
        blob = session.scalar(
            select(BlobRow)
            .where(BlobRow.touched_at < utc_now(-LEFTOVER_SECONDS), ~_is_referenced())
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if blob is None:
            return None
        if blob.objects_url is not None:
            name_dead(session, blob.objects_url, count_parts(blob.size_bytes))
        of_blob = BlobChunkRow.sha256 == blob.sha256
        last = session.scalar(select(func.max(BlobChunkRow.position)).where(of_blob))
        first = (last or 0) - 4 * CHUNKS_PER_TRANSACTION
        session.execute(delete(BlobChunkRow).where(of_blob, BlobChunkRow.position > first))
        if first >= 0:
            return False
        session.execute(delete(BlobRow).where(BlobRow.sha256 == blob.sha256))
        return True


def _is_referenced() -> ColumnElement[bool]:
    return or_(
        *(
            exists().where(row.sha256 == BlobRow.sha256)
            for row in (DatasetRow, ArtifactRow, CheckpointRow)
        )
    )


def _touch(session: Session, sha256: str) -> None:
    session.execute(update(BlobRow).where(BlobRow.sha256 == sha256).values(touched_at=utc_now()))


def _is_complete(session: Session, sha256: str) -> bool:
    chunks = (
        select(func.count())
        .select_from(BlobChunkRow)
        .where(BlobChunkRow.sha256 == sha256)
        .scalar_subquery()
    )
    columns = BlobRow.size_bytes, BlobRow.objects_url, BlobRow.stored_parts, chunks
    row = session.execute(select(*columns).where(BlobRow.sha256 == sha256)).one_or_none()
    if row is None:
        return False
    size_bytes, objects_url, stored_parts, chunk_count = row
    if objects_url is not None:
        return bool(stored_parts == count_parts(size_bytes))
    return bool(chunk_count == -(-size_bytes // CHUNK_BYTES))
