"""/v1/jobs/{id}/trials: the trials of a search."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from lowloss.errors import JobNotFound, StateConflict, TrialNotFound
from lowloss.results import Page, Trial
from service.api.examples import problems
from service.api.parameters import MAX_INTEGER, Cursor, Limit
from service.resources.own_ids import JobId
from service.resources.resources import Dependencies
from service.store.cursors import invalid_cursor
from service.store.trials import get_trial, list_trials

router = APIRouter(tags=["trials"])


@router.get(
    "/v1/jobs/{job_id}/trials",
    summary="List trials",
    responses=problems(JobNotFound, StateConflict),
)
def list_trials_of_job(
    deps: Dependencies, job_id: JobId, *, cursor: Cursor = None, limit: Limit = 50
) -> Page[Trial]:
    """List a job's trials by number, without their curves."""
    with deps.database.reading() as session:
        return list_trials(session, job_id, after=_parse_cursor(cursor), limit=limit)


@router.get(
    "/v1/jobs/{job_id}/trials/{number}",
    summary="Read a trial",
    responses=problems(JobNotFound, TrialNotFound, StateConflict),
)
def read_trial(
    deps: Dependencies,
    job_id: JobId,
    *,
    number: Annotated[
        int, Path(ge=0, le=MAX_INTEGER, description="A trial's number.", examples=[1])
    ],
) -> Trial:
    """Return one trial with its curve."""
    with deps.database.reading() as session:
        return get_trial(session, job_id, number)


def _parse_cursor(cursor: str | None) -> int:
    """Parse a cursor: the number of the last trial on the page before."""
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or int(cursor) > MAX_INTEGER:
        raise invalid_cursor()
    return int(cursor)
