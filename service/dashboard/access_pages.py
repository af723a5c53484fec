"""The page of who may use the server and who did: for admins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse

from lowloss.spec import ProjectName, Scope
from service.access.auth import PROJECT_COOKIE
from service.dashboard.login import set_cookie
from service.dashboard.pages import make_router, render_page
from service.dashboard.parameters import Cursor
from service.resources.resources import Dependencies
from service.store.audit import list_entries
from service.store.projects import check_project, list_projects
from service.store.tokens import list_tokens

router = make_router()

SHOWN = 200
"""Projects and tokens that the page shows; commands list all."""
ENTRIES_PER_PAGE = 50


@router.get("/access")
def show_access(request: Request, deps: Dependencies, cursor: Cursor = None) -> Response:
    """Show projects with their quotas, tokens, and the audit log."""
    with deps.database.reading() as session:
        projects = list_projects(session, cursor=None, limit=SHOWN)
        tokens = list_tokens(session, cursor=None, limit=SHOWN)
        entries = list_entries(session, project=None, cursor=cursor, limit=ENTRIES_PER_PAGE)
    return render_page(
        request,
        "access",
        projects=projects,
        tokens=tokens,
        entries=entries.items,
        next=entries.next,
        now=datetime.now(UTC),
        scopes=list(Scope),
    )


@router.post("/access/project")
def see_project(
    request: Request, deps: Dependencies, project: Annotated[ProjectName, Query()]
) -> Response:
    """Show the pages of a project from now on, in this browser."""
    with deps.database.reading() as session:
        check_project(session, project)
    response = RedirectResponse("/", status_code=303)
    set_cookie(request, response, PROJECT_COOKIE, project)
    return response
