"""Access control: bearer tokens or, without tokens, only programs of this machine."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from lowloss.errors import ForeignPage, Unauthorized
from service.settings import Settings

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""The paths of an orchestrator's probes, which have no token."""


CLIENT = "lowloss.client"
"""Where the scope of a request has the position of its token."""


class BearerAuth:
    """Refuses requests without a valid token, before a byte of their body is read."""

    def __init__(self, app: ASGIApp, *, tokens: tuple[str, ...]) -> None:
        self.app = app
        self.tokens = tuple(token.encode() for token in tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the token; raise Unauthorized."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            scope[CLIENT] = self._check(Headers(scope=scope).get("authorization", ""))
        await self.app(scope, receive, send)

    def _check(self, header: str) -> int:
        """Return the position of the token in a header."""
        scheme, _, credentials = header.partition(" ")
        token = credentials.strip().encode("latin-1")
        # All are compared, each in constant time: the delay of a response reveals no token.
        matches = [hmac.compare_digest(token, valid_token) for valid_token in self.tokens]
        if scheme.lower() != "bearer" or not any(matches):
            raise Unauthorized(
                "this server answers only to a valid token",
                field="Authorization",
                fix="send the header Authorization: Bearer TOKEN",
            )
        return matches.index(True)


class LocalPrograms:
    """Refuses web pages; used without tokens, when the server listens on loopback only.

    A page of another site can make its visitor's browser send requests to this server, with the
    page's Origin or, by DNS rebinding, with a Host of its own. Programs send neither.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check Host and Origin; raise ForeignPage."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host, origin = headers.get("host", ""), headers.get("origin")
            is_same_origin = origin is None or urlsplit(origin).netloc == host
            if not (is_same_origin and _is_loopback(urlsplit(f"//{host}").hostname or "")):
                raise ForeignPage(
                    f"a page at {origin or host} may not use this server",
                    field="Host" if is_same_origin else "Origin",
                    fix="use the server's own address, http://127.0.0.1, or configure tokens",
                )
        await self.app(scope, receive, send)


def is_open_to_strangers(settings: Settings) -> bool:
    """Return whether anyone on the network could use the server without a token."""
    return not settings.tokens and not _is_loopback(settings.host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
