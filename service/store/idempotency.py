"""The first responses to POSTs with an Idempotency-Key, of each project by themselves."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from lowloss.errors import IdempotencyKeyReused
from service.store.database import utc_now
from service.store.schema import IdempotencyKeyRow

KEY_SECONDS = 7 * 24 * 3600.0
"""How long the first response to an Idempotency-Key is stored."""


def find_response(
    session: Session, project: str, key: str, *, request: bytes
) -> dict[str, Any] | None:
    """Return the first response to an Idempotency-Key.

    Raise IdempotencyKeyReused for another request.
    """
    row = session.get(IdempotencyKeyRow, (project, key))
    if row is None:
        return None
    if row.request_sha256 != hashlib.sha256(request).hexdigest():
        raise IdempotencyKeyReused(
            f"Idempotency-Key {key!r} came before with another request",
            field="Idempotency-Key",
            fix="use a new key for a new request",
        )
    return row.answer


def save_response(
    session: Session, project: str, key: str, *, request: bytes, response: dict[str, Any]
) -> None:
    """Store the first response to an Idempotency-Key; delete those older than `KEY_SECONDS`."""
    session.execute(
        delete(IdempotencyKeyRow).where(IdempotencyKeyRow.created_at < utc_now(-KEY_SECONDS))
    )
    sha256 = hashlib.sha256(request).hexdigest()
    session.add(IdempotencyKeyRow(project=project, key=key, request_sha256=sha256, answer=response))
