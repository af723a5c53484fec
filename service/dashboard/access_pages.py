"""The page of who may use the server and who did: for admins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Request, Response
from fastapi.responses import RedirectResponse

from lowloss.spec import ProjectName, Scope
from service.access.auth import COOKIE, read_cookie
from service.dashboard.pages import make_router, render_page
from service.dashboard.parameters import Cursor
from service.resources.resources import Dependencies
from service.store.audit import list_entries
from service.store.projects import list_projects
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


@router.post("/access/projects/{project}/see")
async def see_project(
    request: Request, deps: Dependencies, project: Annotated[ProjectName, Path()]
) -> Response:
    """Show the pages of a project from now on, in this browser; its name is in the audit log."""
    await deps.tokens.see_project(read_cookie(request.headers, COOKIE), project)
    return RedirectResponse("/", status_code=303)
