"""Bytes in an object store: S3, or what answers as it does. The only file that knows `obstore`.

The bytes of a blob are parts of 4 MiB, each an object of its own below the blob's URL: one request
writes a part whole or not at all. S3's multipart upload would make one object of them, but what a
killed writer leaves of one can be neither listed nor deleted by `obstore` (0.12).

Credentials, region and endpoint come from the environment (`AWS_ACCESS_KEY_ID`,
`AWS_ENDPOINT_URL`, …).
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from lowloss.errors import LowlossError

if TYPE_CHECKING:
    from obstore.store import S3Store

log = logging.getLogger(__name__)

PART_BYTES = 4 * 1024**2
"""What one request writes or reads, and memory holds."""
TIMEOUT_SECONDS, RETRY_SECONDS, RETRIES = 25.0, 10.0, 3
"""A request, tried again after 10 s no more, ends within 35 s: a worker's child may be silent for
the 45 s of LOWLOSS_HANG_SECONDS."""
OBJECTS_PATH_LENGTH = 64 + 1 + 16
"""Characters of what `new_objects_url` adds behind a store's URL and a slash."""
PROBE_SECONDS = 3.0
"""An orchestrator asks whether the server is ready, and waits 4 s for an answer."""
MARK = "lowloss.txt"
MARK_TEXT = b"Blobs of lowloss, which its database names. Change nothing here.\n"


class ObjectStoreAway(Exception):
    """The object store does not answer, or refuses: it may answer later. `fix` is what to do."""

    def __init__(self, detail: str, *, fix: str = "") -> None:
        super().__init__(f"{detail} ({fix})" if fix else detail)
        self.detail, self.fix = detail, fix


class BytesLost(RuntimeError):
    """Objects that the database names are not there, or are others: waiting does not help.

    The text names one of them, for who has the bucket; `sha256`, of the blob, is for anybody.
    """

    def __init__(self, url: str) -> None:
        super().__init__(
            f"the object {url} is not there, or not as it was written: somebody else deleted or "
            "changed it; restore it from the bucket's versions or a copy"
        )
        self.sha256 = url.split("/")[-3]


class LibraryMissing(LowlossError):
    """The library that reads and writes objects is not installed where this process runs."""


def new_objects_url(store_url: str, sha256: str) -> str:
    """Return a URL below a store that no blob ever had."""
    return f"{store_url}/{sha256}/{secrets.token_hex(8)}"


def put_part(objects_url: str, number: int, data: bytes) -> None:
    """Write a part of a blob; raise ObjectStoreAway."""
    _put(_part_url(objects_url, number), data)


def has_part(objects_url: str, number: int, size_bytes: int, *, is_probe: bool = False) -> bool:
    """Return whether a part of a blob is there, in its size; raise ObjectStoreAway.

    Bytes of the same size that somebody else put there are not told from it. A probe is not tried
    again.
    """
    url = _part_url(objects_url, number)
    bucket, key = _split(url)
    with _translate_errors(url):
        import obstore

        try:
            opened = _open_probe(bucket) if is_probe else _open_bucket(bucket)
            meta = obstore.head(opened, key)
        except FileNotFoundError:
            return False
    return meta["size"] == min(PART_BYTES, size_bytes - number * PART_BYTES)


def read_parts(
    objects_url: str, size_bytes: int, *, start: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """Yield the bytes from `start` to before `stop` of a blob, at most a part at a time.

    Raise ObjectStoreAway, or BytesLost where they are not there.
    """
    end = size_bytes if stop is None else min(stop, size_bytes)
    while start < end:
        number, first = divmod(start, PART_BYTES)
        count = min(PART_BYTES - first, end - start)
        yield _get(_part_url(objects_url, number), first, first + count)
        start += count


def delete_parts(objects_url: str, count: int) -> None:
    """Delete the parts of a blob, those that are there; raise ObjectStoreAway."""
    if not count:
        return
    keys = [_split(_part_url(objects_url, number))[1] for number in range(count)]
    bucket, _ = _split(objects_url)
    with _translate_errors(objects_url):
        import obstore

        obstore.delete(_open_bucket(bucket), keys)


def count_parts(size_bytes: int) -> int:
    """Return how many parts a blob of a size has."""
    return -(-size_bytes // PART_BYTES)


def mark_store(store_url: str) -> None:
    """Write the object that `probe_store` asks for: this process may write; raise ObjectStoreAway.

    Raise LibraryMissing where the library is not installed.
    """
    _put(f"{store_url}/{MARK}", MARK_TEXT)


def probe_store(store_url: str) -> None:
    """Ask for the mark, without trying again; raise ObjectStoreAway."""
    mark_url = f"{store_url}/{MARK}"
    bucket, key = _split(mark_url)
    with _translate_errors(mark_url):
        import obstore

        # A head has no body, and so no code that tells a bucket that is not there from a mark.
        obstore.get(_open_probe(bucket), key)


def _put(url: str, data: bytes) -> None:
    bucket, key = _split(url)
    with _translate_errors(url):
        import obstore

        obstore.put(_open_bucket(bucket), key, data, use_multipart=False)


def _get(url: str, start: int, stop: int) -> bytes:
    bucket, key = _split(url)
    with _translate_errors(url):
        import obstore
        from obstore.exceptions import BaseError

        try:
            data = obstore.get_range(_open_bucket(bucket), key, start=start, end=stop).to_bytes()
        except (BaseError, OSError) as error:
            if _says_any(error, "NoSuchKey", "InvalidRange"):
                raise BytesLost(url) from error
            raise
    if len(data) != stop - start:
        raise BytesLost(url)
    return data


def _says_any(error: Exception, *codes: str) -> bool:
    return any(code in str(error) for code in codes)


@contextmanager
def _translate_errors(url: str) -> Iterator[None]:
    """Raise ObjectStoreAway for the library's errors, LibraryMissing where there is none."""
    try:
        from obstore.exceptions import BaseError
    except ModuleNotFoundError as error:
        raise LibraryMissing(
            f"{url} needs lowloss[s3] (LOWLOSS_BLOB_STORE): install it: {error}"
        ) from error
    try:
        yield
    except (BaseError, OSError) as error:
        raise _explain(url, error) from error


def _explain(url: str, error: Exception) -> ObjectStoreAway:
    """Return what is wrong with an object store, and what to do; log what the library says."""
    log.info("the object store, for %s: %s", url, error)
    bucket, key = _split(url)
    if _says_any(error, "NoSuchBucket"):
        return ObjectStoreAway(
            f"there is no bucket {bucket}", fix="make it, or set LOWLOSS_BLOB_STORE to another"
        )
    if _says_any(error, "NoSuchKey"):
        return ObjectStoreAway(
            f"the bucket {bucket} lacks {key}, with which lowloss marks its place",
            fix="if all else is there, start `lowloss serve` once, which writes it",
        )
    code = re.search(r"<Code>(\w+)</Code>", str(error))
    said = f" ({code[1]})" if code else ""
    if _says_any(error, "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"):
        return ObjectStoreAway(
            f"the object store refuses what lowloss asks of the bucket {bucket}{said}",
            fix="check AWS_… and the rights to it",
        )
    verb = "fails" if code else "does not answer"
    return ObjectStoreAway(
        f"the object store of the bucket {bucket} {verb}{said}",
        fix="make it reachable, or set LOWLOSS_BLOB_STORE and AWS_…",
    )


def _split(url: str) -> tuple[str, str]:
    """Return the bucket of an object, and its key."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def _part_url(objects_url: str, number: int) -> str:
    return f"{objects_url}/{number:06}"


def _open_probe(bucket: str) -> S3Store:
    return _open_bucket(bucket, seconds=PROBE_SECONDS, retries=0)


@cache
def _open_bucket(
    bucket: str, *, seconds: float = TIMEOUT_SECONDS, retries: int = RETRIES
) -> S3Store:
    from obstore.store import S3Store

    options: dict[str, Any] = {
        "timeout": timedelta(seconds=seconds),
        "connect_timeout": timedelta(seconds=min(seconds, 5.0)),
    }
    # Whoever names such an endpoint means it.
    if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options["allow_http"] = True
    return S3Store(
        bucket,
        client_options=options,  # type: ignore[arg-type]
        retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
    )


def forget_buckets() -> None:
    """Read the environment again with the next request."""
    _open_bucket.cache_clear()
