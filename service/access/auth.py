"""Access control: bearer tokens and sessions or, without tokens, only this machine's programs."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lowloss.errors import ForeignPage, Unauthorized
from service.access.callers import CALLER, LOCAL, REFUSED, SAFE_METHODS, Caller, check_scope
from service.access.peers import find_peer
from service.access.tokens import Tokens

LOGIN_PATH = "/login"
STATIC_PATH = "/static/"
LOGOUT_PATH = "/logout"
OPEN_PATHS = frozenset({"/healthz", "/readyz", LOGIN_PATH, LOGOUT_PATH})
"""The paths of an orchestrator's probes, which have no token, and of signing in and out."""
COOKIE = "lowloss_session"
"""The cookie of a browser's session."""


class AccessControl:
    """Refuses requests of those who may not send them, before a byte of their body is read.

    Programs send a token, browsers the session of the page where they signed in. Requests of a
    browser's session that change something must come from a page of this server. Where a server has
    no tokens, only programs of its machine may use it, unless it `is_open` to the network.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens, is_open: bool = False) -> None:
        self.app = app
        self.tokens = tokens
        self.is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the caller; raise Unauthorized, ScopeTooNarrow, ForeignPage, or lead to a login."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        if not _is_open(path):
            await self.tokens.look_for_tokens()
        if self.tokens.is_anonymous:
            check_anonymous(headers, is_open=self.is_open)
            scope[CALLER] = LOCAL
        elif not _is_open(path):
            caller = await self._find_caller(scope, headers)
            if caller is None and _is_of_browser(scope, headers):
                target = quote(path + _query_of(scope))
                login = RedirectResponse(f"{LOGIN_PATH}?next={target}", status_code=303)
                await login(scope, receive, send)
                return
            if caller is None:
                raise Unauthorized(
                    "this server answers only to a valid token",
                    field="Authorization",
                    fix="send the header Authorization: Bearer TOKEN",
                )
            scope[CALLER] = caller
            check_scope(caller, scope["method"], path)
        await self.app(scope, receive, send)

    async def _find_caller(self, scope: Scope, headers: Headers) -> Caller | None:
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            secret = credentials.strip().encode("latin-1")
            caller = await self.tokens.find(secret, peer=find_peer(scope))
            if caller is None:
                scope[REFUSED] = True
            return caller
        caller = await self.tokens.find_by_session(read_cookie(headers, COOKIE))
        if caller is not None and scope["method"] not in SAFE_METHODS:
            check_same_origin(headers)
        return caller


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


def check_anonymous(headers: Headers, *, is_open: bool) -> None:
    """Raise ForeignPage for a request of a web page, where a server has no tokens.

    A page of another site can make its visitor's browser send requests to this server, with the
    page's Origin or, by DNS rebinding, with a Host of its own. Programs send neither. Which names a
    server has that `is_open` to the network, nobody knows.
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    is_same_origin = origin is None or _host_of(origin) == host
    is_own_name = is_open or _is_loopback(urlsplit(f"//{host}").hostname or "")
    if not (is_same_origin and is_own_name):
        raise ForeignPage(
            f"a page at {origin or host} may not use this server",
            field="Host" if is_same_origin else "Origin",
            fix="use the server's own address, http://127.0.0.1, or configure tokens",
        )


def read_cookie(headers: Headers, name: str) -> str:
    """Return a cookie's value, or nothing."""
    # Cookies of a host are those of all its ports: others may be written oddly.
    return cookie_parser(headers.get("cookie", "")).get(name, "")


def is_reachable(host: str) -> bool:
    """Return whether other machines could reach a server at an address."""
    return not _is_loopback(host)


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(STATIC_PATH)


def _is_of_browser(scope: Scope, headers: Headers) -> bool:
    """Return whether a request is for a page, to be shown to somebody."""
    is_page = not scope["path"].startswith("/v1/")
    return is_page and scope["method"] == "GET" and "text/html" in headers.get("accept", "")


def _query_of(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"?{query}" if query else ""


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
