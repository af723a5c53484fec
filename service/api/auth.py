"""Bearer tokens: asked for everywhere but of the probes, once any are configured."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from lowloss.errors import Unauthorized
from service.settings import Settings

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What an orchestrator's probes ask for, without a token."""


class BearerAuth:
    """Refuses requests without a valid token, before a byte of their body is read."""

    def __init__(self, app: ASGIApp, *, tokens: tuple[str, ...]) -> None:
        self.app = app
        self.tokens = tuple(token.encode() for token in tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the token; raises Unauthorized."""
        if scope["type"] == "http" and self.tokens and scope["path"] not in OPEN_PATHS:
            self._check(Headers(scope=scope).get("authorization", ""))
        await self.app(scope, receive, send)

    def _check(self, header: str) -> None:
        scheme, _, given = header.partition(" ")
        token = given.strip().encode("latin-1")
        # All are compared, each in constant time: an answer's delay tells nothing of a token.
        matches = [hmac.compare_digest(token, known) for known in self.tokens]
        if scheme.lower() != "bearer" or not any(matches):
            raise Unauthorized(
                "this server answers only to a valid token",
                field="Authorization",
                fix="send the header Authorization: Bearer TOKEN",
            )


def is_open_to_strangers(settings: Settings) -> bool:
    """Whether anyone on the network could use the server without a token."""
    return not settings.tokens and not _is_loopback(settings.host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
