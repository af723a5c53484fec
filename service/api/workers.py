"""/v1/workers: which workers run, and what each does."""

from __future__ import annotations

from fastapi import APIRouter

from lowloss.results import Page, Worker
from service.api.examples import problems
from service.api.parameters import Cursor, Limit
from service.resources.resources import Dependencies
from service.store.workers import list_workers

router = APIRouter(tags=["operations"])


@router.get("/v1/workers", summary="List workers", responses=problems())
def list_all_workers(
    deps: Dependencies, *, cursor: Cursor = None, limit: Limit = 50
) -> Page[Worker]:
    """List workers with the jobs that they run, whosever these are: for admins.

    The one that was started last comes first. One that was stopped is not listed; one that was
    killed is for a day.
    """
    with deps.database.reading() as session:
        return list_workers(session, cursor=cursor, limit=limit)
