"""Writes docs/results.md from the results of default jobs on real tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "results.md"


def write_page(results: dict[str, Any]) -> None:
    """Write the page of all that was measured."""
    PAGE.write_text(json_free(results))


def json_free(results: dict[str, Any]) -> str:
    """The page's text."""
    return str(results)
