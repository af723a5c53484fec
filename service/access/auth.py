"""Access control: bearer tokens and sessions or, without tokens, only this machine's programs."""

from __future__ import annotations

import hmac
import time
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lowloss.errors import ForeignPage, Unauthorized
from service.access.sessions import COOKIE, find_session
from service.settings import Settings

LOGIN_PATH = "/login"
STATIC_PATH = "/static/"
LOGOUT_PATH = "/logout"
OPEN_PATHS = frozenset({"/healthz", "/readyz", LOGIN_PATH, LOGOUT_PATH})
"""The paths of an orchestrator's probes, which have no token, and of signing in and out."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


CLIENT = "lowloss.client"
"""Where the scope of a request has the position of its token."""


class TokenAuth:
    """Refuses requests without a valid token or session, before a byte of their body is read.

    Programs send a token, browsers the session of the page where they signed in. Requests of a
    browser's session that change something must come from a page of this server.
    """

    def __init__(self, app: ASGIApp, *, tokens: tuple[str, ...]) -> None:
        self.app = app
        self.tokens = tuple(token.encode() for token in tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the token or the session; raise Unauthorized, or lead a browser to the login."""
        if scope["type"] == "http" and not _is_open(scope["path"]):
            headers = Headers(scope=scope)
            client = self._find_client(headers, scope["method"])
            if client is None and _is_of_browser(scope, headers):
                target = quote(scope["path"] + _query_of(scope))
                login = RedirectResponse(f"{LOGIN_PATH}?next={target}", status_code=303)
                await login(scope, receive, send)
                return
            if client is None:
                raise Unauthorized(
                    "this server answers only to a valid token",
                    field="Authorization",
                    fix="send the header Authorization: Bearer TOKEN",
                )
            scope[CLIENT] = client
        await self.app(scope, receive, send)

    def _find_client(self, headers: Headers, method: str) -> int | None:
        """Return the position of the token of a request, or None."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return find_token(credentials.strip().encode("latin-1"), self.tokens)
        client = find_session(_read_cookie(headers), self.tokens, now=time.time())
        if client is not None and method not in SAFE_METHODS:
            check_same_origin(headers)
        return client


def find_token(token: bytes, tokens: tuple[bytes, ...]) -> int | None:
    """Return the position of a token among those that are valid, or None."""
    # All are compared, each in constant time: the delay of a response reveals no token.
    matches = [hmac.compare_digest(token, valid_token) for valid_token in tokens]
    return matches.index(True) if any(matches) else None


def check_same_origin(headers: Headers) -> None:
    """Raise ForeignPage unless a browser says that a request comes from a page of this server."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin", "")
    is_same = site == "same-origin" if site else _host_of(origin) == headers.get("host")
    if not is_same:
        raise ForeignPage(
            f"a page at {origin or 'another address'} may not change anything here",
            field="Origin",
            fix="use the pages of this server, or send the header Authorization: Bearer TOKEN",
        )


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
            is_same_origin = origin is None or _host_of(origin) == host
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


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(STATIC_PATH)


def _is_of_browser(scope: Scope, headers: Headers) -> bool:
    """Return whether a request is for a page, to be shown to somebody."""
    is_page = not scope["path"].startswith("/v1/")
    return is_page and scope["method"] == "GET" and "text/html" in headers.get("accept", "")


def _query_of(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"?{query}" if query else ""


def _read_cookie(headers: Headers) -> str:
    # Cookies of a host are those of all its ports: others may be written oddly.
    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
