"""Bounds on request bodies, and the spooling of uploads to the disk."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from anyio import to_thread
from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lowloss.errors import BodyTooLarge, NotReady
from service.access.callers import is_prediction
from service.machine import UPLOAD_PREFIX
from service.settings import Settings
from service.store.database import is_out_of_space

logger = logging.getLogger(__name__)

UPLOAD = ("POST", "/v1/datasets")
RECIPE = ("POST", "/v1/recipes")
FILES_OF_ROWS = ("text/csv", "text/tab-separated-values", "application/octet-stream")
"""The media types of rows to predict that come as the file itself."""
WRITE_BYTES = 1024**2
REAP_SECONDS = 3600.0


def describe_body(description: str, example: str, summary: str) -> dict[str, Any]:
    """Describe a body of raw bytes, for OpenAPI."""
    examples = {"example": {"summary": summary, "value": example}}
    schema = {"type": "string", "format": "binary"}
    content = {"application/octet-stream": {"schema": schema, "examples": examples}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


class BodyLimit:
    """Refuses bodies over the limit: at once where the size is declared, else when it is passed."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app on a body within the limit; raise BodyTooLarge."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        variable, limit = self._find_limit(scope["method"], scope["path"], headers)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise _too_large(limit, variable)
        received_bytes = 0

        async def receive_limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > limit:
                raise _too_large(limit, variable)
            return message

        await self.app(scope, receive_limited, send)

    def _find_limit(self, method: str, path: str, headers: Headers) -> tuple[str, int]:
        """Return the name of the setting of a request's limit, and the limit in bytes."""
        if (method, path) == UPLOAD:
            return "LOWLOSS_MAX_UPLOAD_BYTES", self.settings.max_upload_bytes
        if (method, path) == RECIPE:
            return "LOWLOSS_MAX_RECIPE_BYTES", self.settings.max_recipe_bytes
        if is_prediction(method, path):
            if is_file_of_rows(headers):
                return "LOWLOSS_MAX_PREDICT_FILE_BYTES", self.settings.max_predict_file_bytes
            return "LOWLOSS_MAX_PREDICT_BYTES", self.settings.max_predict_bytes
        return "LOWLOSS_MAX_BODY_BYTES", self.settings.max_body_bytes


def is_file_of_rows(headers: Headers) -> bool:
    """Return whether rows to predict come as the file itself, and not as JSON."""
    return headers.get("content-type", "").startswith(FILES_OF_ROWS)


def _too_large(limit: int, variable: str) -> BodyTooLarge:
    return BodyTooLarge(
        f"the body is over {limit} bytes",
        fix=f"send less, or ask the server's operator to raise {variable}",
    )


@dataclass(frozen=True)
class Upload:
    """A request's body on the disk, deleted when the request ends."""

    path: Path
    sha256: str
    size_bytes: int


@asynccontextmanager
async def spool_body(request: Request, folder: Path) -> AsyncIterator[Upload]:
    """Write a request's body to a temporary file, piece by piece.

    A thread writes and hashes it, so that a slow disk does not stop the event loop.
    """
    with open_temporary(folder) as file:
        digest = hashlib.sha256()
        size_bytes = 0

        def write(data: bytearray) -> None:
            file.write(data)
            file.flush()
            digest.update(data)

        pending = bytearray()
        async for data in request.stream():
            pending += data
            if len(pending) >= WRITE_BYTES:
                await to_thread.run_sync(write, pending)
                size_bytes += len(pending)
                pending = bytearray()
        await to_thread.run_sync(write, pending)
        size_bytes += len(pending)
        yield Upload(Path(file.name), digest.hexdigest(), size_bytes)


@contextmanager
def open_temporary(folder: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file, locked as long as it is in use; deleted at the end.

    Raise NotReady where the folder cannot be written, as on a disk that became read-only.
    """
    while True:
        with _make_temporary(folder) as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            # Another server may have taken it for a leftover just before.
            if Path(file.name).exists():
                yield file
                return


def _make_temporary(folder: Path) -> IO[bytes]:
    try:
        return NamedTemporaryFile(dir=folder, prefix=UPLOAD_PREFIX)
    except OSError as error:
        if is_out_of_space(error):
            raise
        logger.error("the data folder cannot be written: %s", error)
        raise NotReady(
            f"the server cannot write its data folder: {error.strerror}",
            fix="ask its operator to look at /readyz",
        ) from error


async def reap_uploads_hourly(folder: Path) -> None:
    """Reap leftovers every hour, until cancelled."""
    while True:
        await asyncio.sleep(REAP_SECONDS)
        await to_thread.run_sync(reap_uploads, folder)


def reap_uploads(folder: Path) -> None:
    """Delete the temporary files of servers that were killed: nobody has them locked."""
    for path in folder.glob(f"{UPLOAD_PREFIX}*"):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except (BlockingIOError, FileNotFoundError):
            continue
