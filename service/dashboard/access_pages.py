"""The page of who may use the server and who did: for admins."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Request, Response

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
    )
