"""Style sheets and scripts of the pages, under an address that changes with them."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from mimetypes import guess_type
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response

from lowloss.charts.inline import chart_files
from lowloss.errors import RouteNotFound
from service.access.auth import STATIC_PATH

router = APIRouter(include_in_schema=False)

A_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class StaticFile:
    """A file, its compressed bytes, and its media type."""

    content: bytes
    compressed: bytes
    media_type: str


@dataclass(frozen=True)
class StaticFiles:
    """All files by name; `version` is a digest of them."""

    version: str
    by_name: dict[str, StaticFile]

    def address_of(self, name: str) -> str:
        """Return the path of a file."""
        if name not in self.by_name:
            raise KeyError(name)
        return f"{STATIC_PATH}{self.version}/{name}"


@lru_cache(maxsize=1)
def load_static_files() -> StaticFiles:
    """Read the files of this package, of the charts, and of Swagger UI, once."""
    by_name = {}
    folders = (files("service.dashboard") / "static", files("fastapi_swagger") / "resources")
    entries = [entry for folder in folders for entry in folder.iterdir() if _is_static(entry.name)]
    entries += chart_files()
    for entry in sorted(entries, key=lambda entry: entry.name):
        content = entry.read_bytes()
        media_type = guess_type(entry.name)[0] or "application/octet-stream"
        by_name[entry.name] = StaticFile(content, gzip.compress(content, mtime=0), media_type)
    digest = hashlib.sha256(b"".join(file.content for file in by_name.values()))
    return StaticFiles(digest.hexdigest()[:12], by_name)


def _is_static(name: str) -> bool:
    """Return whether a file is one that pages load."""
    return name.endswith((".css", ".js", ".svg"))


@router.get(STATIC_PATH + "{version}/{name}")
async def read_static_file(
    version: Annotated[str, Path()],
    name: Annotated[str, Path()],
    accept_encoding: Annotated[str, Header()] = "",
) -> Response:
    """Return a file; browsers keep it for as long as they like."""
    loaded = load_static_files()
    file = loaded.by_name.get(name) if version == loaded.version else None
    if file is None:
        raise RouteNotFound("there is no such file", fix="load the page again")
    headers = {
        "Cache-Control": f"public, max-age={A_YEAR}, immutable",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if "gzip" in accept_encoding:
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, 200, headers, file.media_type)
    return Response(file.content, 200, headers, file.media_type)
