"""Downloads to a file: whole, checked, and taken up again where a connection broke."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO

import httpx2

from lowloss.errors import ServerUnreachable
from lowloss.retries import ATTEMPTS, BUSY, Retries, raise_problem

PIECE_BYTES = 1024**2


def save_download(retries: Retries, path: str, target: Path) -> None:
    """Write an artifact to a file; `target` appears, or is replaced, once all has arrived."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            digest = _fill(retries, path, file)
            _check(file, digest)
        partial.chmod(0o644)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _fill(retries: Retries, path: str, file: IO[bytes]) -> str | None:
    """Fill a file over as many connections as it takes; answers the Repr-Digest."""
    etag = ""
    for attempt in range(ATTEMPTS):
        have = file.tell()
        headers = {"Range": f"bytes={have}-", "If-Range": etag} if have else {}
        try:
            with retries.stream(path, headers) as answer:
                if answer.status_code not in BUSY:
                    raise_problem(answer)
                    if answer.status_code == httpx2.codes.OK and have:
                        # It is another file by now: from the start.
                        file.seek(0)
                        file.truncate()
                    etag = answer.headers.get("etag", "")
                    for piece in answer.iter_bytes():
                        file.write(piece)
                    return answer.headers.get("repr-digest")
        except httpx2.TransportError as error:
            if attempt == ATTEMPTS - 1:
                raise retries.unreachable(error) from error
        retries.wait(attempt)
    raise ServerUnreachable(f"{retries.url} is too busy: try again later")


def _check(file: IO[bytes], digest: str | None) -> None:
    if digest is None or not digest.startswith("sha-256=:"):
        return
    file.seek(0)
    sha256 = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        sha256.update(piece)
    found = base64.b64encode(sha256.digest()).decode()
    if found != digest.removeprefix("sha-256=:").removesuffix(":"):
        raise ServerUnreachable("the download arrived damaged: try again")
