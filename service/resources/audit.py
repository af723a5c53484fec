"""Writes the audit log: each request that could change something, and each refused token."""

from __future__ import annotations

import logging
import math
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.callers import CALLER, LOCAL, REFUSED, SAFE_METHODS, Caller, is_prediction
from service.access.peers import find_peer
from service.resources.resources import Resources
from service.store.audit import NewEntry, delete_old_entries, record_entry
from service.store.database import Session
from service.store.tokens import TOKEN_PREFIX

MAX_PATH = 200
PRUNE_SECONDS = 3600.0
UNKNOWN_CALLER = Caller("", "", "", LOCAL.scope)
"""Whoever sent a wrong token."""

logger = logging.getLogger(__name__)


class AuditRequests:
    """Records a request after it was answered, unless it only read or predicted."""

    def __init__(self, app: ASGIApp, *, resources: Resources) -> None:
        self.app = app
        self.resources = resources
        self._pruned_at = -math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, and record what it did."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            if _is_recorded(scope):
                await self._record(_make_entry(scope, status))

    async def _record(self, entry: NewEntry) -> None:
        now = monotonic()
        is_due = now - self._pruned_at >= PRUNE_SECONDS

        def write(session: Session) -> None:
            record_entry(session, entry)
            if is_due:
                delete_old_entries(session, days=self.resources.settings.audit_days)

        try:
            await self.resources.write(write)
        except Exception:
            # It was answered already: the log of the process has to have what the table lacks.
            logger.exception("the audit log could not be written: %s", entry)
            return
        self._pruned_at = now if is_due else self._pruned_at


def _is_recorded(scope: Scope) -> bool:
    if REFUSED in scope:
        return True
    is_change = scope["method"] not in SAFE_METHODS and CALLER in scope
    return is_change and not is_prediction(scope["method"], scope["path"])


def _make_entry(scope: Scope, status: int) -> NewEntry:
    caller: Caller = scope.get(CALLER, UNKNOWN_CALLER)
    # Whoever takes a secret for an id has it in the address.
    parts = scope["path"].split("/")
    path = "/".join(f"{TOKEN_PREFIX}…" if p.startswith(TOKEN_PREFIX) else p for p in parts)
    return NewEntry(
        token=caller.token_id,
        name=caller.name,
        project=caller.project,
        peer=find_peer(scope),
        method=scope["method"][:20],
        path=path[:MAX_PATH].replace("\0", ""),
        status=status,
    )
