"""/v1/projects: whose datasets and jobs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from lowloss.errors import BodyTooLarge, InvalidJson, ProjectExists
from lowloss.results import Page, Project
from lowloss.spec import NewProject
from service.api.examples import problems
from service.api.parameters import Cursor, Limit
from service.resources.resources import Dependencies
from service.store.projects import create_project, list_projects

router = APIRouter(tags=["access"])

PROJECT_EXAMPLES: dict[str, Any] = {
    "vision": {"summary": "A project", "value": {"name": "vision"}},
}


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
    return await deps.write(lambda session: create_project(session, new.name))


@router.get("/v1/projects", summary="List projects", responses=problems())
def list_all_projects(
    deps: Dependencies, *, cursor: Cursor = None, limit: Limit = 50
) -> Page[Project]:
    """List projects by name."""
    with deps.database.reading() as session:
        return list_projects(session, cursor=cursor, limit=limit)
