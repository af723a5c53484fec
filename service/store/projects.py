"""Projects: whose datasets and jobs. What is of one project, callers of others do not see."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from lowloss.errors import ProjectExists, ProjectNotFound
from lowloss.results import Page, Project
from lowloss.spec import Quotas
from service.store.cursors import ListOrder
from service.store.schema import DatasetRow, JobRow, ProjectRow

BY_NAME = ListOrder(ProjectRow.name, ProjectRow.name, is_descending=False)


def create_project(session: Session, name: str, quotas: Quotas | None = None) -> Project:
    """Add a project; raise ProjectExists."""
    if has_project(session, name):
        raise ProjectExists(
            f"there is a project {name!r} already", field="name", fix="choose another name"
        )
    row = ProjectRow(name=name, **(quotas or Quotas()).model_dump())
    session.add(row)
    session.flush()
    session.refresh(row)
    return make_project(row)


def has_project(session: Session, name: str) -> bool:
    """Return whether there is a project of this name."""
    return bool(session.scalar(select(exists().where(ProjectRow.name == name))))


def check_project(session: Session, name: str) -> None:
    """Raise ProjectNotFound where there is no project of this name."""
    if not has_project(session, name):
        raise ProjectNotFound.of(name)


def owns_job(session: Session, project: str, job_id: str) -> bool:
    """Return whether a project has a job of this id."""
    is_own = exists().where(JobRow.id == job_id, JobRow.project == project)
    return bool(session.scalar(select(is_own)))


def owns_dataset(session: Session, project: str, dataset_id: str) -> bool:
    """Return whether a project has a dataset of this id."""
    is_own = exists().where(DatasetRow.id == dataset_id, DatasetRow.project == project)
    return bool(session.scalar(select(is_own)))


def list_projects(session: Session, *, cursor: str | None, limit: int) -> Page[Project]:
    """List projects by name."""
    query = select(ProjectRow).where(BY_NAME.after(cursor)).order_by(*BY_NAME.clauses)
    rows = session.scalars(query.limit(limit + 1)).all()
    return BY_NAME.make_page(rows, limit, make_project)


def make_project(row: ProjectRow) -> Project:
    """Return the project of a row."""
    return Project(name=row.name, created_at=row.created_at, quotas=read_quotas(row))


def read_quotas(row: ProjectRow) -> Quotas:
    """Return the quotas of a row."""
    return Quotas(**{name: getattr(row, name) for name in Quotas.model_fields})
