"""Downloads to a file: whole, checked, and resumed after a broken connection."""

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
    """Write an artifact to a file; `target` appears, or is replaced, when all has arrived."""
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(target.parent))
    # In the target's folder: a rename within one folder is atomic.
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("x+b") as file:
            digest = _download(retries, path, file)
            _check_digest(file, digest)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _download(retries: Retries, path: str, file: BufferedRandom) -> str | None:
    """Download into a file over as many connections as needed; return the Repr-Digest.

    Raise ServerUnreachable after `ATTEMPTS` tries in a row that brought no bytes.
    """
    etag, failures = "", 0
    while True:
        size, busy_response = file.tell(), None
        try:
            with retries.stream(path, _headers(size, etag)) as response:
                if response.status_code in BUSY and failures < ATTEMPTS - 1:
                    busy_response = response
                else:
                    retries.raise_problem(response)
                    if response.status_code != httpx2.codes.PARTIAL_CONTENT:
                        # The whole file: the first try, or the file has changed meanwhile.
                        file.seek(0)
                        file.truncate()
                    etag = response.headers.get("etag", "")
                    for piece in response.iter_bytes():
                        file.write(piece)
                    return response.headers.get("repr-digest")
        except httpx2.RequestError as error:
            if file.tell() > size:
                failures = 0
            elif failures >= ATTEMPTS - 1:
                raise retries.unreachable(error) from error
        retries.wait(failures, busy_response)
        failures += 1


def _headers(size: int, etag: str) -> dict[str, str]:
    # Compressed in transit, bytes could neither be counted nor checked.
    headers = {"Accept-Encoding": "identity"}
    if size and etag:
        return headers | {"Range": f"bytes={size}-", "If-Range": etag}
    return headers


def _check_digest(file: BufferedRandom, digest: str | None) -> None:
    if digest is None or not digest.startswith("sha-256=:"):
        return
    file.seek(0)
    actual = base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()
    if actual != digest.removeprefix("sha-256=:").removesuffix(":"):
        raise ServerUnreachable("the download arrived damaged: try again")
