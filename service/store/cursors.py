"""Cursors of lists: an opaque name of the last item that was seen."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, and_, literal, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from lowloss.errors import InvalidRequest
from lowloss.results import Page


class Listed(Protocol):
    """A row that can be listed, newest first. JobRow and DatasetRow are."""

    id: Any
    created_at: Any


R = TypeVar("R", bound=Listed)
T = TypeVar("T")


def after(
    cursor: str | None,
    created_at: InstrumentedAttribute[datetime],
    id: InstrumentedAttribute[str],  # noqa: A002
) -> ColumnElement[bool]:
    """The condition for rows that come after a cursor, newest first."""
    if cursor is None:
        return true()
    when, which = _decode(cursor)
    seen = literal(when, created_at.type)
    return or_(created_at < seen, and_(created_at == seen, id < which))


def page_of(rows: Sequence[R], limit: int, make: Callable[[R], T]) -> Page[T]:
    """A page from at most `limit` + 1 rows; the one too many tells that there is more."""
    shown = rows[:limit]
    more = _encode(shown[-1]) if len(rows) > limit else None
    return Page(items=tuple(make(row) for row in shown), next=more)


def _encode(row: Listed) -> str:
    content = json.dumps([row.created_at.isoformat(), row.id])
    return base64.urlsafe_b64encode(content.encode()).decode()


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        when, which = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        # PostgreSQL refuses a NUL in text, and no id has one.
        return datetime.fromisoformat(when).astimezone(UTC), str(which).replace("\0", "")
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise invalid_cursor() from error


def invalid_cursor() -> InvalidRequest:
    """What is answered to a cursor that no list gave out."""
    return InvalidRequest(
        "this cursor was not given out by a list", field="cursor", fix="leave it out"
    )
