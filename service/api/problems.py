"""Renders every error as RFC 9457 problem details."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lowloss.errors import (
    InvalidJson,
    MethodNotAllowed,
    NotReady,
    Problem,
    RouteNotFound,
    TooManyRequests,
    Unauthorized,
)
from lowloss.processes.logs import find_field
from lowloss.validation import find_fault, join_faults
from service.resources.faults import find_fault_of_server

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2

logger = logging.getLogger(__name__)


def render_problem(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Render a problem as a response, with the headers that its status requires."""
    all_headers = {**(headers or {}), **_headers_of(problem)}
    document, request_id = problem.to_document(), find_field("request")
    if request_id is not None:
        document["request_id"] = request_id
    # Only ASCII, since the request may contain characters that UTF-8 cannot encode.
    content = json.dumps(document)
    return Response(content, problem.status, all_headers, MEDIA_TYPE)


def _headers_of(problem: Problem) -> dict[str, str]:
    """Return the headers that the status of a problem requires."""
    match problem:
        case Unauthorized():
            return {"WWW-Authenticate": "Bearer"}
        case NotReady():
            return {"Retry-After": str(RETRY_SECONDS)}
        case TooManyRequests():
            return {"Retry-After": str(problem.retry_after_s)}
    return {}


ShowPage = Callable[[Request, Problem], Response]


def handle_errors(app: FastAPI, show_page: ShowPage) -> None:
    """Make an app respond to every error with problem details.

    A browser at an address where nothing is gets the page that `show_page` makes.
    """

    async def show_missing(request: Request, error: Exception) -> Response:
        if _is_for_page(request):
            lost = RouteNotFound("there is nothing at this address", fix="choose a page above")
            return show_page(request, lost)
        return await _handle(request, error)

    for error in (Problem, HTTPException, RequestValidationError):
        app.add_exception_handler(error, _handle)
    app.add_exception_handler(RouteNotFound.status, show_missing)


def _is_for_page(request: Request) -> bool:
    """Return whether a browser asks for something to show to its user."""
    accepts_page = "text/html" in request.headers.get("accept", "")
    is_of_api = request.url.path.startswith("/v1/")
    return accepts_page and request.method == "GET" and not is_of_api


async def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        return render_problem(_read_request_errors(error, _find_body_model(request)))
    if isinstance(error, HTTPException) and error.status_code == MethodNotAllowed.status:
        methods = ", ".join(sorted(_allowed_methods(request)))
        problem = MethodNotAllowed(
            f"this address does not take {request.method}", fix=f"it takes {methods}"
        )
        return render_problem(problem, {"Allow": methods})
    return render_problem(_find_problem(error))


def _find_problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        # FastAPI wraps any error while it reads the body, BodyTooLarge included.
        if isinstance(error.__cause__, Problem):
            return error.__cause__
        if error.status_code == RouteNotFound.status:
            return RouteNotFound("there is nothing at this address", fix="GET /docs lists all")
        if error.status_code == InvalidJson.status:
            return InvalidJson("the body is not JSON in UTF-8", fix="send JSON")
    return find_fault_of_server(error)


def _read_request_errors(error: RequestValidationError, model: type[BaseModel] | None) -> Problem:
    entries = error.errors()
    if entries[0]["type"] == "json_invalid":
        reason = entries[0].get("ctx", {}).get("error", "it cannot be parsed")
        position = "".join(f"character {part}" for part in entries[0]["loc"][1:]) or "its start"
        return InvalidJson(f"the body is not JSON: {reason} at {position}", fix="send JSON")
    return join_faults(
        find_fault(entry | {"loc": path}, model if source == "body" else None)
        for entry in entries
        for source, *path in [entry["loc"]]
    )


def _find_body_model(request: Request) -> type[BaseModel] | None:
    """Return the model of the body of a request's route, or None."""
    field = getattr(request.scope.get("route"), "body_field", None)
    annotation: Any = None if field is None else field.field_info.annotation
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_model else None


def _allowed_methods(request: Request) -> set[str]:
    # The first route at an address raises the error, and names only its own methods.
    path = request.scope["path"]
    at_address = [
        route for route in iter_route_contexts(request.app.routes) if route.path_regex.match(path)
    ]
    return {method for route in at_address for method in route.methods or ()}


class CatchAll:
    """Responds to errors that no handler caught, unless a response has begun.

    A browser at a page gets the page that `show_page` makes.
    """

    def __init__(self, app: ASGIApp, show_page: ShowPage) -> None:
        self.app = app
        self.show_page = show_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app and render the errors that it raises."""
        has_begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except ClientDisconnect:
            # There is no client to respond to.
            return
        except Exception as error:
            if scope["type"] != "http" or has_begun:
                raise
            problem, request = _find_problem(error), Request(scope)
            is_page = _is_for_page(request)
            response = render_problem(problem)
            if is_page:
                page = self.show_page(request, problem)
                page.headers.update(_headers_of(problem))
                response = page
            await response(scope, receive, send)
