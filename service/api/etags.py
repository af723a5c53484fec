"""Conditions of requests (RFC 9110)."""

from __future__ import annotations


def matches_etag(condition: str | None, etag: str) -> bool:
    """Return whether If-None-Match names a tag; a weak tag matches like a strong one."""
    if condition is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    return etag.removeprefix("W/") in tags or "*" in tags
