"""The page of who may use the server and who did: for admins."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Request, Response
from fastapi.responses import RedirectResponse

from lowloss.results import AuditEntry
from lowloss.spec import ProjectName, Quotas, Scope
from lowloss.wording import counted, format_bytes, format_duration
from service.access.auth import COOKIE, read_cookie
from service.dashboard.pages import make_router, render_page
from service.dashboard.parameters import Cursor
from service.resources.resources import Dependencies
from service.store.audit import list_entries
from service.store.projects import list_projects
from service.store.tokens import list_tokens

router = make_router()

QUOTA_LABELS = {
    "max_waiting_jobs": "Jobs that wait, at most",
    "max_running_jobs": "Jobs that run at once, at most",
    "max_stored_bytes": "Bytes of datasets and files, at most",
    "uploads_per_minute": "Uploads a minute, at most",
    "submits_per_minute": "Submitted jobs a minute, at most",
    "max_age_days": "Days until jobs and datasets are deleted",
    "cpu_seconds_per_30_days": "Processor seconds in 30 days, at most",
}
"""What the form calls the quotas of a project."""
SHOWN = 200
"""Projects and tokens that the page shows; commands list all."""
ENTRIES_PER_PAGE = 50
REFUSAL_STATUSES = frozenset((401, 403))
"""The statuses of a request that its token does not allow."""
ACTIONS = (
    ("/login", "signed in"),
    ("/logout", "signed out"),
    ("/access/projects/NAME/see", "chose to see the project NAME"),
    ("/v1/projects", "made a project"),
    ("/v1/projects/NAME/quotas", "set the quotas of the project NAME"),
    ("/v1/tokens", "made a token"),
    ("/v1/tokens/NAME/revoke", "revoked the token NAME"),
    ("/v1/datasets", "added a dataset"),
    ("/v1/datasets/NAME", "deleted the dataset NAME"),
    ("/v1/datasets/NAME/reread", "read the dataset NAME anew"),
    ("/v1/diagnoses", "submitted a diagnosis"),
    ("/v1/jobs", "submitted a job"),
    ("/v1/jobs/NAME", "deleted the job NAME"),
    ("/v1/jobs/NAME/continue", "continued the job NAME"),
    ("/v1/jobs/NAME/priority", "set the priority of the job NAME"),
    ("/v1/jobs/NAME/cancel", "cancelled the job NAME"),
    ("/v1/jobs/NAME/pause", "paused the job NAME"),
    ("/v1/jobs/NAME/resume", "resumed the job NAME"),
)
"""What a request that changes something does, by its path; NAME is of what."""


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
        quotas={project.name: describe_quotas(project.quotas) for project in projects.items},
        quota_labels=QUOTA_LABELS,
        tokens=tokens,
        entries=entries.items,
        next=entries.next,
        now=datetime.now(UTC),
        scopes=list(Scope),
        actions={entry.id: describe_action(entry) for entry in entries.items},
    )


def describe_action(entry: AuditEntry) -> str:
    """Say in words what a request did; one that is not known, as it was sent."""
    if not entry.name:
        return "was refused"
    sent = f"{entry.method} {entry.path}"
    if entry.status in REFUSAL_STATUSES:
        return f"was refused: {sent}"
    if entry.status >= 400:
        return f"failed ({entry.status}): {sent}"
    for path, words in ACTIONS:
        match = re.fullmatch(path.replace("NAME", "([^/]+)"), entry.path)
        if match:
            return words.replace("NAME", match[1]) if match.groups() else words
    return sent


def describe_quotas(quotas: Quotas) -> list[str]:
    """Describe the bounds of a project that are set, each in a few words with its unit."""
    sentences = {
        "max_waiting_jobs": lambda bound: f"{counted(bound, 'job')} may wait",
        "max_running_jobs": lambda bound: f"{counted(bound, 'job')} may run at once",
        "max_stored_bytes": lambda bound: f"{format_bytes(bound)} of datasets and files",
        "uploads_per_minute": lambda bound: f"{counted(bound, 'upload')} a minute",
        "submits_per_minute": lambda bound: f"{counted(bound, 'submitted job')} a minute",
        "max_age_days": lambda bound: f"deleted after {counted(bound, 'day')}",
        "cpu_seconds_per_30_days": lambda bound: (
            f"{format_duration(bound)} of processor time in 30 days"
        ),
    }
    return [sentences[name](bound) for name, bound in quotas if bound is not None]


@router.post("/access/projects/{project}/see")
async def see_project(
    request: Request, deps: Dependencies, project: Annotated[ProjectName, Path()]
) -> Response:
    """Show the pages of a project from now on, in this browser; its name is in the audit log."""
    await deps.tokens.see_project(read_cookie(request.headers, COOKIE), project)
    return RedirectResponse("/", status_code=303)
