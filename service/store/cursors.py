"""Cursors of lists: an opaque name of the last item of a page."""

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


class ListedRow(Protocol):
    """A row that can be listed, newest first: JobRow or DatasetRow."""

    id: Any
    created_at: Any


R = TypeVar("R", bound=ListedRow)
T = TypeVar("T")


def after_cursor(
    cursor: str | None,
    created_at: InstrumentedAttribute[datetime],
    id: InstrumentedAttribute[str],  # noqa: A002
) -> ColumnElement[bool]:
    """Return the condition for rows that come after a cursor, newest first."""
    if cursor is None:
        return true()
    last_created_at, last_id = _decode(cursor)
    last = literal(last_created_at, created_at.type)
    return or_(created_at < last, and_(created_at == last, id < last_id))


def make_page(rows: Sequence[R], limit: int, make: Callable[[R], T]) -> Page[T]:
    """Make a page from at most `limit` + 1 rows; the last one shows that there are more."""
    shown = rows[:limit]
    more = _encode(shown[-1]) if len(rows) > limit else None
    return Page(items=tuple(make(row) for row in shown), next=more)


def _encode(row: ListedRow) -> str:
    content = json.dumps([row.created_at.isoformat(), row.id])
    return base64.urlsafe_b64encode(content.encode()).decode()


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        created_at, row_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        # PostgreSQL refuses a NUL in text, and no id has one.
        return datetime.fromisoformat(created_at).astimezone(UTC), str(row_id).replace("\0", "")
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise invalid_cursor() from error


def invalid_cursor() -> InvalidRequest:
    """Return the problem with a cursor that no list gave out."""
    return InvalidRequest(
        "this cursor was not given out by a list", field="cursor", fix="leave it out"
    )
