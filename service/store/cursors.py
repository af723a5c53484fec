"""Cursors of lists: an opaque name of the last item of a page."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, literal, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from lowloss.errors import InvalidRequest
from lowloss.results import Page
from service.store.database import UtcDateTime

R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True)
class ListOrder:
    """The order of a list's rows: by a column of times or texts, and by id among equals."""

    column: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[str]
    is_descending: bool = True

    @property
    def name(self) -> str:
        """What tells its cursors from those of other orders."""
        return f"{self.column.key} {'down' if self.is_descending else 'up'}"

    @property
    def clauses(self) -> tuple[ColumnElement[Any], ColumnElement[str]]:
        """What a query is ordered by."""
        if self.is_descending:
            return self.column.desc(), self.id.desc()
        return self.column.asc(), self.id.asc()

    def after(self, cursor: str | None) -> ColumnElement[bool]:
        """Return the condition for rows that come after a cursor."""
        if cursor is None:
            return true()
        value, last_id = self._decode(cursor)
        last = literal(value, self.column.type)
        if self.is_descending:
            return or_(self.column < last, and_(self.column == last, self.id < last_id))
        return or_(self.column > last, and_(self.column == last, self.id > last_id))

    def make_page(self, rows: Sequence[R], limit: int, make: Callable[[R], T]) -> Page[T]:
        """Make a page from at most `limit` + 1 rows; the last one shows that there are more."""
        shown = rows[:limit]
        more = self._encode(shown[-1]) if len(rows) > limit else None
        return Page(items=tuple(make(row) for row in shown), next=more)

    def _encode(self, row: object) -> str:
        value, row_id = getattr(row, self.column.key), getattr(row, self.id.key)
        shown = value.isoformat() if isinstance(value, datetime) else value
        content = json.dumps([self.name, shown, row_id])
        return base64.urlsafe_b64encode(content.encode()).decode()

    def _decode(self, cursor: str) -> tuple[datetime | str, str]:
        try:
            name, value, row_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
            parts = (value, row_id)
            # Databases take no NUL, and no half of a surrogate pair, which cannot be encoded.
            is_text = all(isinstance(part, str) and b"\0" not in part.encode() for part in parts)
            if name != self.name or not is_text:
                raise invalid_cursor()
            if isinstance(self.column.type, UtcDateTime):
                return datetime.fromisoformat(value).astimezone(UTC), row_id
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise invalid_cursor() from error
        return value, row_id


def invalid_cursor() -> InvalidRequest:
    """Return the problem with a cursor that no list gave out."""
    return InvalidRequest(
        "this cursor was not given out by a list", field="cursor", fix="leave it out"
    )
