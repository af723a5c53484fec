"""/v1/audit: who changed what, and from where."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from lowloss.results import AuditEntry, Page
from lowloss.spec import Text
from service.api.examples import problems
from service.api.parameters import Cursor, Limit
from service.resources.resources import Dependencies
from service.store.audit import list_entries

router = APIRouter(tags=["access"])


@router.get("/v1/audit", summary="Read the audit log", responses=problems())
def read_audit(
    deps: Dependencies,
    *,
    project: Annotated[
        Text | None,
        Query(max_length=63, description="Only that of a project.", examples=["vision"]),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AuditEntry]:
    """List who changed what and from where, and refused tokens, newest first.

    An entry is a request that could change something or was refused for its token, once it was
    answered; a refused one has neither a token nor a project.
    """
    with deps.database.reading() as session:
        return list_entries(session, project=project, cursor=cursor, limit=limit)
