"""/v1/jobs/{id}/events: the events of a job as they happen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from lowloss.errors import JobNotFound
from service.api.examples import Responses, problems
from service.api.parameters import MAX_INTEGER
from service.resources.own_ids import JobId
from service.resources.resources import Dependencies, Resources
from service.store.database import is_busy
from service.store.jobs import Change, read_changes

router = APIRouter(tags=["events"])

KEEP_ALIVE_SECONDS = 15.0
KEEP_ALIVE = b": keep-alive\n\n"

EXAMPLE = """id: 1
event: job.queued
data: {"created_at": "2026-11-23T12:00:00Z"}

id: 7
event: best.changed
data: {"trial": 2, "score": 0.31, "created_at": "2026-11-23T12:00:09Z"}
"""

STREAM: Responses = {
    200: {
        "description": "Server-sent events, until the job has ended.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
    },
    204: {"description": "The job has ended and nothing came after `Last-Event-ID`."},
}


# FastAPI's own server-sent events start the response before the handler runs. The status could
# then be neither 404 nor 204, and only 204 stops a browser from reconnecting.
@router.get(
    "/v1/jobs/{job_id}/events",
    summary="Follow a job",
    response_class=Response,
    responses=STREAM | problems(JobNotFound),
)
async def follow_job(
    deps: Dependencies,
    job_id: JobId,
    *,
    last_number: Annotated[
        int,
        Header(
            alias="Last-Event-ID",
            ge=0,
            le=MAX_INTEGER,
            description="The `id` of the last event that was seen; browsers send it by themselves.",
            examples=[6],
        ),
    ] = 0,
    after: Annotated[
        int,
        Query(
            ge=0,
            le=MAX_INTEGER,
            description="As `Last-Event-ID`, for a browser's first request.",
            examples=[6],
        ),
    ] = 0,
) -> Response:
    """Stream a job's events, from the first or after `Last-Event-ID`, until `job.finished`."""
    last_number = max(last_number, after)
    change = deps.changes.recall(job_id)
    if change is None:
        change = await to_thread.run_sync(_read_change, deps, job_id)
    if change.is_finished and last_number >= change.events:
        return Response(status_code=204)
    return StreamingResponse(
        _stream(deps, job_id, last_number),
        media_type="text/event-stream",
        # A buffering proxy would delay the events.
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _stream(deps: Resources, job_id: str, last_number: int) -> AsyncIterator[bytes]:
    last_sent = last_number
    # Those who follow one job share what is read of it.
    with deps.feeds.following(job_id) as feed:
        while not deps.changes.is_stopping:
            try:
                events = await feed.read_after(last_sent)
            except Exception as error:
                if is_busy(error):
                    # The client reconnects and names the last event that it received.
                    return
                raise
            for event in events:
                yield event.message
                last_sent = event.number
                if event.is_last:
                    return
            if not events:
                change = await deps.changes.wait(
                    job_id, _has_events_after(last_sent), seconds=KEEP_ALIVE_SECONDS
                )
                if change is None:
                    yield KEEP_ALIVE
                else:
                    feed.expect(change.events)


def _has_events_after(number: int) -> Callable[[Change], bool]:
    return lambda change: change.events > number


def _read_change(deps: Resources, job_id: str) -> Change:
    with deps.database.reading() as session:
        change = read_changes(session, [job_id]).get(job_id)
    if change is None:
        raise JobNotFound.of(job_id)
    return change
