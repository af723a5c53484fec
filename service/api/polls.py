"""Polls of jobs that are answered from memory: the router alone would take more time than that."""

from __future__ import annotations

from types import SimpleNamespace

from fastapi import Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.callers import CALLER, Caller
from service.api.etags import matches_etag
from service.resources.job_memory import Answer, make_etag
from service.resources.resources import Resources

JOBS_PATH = "/v1/jobs/"
ROUTE = SimpleNamespace(path=f"{JOBS_PATH}{{job_id}}")
"""What metrics count these polls as: the route that answers all others."""


class PollsFromMemory:
    """Answers `GET /v1/jobs/{job_id}` where memory has the job; hands on all else."""

    def __init__(self, app: ASGIApp, *, resources: Resources) -> None:
        self.app = app
        self.resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a poll, or run the app."""
        response = None
        job_id = _find_job_id(scope)
        if job_id is not None and self._is_of_caller(scope, job_id):
            condition = Headers(scope=scope).get("if-none-match")
            response = answer_from_memory(self.resources, job_id, condition)
        if response is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = ROUTE
        await response(scope, receive, send)

    def _is_of_caller(self, scope: Scope, job_id: str) -> bool:
        """Return whether a job is known to be of the caller's project; else the route looks."""
        caller: Caller = scope[CALLER]
        return self.resources.ownership.has_checked(caller.project, job_id)


def _find_job_id(scope: Scope) -> str | None:
    """Return the job that a request polls without parameters; None for other requests."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    prefix, _, job_id = scope["path"].rpartition("/")
    return job_id or None if f"{prefix}/" == JOBS_PATH else None


def answer_from_memory(deps: Resources, job_id: str, condition: str | None) -> Response | None:
    """Answer for a job whose last change is known; None where it must be read.

    `condition` is the header If-None-Match. What is asked for often is known from then on.
    """
    change = deps.changes.recall(job_id)
    if change is None or change.is_queued:
        return None
    if matches_etag(condition, make_etag(change)):
        return _not_modified(make_etag(change))
    answer = deps.job_memory.find(job_id, change)
    return None if answer is None else render_answer(answer, condition)


def render_answer(answer: Answer, condition: str | None) -> Response:
    """Render what was read of a job; a queued one has no ETag, as it changes without an event."""
    if answer.change.is_queued:
        return Response(answer.body, media_type="application/json")
    if matches_etag(condition, answer.etag):
        return _not_modified(answer.etag)
    return Response(answer.body, headers={"ETag": answer.etag}, media_type="application/json")


def _not_modified(etag: str) -> Response:
    return Response(status_code=304, headers={"ETag": etag})
