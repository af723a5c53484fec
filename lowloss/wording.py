"""Counts and lists for sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

SHOWN_CHARACTERS = 60


def counted(count: int, noun: str) -> str:
    """Format a count: `1 row`, `2,000 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def clipped(text: str, max_characters: int = SHOWN_CHARACTERS) -> str:
    """Cut a text where it is long."""
    return text if len(text) <= max_characters else text[: max_characters - 1] + "…"


def list_first(things: Sequence[object], limit: int, form: Callable[[object], str] = str) -> str:
    """List the first things, and say how many more there are."""
    listed = ", ".join(map(form, things[:limit]))
    more = len(things) - limit
    return f"{listed} and {more:,} more" if more > 0 else listed
