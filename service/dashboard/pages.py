"""Pages from templates: all that is put in is escaped, and nothing comes from another site."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment
from markupsafe import Markup

from lowloss import __version__
from lowloss.errors import InvalidRequest, Problem
from lowloss.pages.environment import make_environment
from lowloss.results import Job
from lowloss.results.notes import (
    NO_WORKER,
    describe_notes,
    describe_title,
    waits_for_any_worker,
)
from lowloss.spec import Scope
from lowloss.wording import clipped, format_age
from service.access.callers import CALLER, LOCAL
from service.dashboard.reading_form import (
    FORM_WORDS,
    find_reading_field,
    point_to_button,
    use_form_words,
)
from service.dashboard.static_files import load_static_files
from service.resources.faults import find_fault_of_server
from service.store.events import EventKind

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
MAX_NAME = 200
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # A page is of one moment, and may hold what only its reader may see.
    "Cache-Control": "no-store",
}


class PageRoute(APIRoute):
    """A route whose errors are pages, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler: what it raises is shown to the reader."""
        handle = super().get_route_handler()

        async def handle_or_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                return render_problem_page(request, problem)
            except RequestValidationError as error:
                fault = error.errors()[0]
                field = ".".join(map(str, fault["loc"][1:]))
                detail = f"{field}: {fault['msg']}"
                fix = "correct the address"
                return render_problem_page(request, InvalidRequest(detail, field=field, fix=fix))
            except Exception as error:
                return render_problem_page(request, find_fault_of_server(error))

        return handle_or_explain


def make_router() -> APIRouter:
    """Build the router of some pages."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def render_page(request: Request, template: str, *, status: int = 200, **content: Any) -> Response:
    """Render a template as a page."""
    caller = request.scope.get(CALLER)
    content |= {
        "request": request,
        "caller": caller,
        "is_signed_in": caller is not None and caller is not LOCAL,
        "can_submit": caller is not None and caller.scope.includes(Scope.submit),
        "is_admin": caller is not None and caller.scope is Scope.admin,
    }
    page = _environment().get_template(f"{template}.html.jinja").render(content)
    return HTMLResponse(page, status, HEADERS)


def render_problem_page(request: Request, problem: Problem) -> Response:
    """Render a problem as a page with its status."""
    return render_page(request, "problem", status=problem.status, problem=problem)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = make_environment("service.dashboard")
    environment.filters |= {
        # That no worker runs is said once, whatever waits for one.
        "notes": lambda job: [
            use_form_words(note) for note in describe_notes(job) if note != NO_WORKER
        ],
        "waits_for_any_worker": waits_for_any_worker,
        "continued": lambda job: write_changes(job, {}, "continued"),
        "title": describe_title,
        "when": format_time,
        "form_words": use_form_words,
        "reading_field": find_reading_field,
        "button_words": point_to_button,
        "ago": lambda time: format_age((datetime.now(UTC) - time).total_seconds()),
    }
    files = load_static_files()
    environment.globals |= {"static": files.address_of, "version": __version__}
    environment.globals["form_words"] = FORM_WORDS
    environment.globals["event_kinds"] = " ".join(EventKind)
    return environment


def write_changes(job: Job, changes: dict[str, Any], ending: str) -> str:
    """Return what a form changes in a job that goes on from another, as JSON.

    The `ending` of its name tells the two apart in lists.
    """
    ending = f", {ending}"
    title = clipped(describe_title(job).removesuffix(ending), MAX_NAME - len(ending))
    return json.dumps(changes | {"name": title + ending})


def format_time(time: datetime) -> Markup:
    """Format a time in UTC; the page's script shows it in the reader's own zone."""
    text = Markup('<time datetime="{}">{}</time>')
    return text.format(f"{time:%Y-%m-%dT%H:%M:%SZ}", f"{time:%Y-%m-%d %H:%M} UTC")
