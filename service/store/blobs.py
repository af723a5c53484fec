"""Bytes in SQL, in chunks, named by their SHA-256. Equal bytes are stored once.

A blob is written in several short transactions, so that no other writer waits long. A blob that no
dataset, artifact or checkpoint refers to is a leftover: the next writer or an idle worker deletes
it, an hour after its last write, and after its release a minute, or an hour where a newer artifact
replaced it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from service.store.database import Database, insert_if_absent, utc_now
from service.store.schema import ArtifactRow, BlobChunkRow, BlobRow, CheckpointRow, DatasetRow

CHUNK_BYTES = 1024**2
CHUNKS_PER_TRANSACTION = 16
LEFTOVER_SECONDS = 3600.0
RELEASED_SECONDS = 60.0
"""The time before a released blob is deleted: another writer of the same bytes may need it."""
REPLACED_SECONDS = LEFTOVER_SECONDS
"""The same for an artifact that was replaced: somebody may be downloading it."""


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_blob(database: Database, path: Path, *, sha256: str) -> None:
    """Store a file's bytes, in transactions of at most 16 MiB; it is safe to repeat."""
    size_bytes = path.stat().st_size
    with database.transaction() as session:
        insert_if_absent(session, BlobRow, [{"sha256": sha256, "size_bytes": size_bytes}])
        _touch(session, sha256)
        if _is_complete(session, sha256):
            return
    with path.open("rb") as file:
        chunks = enumerate(iter(partial(file.read, CHUNK_BYTES), b""))
        for first in chunks:
            with database.transaction() as session:
                _touch(session, sha256)
                # One at a time, so that memory holds only one.
                for position, data in chain([first], islice(chunks, CHUNKS_PER_TRANSACTION - 1)):
                    row = {"sha256": sha256, "position": position, "data": data}
                    insert_if_absent(session, BlobChunkRow, [row])
            # Deletes more chunks than were written: checkpoints must not pile up between uploads.
            reap_chunks(database)


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
    """Yield the bytes from `start` to before `stop`, a chunk at a time, each read by itself.

    Raise RuntimeError where the blob was deleted in the meantime: what came so far is not all.
    """
    position = start // CHUNK_BYTES
    offset = start % CHUNK_BYTES
    remaining = None if stop is None else stop - start
    while remaining is None or remaining > 0:
        with database.reading() as session:
            data = session.scalar(
                select(BlobChunkRow.data).where(
                    BlobChunkRow.sha256 == sha256, BlobChunkRow.position == position
                )
            )
        if data is None:
            _check_ended(database, sha256, position * CHUNK_BYTES)
            return
        is_last = len(data) < CHUNK_BYTES
        data = data[offset : None if remaining is None else offset + remaining]
        yield data
        if is_last:
            return
        remaining = None if remaining is None else remaining - len(data)
        position, offset = position + 1, 0


def copy_blob(database: Database, sha256: str, file: IO[bytes]) -> None:
    """Write a blob's bytes into a file, from its position on: after an error it goes on there."""
    for data in read_blob(database, sha256, start=file.tell()):
        file.write(data)


def load_blob(session: Session, sha256: str) -> bytes:
    """Return all of a blob at once."""
    chunks = select(BlobChunkRow.data).where(BlobChunkRow.sha256 == sha256)
    return b"".join(session.scalars(chunks.order_by(BlobChunkRow.position)))


def reap_blobs(database: Database) -> int:
    """Delete leftovers, a few chunks a transaction, and return how many blobs went."""
    reaped = 0
    while (is_deleted := reap_chunks(database)) is not None:
        reaped += is_deleted
    return reaped


def reap_chunks(database: Database) -> bool | None:
    """Delete the last chunks of a leftover, and the blob with its first chunk.

    Return whether the blob is deleted; None where there is no leftover.
    """
    with database.transaction() as session:
        sha256 = session.scalar(
            select(BlobRow.sha256)
            .where(BlobRow.touched_at < utc_now(-LEFTOVER_SECONDS), ~_is_referenced())
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if sha256 is None:
            return None
        of_blob = BlobChunkRow.sha256 == sha256
        last = session.scalar(select(func.max(BlobChunkRow.position)).where(of_blob))
        first = (last or 0) - 4 * CHUNKS_PER_TRANSACTION
        session.execute(delete(BlobChunkRow).where(of_blob, BlobChunkRow.position > first))
        if first >= 0:
            return False
        session.execute(delete(BlobRow).where(BlobRow.sha256 == sha256))
        return True


def _check_ended(database: Database, sha256: str, end: int) -> None:
    """Raise RuntimeError unless a blob ends before a byte."""
    with database.reading() as session:
        size_bytes = session.scalar(select(BlobRow.size_bytes).where(BlobRow.sha256 == sha256))
    if size_bytes is None or size_bytes > end:
        raise RuntimeError(f"blob {sha256} was deleted while it was read: read it again")


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
    size_bytes, chunk_count = session.execute(
        select(func.max(BlobRow.size_bytes), chunks).where(BlobRow.sha256 == sha256)
    ).one()
    return size_bytes is not None and chunk_count == -(-size_bytes // CHUNK_BYTES)
