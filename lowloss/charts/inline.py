"""The style and the script of charts: for pages that link them, and for one that holds them."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

STYLE, SCRIPT = "charts.css", "charts.js"
START = "showTips();\nbrushParallels(document);\n"


def chart_files() -> list[Traversable]:
    """Return the files that a page links."""
    return [_find(STYLE), _find(SCRIPT)]


@lru_cache(maxsize=1)
def read_style() -> str:
    """Return the style sheet: the colours of light and dark pages, and all that charts have."""
    return _find(STYLE).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def read_script() -> str:
    """Return a module that stands in a page itself, and there begins at once."""
    return _find(SCRIPT).read_text(encoding="utf-8") + START


@lru_cache(maxsize=1)
def script_source() -> str:
    """Return what a page's policy calls that module: no other script may run there."""
    digest = hashlib.sha256(read_script().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _find(name: str) -> Traversable:
    return files("lowloss.charts") / "static" / name
