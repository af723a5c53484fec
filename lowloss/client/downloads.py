"""Downloads to a file: whole, checked, and taken up again where a connection broke."""

from __future__ import annotations

import base64
import errno
import hashlib
import secrets
from io import BufferedRandom
from pathlib import Path

import httpx2

from lowloss.client.retries import ATTEMPTS, BUSY, Retries
from lowloss.errors import ServerUnreachable

PIECE_BYTES = 1024**2


def save_download(retries: Retries, path: str, target: Path) -> None:
    """Write an artifact to a file; `target` appears, or is replaced, once all has arrived."""
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(target.parent))
    # Beside the target: a rename within one folder is whole or not at all.
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("x+b") as file:
            digest = _fill(retries, path, file)
            _check(file, digest)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _fill(retries: Retries, path: str, file: BufferedRandom) -> str | None:
    """Fill a file over as many connections as it takes; answers the Repr-Digest.

    Given up after a number of tries in a row that brought nothing.
    """
    etag, failures = "", 0
    while True:
        have, busy = file.tell(), None
        try:
            with retries.stream(path, _headers(have, etag)) as answer:
                if answer.status_code in BUSY and failures < ATTEMPTS - 1:
                    busy = answer
                else:
                    retries.raise_problem(answer)
                    if answer.status_code != httpx2.codes.PARTIAL_CONTENT:
                        # All of it, because this is the first try or it is another file by now.
                        file.seek(0)
                        file.truncate()
                    etag = answer.headers.get("etag", "")
                    for piece in answer.iter_bytes():
                        file.write(piece)
                    return answer.headers.get("repr-digest")
        except httpx2.RequestError as error:
            if file.tell() > have:
                failures = 0
            elif failures >= ATTEMPTS - 1:
                raise retries.unreachable(error) from error
        retries.wait(failures, busy)
        failures += 1


def _headers(have: int, etag: str) -> dict[str, str]:
    # Compressed on its way, bytes could neither be counted nor checked.
    plain = {"Accept-Encoding": "identity"}
    if have and etag:
        return plain | {"Range": f"bytes={have}-", "If-Range": etag}
    return plain


def _check(file: BufferedRandom, digest: str | None) -> None:
    if digest is None or not digest.startswith("sha-256=:"):
        return
    file.seek(0)
    found = base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()
    if found != digest.removeprefix("sha-256=:").removesuffix(":"):
        raise ServerUnreachable("the download arrived damaged: try again")
