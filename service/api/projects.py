"""/v1/projects: whose datasets and jobs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path

from lowloss.errors import BodyTooLarge, InvalidJson, ProjectExists, ProjectNotFound
from lowloss.results import Page, Project
from lowloss.spec import NewProject, ProjectName, Quotas
from service.api.examples import problems
from service.api.parameters import Cursor, Limit
from service.resources.resources import Dependencies
from service.store.projects import create_project, list_projects
from service.store.quotas import set_quotas

router = APIRouter(tags=["access"])

PROJECT_EXAMPLES: dict[str, Any] = {
    "vision": {"summary": "A project", "value": {"name": "vision"}},
    "bounded": {
        "summary": "With quotas",
        "value": {"name": "guests", "quotas": {"max_waiting_jobs": 20, "max_running_jobs": 1}},
    },
}
QUOTA_EXAMPLES: dict[str, Any] = {
    "guests": {
        "summary": "All of them",
        "value": {
            "max_waiting_jobs": 20,
            "max_running_jobs": 1,
            "max_stored_bytes": 10_000_000_000,
            "uploads_per_minute": 10,
            "submits_per_minute": 10,
            "max_age_days": 365,
            "cpu_seconds_per_30_days": 360_000,
        },
    },
}
ProjectPath = Annotated[ProjectName, Path(description="A project's name.", examples=["vision"])]


@router.post(
    "/v1/projects",
    status_code=201,
    summary="Make a project",
    responses=problems(InvalidJson, BodyTooLarge, ProjectExists),
)
async def make_project(
    deps: Dependencies, new: Annotated[NewProject, Body(openapi_examples=PROJECT_EXAMPLES)]
) -> Project:
    """Make a project. What is in it, tokens of other projects do not see."""
    return await deps.write(lambda session: create_project(session, new.name, new.quotas))


@router.post(
    "/v1/projects/{project}/quotas",
    summary="Set the quotas of a project",
    responses=problems(InvalidJson, BodyTooLarge, ProjectNotFound),
)
async def change_quotas(
    deps: Dependencies,
    project: ProjectPath,
    quotas: Annotated[Quotas, Body(openapi_examples=QUOTA_EXAMPLES)],
) -> Project:
    """Replace the quotas of a project; those that are left out have no bound any more.

    Jobs that run or wait go on, also where there are too many of them. What is older than
    `max_age_days` is deleted soon, and does not come back.
    """
    return await deps.write(lambda session: set_quotas(session, project, quotas))


@router.get("/v1/projects", summary="List projects", responses=problems())
def list_all_projects(
    deps: Dependencies, *, cursor: Cursor = None, limit: Limit = 50
) -> Page[Project]:
    """List projects by name."""
    with deps.database.reading() as session:
        return list_projects(session, cursor=cursor, limit=limit)
