"""An id for each request, and a line of the log, if its operator wants one."""

from __future__ import annotations

import logging
import re
import secrets
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lowloss.processes.logs import about, logging_about
from service.access.callers import CALLER, Caller
from service.access.peers import find_peer

REQUEST_ID_HEADER = "X-Request-ID"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a client or a proxy may name a request: it comes back in headers and logs."""

ACCESS_LOG = "lowloss.access"
"""The logger of requests, whatever level the others have."""

logger = logging.getLogger(ACCESS_LOG)


class LogRequests:
    """Names each request, tells its client that name, and logs how it was answered.

    An entry has the route's template and no address, query or body, which may hold anything.
    """

    def __init__(self, app: ASGIApp, *, has_access_log: bool) -> None:
        self.app = app
        self.has_access_log = has_access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, whose entries of the log all have the request's id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _find_id(Headers(scope=scope))
        started_at, status = perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with logging_about(request=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                if self.has_access_log:
                    _log(scope, status, 1000 * (perf_counter() - started_at))


def _find_id(headers: Headers) -> str:
    """Return the id that a request brings, if it is a plain one, or a new one."""
    brought = headers.get(REQUEST_ID_HEADER, "")
    return brought if REQUEST_ID.fullmatch(brought) else secrets.token_hex(8)


def _log(scope: Scope, status: int, milliseconds: float) -> None:
    caller: Caller | None = scope.get(CALLER)
    fields = {
        "method": scope["method"],
        "route": getattr(scope.get("route"), "path", "none"),
        "status": status,
        "ms": round(milliseconds, 1),
        "token": "" if caller is None else caller.token_id,
        "peer": find_peer(scope),
    }
    message = "%s %s %d %.1f ms"
    values = fields["method"], fields["route"], fields["status"], fields["ms"]
    logger.info(message, *values, extra=about(**fields))
