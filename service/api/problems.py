"""Renders every error as RFC 9457 problem details: the one place where that is done."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
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
    InternalError,
    InvalidJson,
    MethodNotAllowed,
    NotReady,
    Problem,
    RouteNotFound,
    Unauthorized,
)
from service.api.validation import problem_of_faults
from service.store.database import is_busy

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2

logger = logging.getLogger(__name__)


def render_problem(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as a response, with the headers that its status asks for."""
    all_headers = dict(headers or {})
    if isinstance(problem, Unauthorized):
        all_headers["WWW-Authenticate"] = "Bearer"
    if isinstance(problem, NotReady):
        all_headers["Retry-After"] = str(RETRY_SECONDS)
    # ASCII alone, since what was sent may hold characters that UTF-8 does not have.
    content = json.dumps(problem.to_document())
    return Response(content, problem.status, all_headers, MEDIA_TYPE)


def handle_errors(app: FastAPI) -> None:
    """Answer every error of an app as problem details."""
    for kind in (Problem, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _handle)


async def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        return render_problem(problem_of_faults(error.errors(), _body_model(request)))
    if isinstance(error, HTTPException) and error.status_code == MethodNotAllowed.status:
        methods = ", ".join(sorted(_allowed_methods(request)))
        problem = MethodNotAllowed(
            f"this address does not take {request.method}", fix=f"it takes {methods}"
        )
        return render_problem(problem, {"Allow": methods})
    return render_problem(_problem_of(error))


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        # FastAPI wraps whatever came up while it read the body, a body over the limit too.
        if isinstance(error.__cause__, Problem):
            return error.__cause__
        if error.status_code == RouteNotFound.status:
            return RouteNotFound("there is nothing at this address", fix="GET /docs lists all")
        if error.status_code == InvalidJson.status:
            return InvalidJson("the body is not JSON in UTF-8", fix="send JSON")
    if is_busy(error):
        return NotReady("the database does not answer", fix="send the request again soon")
    logger.error("a request failed", exc_info=error)
    return InternalError(
        "the server failed to answer", fix="try again; the server's log has the reason"
    )


def _body_model(request: Request) -> type[BaseModel] | None:
    """The model of the body that a request's route takes."""
    field = getattr(request.scope.get("route"), "body_field", None)
    annotation: Any = None if field is None else field.field_info.annotation
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_model else None


def _allowed_methods(request: Request) -> set[str]:
    # The first route at an address raises the error and names its own methods alone.
    path = request.scope["path"]
    at_address = [
        route for route in iter_route_contexts(request.app.routes) if route.path_regex.match(path)
    ]
    return {method for route in at_address for method in route.methods or ()}


class CatchAll:
    """Answers what no handler caught, as long as no answer has begun."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app; render what it raises."""
        has_begun = False

        async def note(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, note)
        except ClientDisconnect:
            # Nobody is there to be answered.
            return
        except Exception as error:
            if scope["type"] != "http" or has_begun:
                raise
            await render_problem(_problem_of(error))(scope, receive, send)
