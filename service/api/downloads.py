"""Sends stored bytes: conditional requests, ranges and digests (RFC 9110)."""

from __future__ import annotations

import base64
import re
from itertools import chain
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import Headers

from lowloss.errors import RangeNotSatisfiable
from lowloss.results import Artifact
from service.api.etags import matches_etag
from service.api.examples import Responses
from service.api.problems import render_problem
from service.store.blobs import read_blob
from service.store.database import Database

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

BINARY = {"schema": {"type": "string", "format": "binary"}}
TEXT = {"schema": {"type": "string"}}
KERAS_MODEL = {"application/vnd.keras": BINARY}
ARTIFACTS: dict[str, Any] = KERAS_MODEL | {
    "application/vnd.onnx": BINARY,
    "application/zip": BINARY,
    "application/json": {"schema": {}},
    "application/jsonl": TEXT,
    "text/csv": TEXT,
    "text/html": TEXT,
    "text/markdown": TEXT,
    "text/x-python": TEXT,
}
"""The media types of artifacts."""


def describe_download(content: dict[str, Any]) -> Responses:
    """Describe the successful responses of a download, for OpenAPI."""
    return {
        200: {"description": "The bytes, with `ETag` and `Repr-Digest`.", "content": content},
        206: {"description": "The range of bytes that was asked for.", "content": content},
        304: {"description": "`If-None-Match` names these bytes: they have not changed."},
    }


def send_artifact(database: Database, artifact: Artifact, request: Request) -> Response:
    """Build the response to a GET or a HEAD of an artifact; it reads one chunk at a time."""
    size, etag = artifact.size_bytes, f'"{artifact.sha256}"'
    digest = base64.b64encode(bytes.fromhex(artifact.sha256)).decode()
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Repr-Digest": f"sha-256=:{digest}:"}
    if matches_etag(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    span = _parse_range(request.headers, etag, size)
    if span is not None and span.start >= span.stop:
        problem = RangeNotSatisfiable(
            f"the artifact has {size} bytes, and none of them is in the range",
            field="Range",
            fix=f"ask for bytes=0-{size - 1}, or for all of it" if size else "ask for all of it",
        )
        return render_problem(problem, headers | {"Content-Range": f"bytes */{size}"})
    if span is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    status, span = (200, range(size)) if span is None else (206, span)
    headers |= {
        "Content-Length": str(len(span)),
        "Content-Disposition": _as_attachment(artifact.name),
        "Content-Type": artifact.media_type,
        "X-Content-Type-Options": "nosniff",
    }
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    chunks = read_blob(database, artifact.sha256, start=span.start, stop=span.stop)
    # Before the response begins: what cannot be read at all is a problem, not a broken download.
    first = next(chunks, b"")
    return StreamingResponse(chain([first], chunks), status, headers)


def _as_attachment(name: str) -> str:
    if re.fullmatch(r"[\w.-]+", name, re.ASCII):
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def _parse_range(headers: Headers, etag: str, size: int) -> range | None:
    """Return the requested range; None for all bytes, empty for a range outside them.

    Ignore a header that is malformed, has several ranges or belongs to other bytes, as RFC 9110
    allows.
    """
    match = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if match is None or headers.get("if-range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)
