"""Signing in with a token, and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse

from service.access.auth import (
    COOKIE,
    LOGIN_PATH,
    LOGOUT_PATH,
    check_same_origin,
    read_cookie,
)
from service.access.callers import CALLER, REFUSED
from service.access.peers import find_peer
from service.access.tokens import SESSION_SECONDS
from service.dashboard.pages import make_router, render_page
from service.resources.resources import Dependencies

router = make_router()

Next = Annotated[str, Query(max_length=2000)]


@router.get(LOGIN_PATH)
async def show_login(request: Request, deps: Dependencies, next: Next = "/") -> Response:  # noqa: A002
    """Show the form for a token; without tokens there is nothing to sign in to."""
    if deps.tokens.is_anonymous:
        return RedirectResponse(_own_path(next), status_code=303)
    return render_page(request, "login", next=_own_path(next), is_wrong=False)


@router.post(LOGIN_PATH)
async def sign_in(request: Request, deps: Dependencies) -> Response:
    """Begin a session for a valid token, and go on to the page that was to be shown."""
    check_same_origin(request.headers)
    fields = parse_qs((await request.body()).decode("utf-8", "replace"))
    target = _own_path(fields.get("next", ["/"])[0])
    token = fields.get("token", [""])[0].strip().encode()
    caller = await deps.tokens.find(token, peer=find_peer(request.scope))
    if caller is None:
        request.scope[REFUSED] = True
        return render_page(request, "login", status=401, next=target, is_wrong=True)
    request.scope[CALLER] = caller
    session = await deps.tokens.begin_session(token)
    response = RedirectResponse(target, status_code=303)
    # No script and no other site sees it.
    response.set_cookie(
        COOKIE,
        session,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="lax",
        secure=_is_encrypted(request),
    )
    return response


@router.post(LOGOUT_PATH)
async def sign_out(request: Request, deps: Dependencies) -> Response:
    """End the session of this browser."""
    check_same_origin(request.headers)
    await deps.tokens.sign_out(read_cookie(request.headers, COOKIE))
    response = RedirectResponse(LOGIN_PATH, status_code=303)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=_is_encrypted(request))
    return response


def _own_path(target: str) -> str:
    """Return a path of this server: another site must not be led to after a login."""
    is_own = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if is_own and target.isprintable() else "/"


def _is_encrypted(request: Request) -> bool:
    """Return whether the browser came by HTTPS, through a proxy perhaps."""
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto")}
