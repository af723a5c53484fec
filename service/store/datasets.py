"""Datasets: immutable tables, named by their bytes and the options of parsing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session

from lowloss.errors import DatasetInUse, DatasetNotFound
from lowloss.results import UNFINISHED_STATES, Column, Dataset, Page, TableFormat, TableWarning
from lowloss.spec import DEFAULT_PROJECT
from service.store.blobs import adopt_blob
from service.store.cursors import ListOrder
from service.store.database import insert_if_absent, utc_now
from service.store.quotas import check_stored_bytes
from service.store.schema import DatasetRow, JobRow

MAX_OTHER_NAMES = 100
"""A program may name each upload of the same bytes anew."""


NEWEST_FIRST = ListOrder(DatasetRow.created_at, DatasetRow.id)


@dataclass(frozen=True)
class NewDataset:
    """A parsed upload whose bytes are already stored as a blob."""

    project: str
    name: str
    sha256: str
    format: TableFormat
    options: dict[str, Any]
    size_bytes: int
    rows: int
    columns: int
    profile: tuple[Column, ...]
    warnings: tuple[TableWarning, ...] = ()

    @property
    def id(self) -> str:
        """The id, equal for equal bytes, format and parse options in one project."""
        return dataset_id(self.project, self.sha256, self.format, self.options)


def dataset_id(
    project: str,
    sha256: str,
    format: TableFormat,  # noqa: A002
    options: dict[str, Any],
) -> str:
    """Return the id of a project's dataset: a digest of its bytes and how they are parsed.

    Two projects that upload the same bytes have two datasets, and share a blob: neither can tell
    that the other one has them.
    """
    set_options = {name: value for name, value in options.items() if value is not None}
    # As before there were projects: the default one's datasets keep their ids.
    owner = [] if project == DEFAULT_PROJECT else [project]
    identity = json.dumps([sha256, format, set_options, *owner], sort_keys=True)
    return f"ds_{hashlib.sha256(identity.encode()).hexdigest()[:32]}"


def add_dataset(session: Session, new: NewDataset) -> None:
    """Make a dataset visible; an existing one stays as it is, but for another name.

    Raise QuotaExceeded where its project may not store so many bytes.
    """
    if find_dataset(session, new.project, new.id) is None:
        check_stored_bytes(session, new.project, new.size_bytes)
    adopt_blob(session, new.sha256)
    insert_if_absent(
        session,
        DatasetRow,
        [
            {
                "id": new.id,
                "project": new.project,
                "name": new.name,
                "sha256": new.sha256,
                "format": new.format.value,
                "options": new.options,
                "size_bytes": new.size_bytes,
                "rows": new.rows,
                "columns": new.columns,
                "profile": [column.model_dump(mode="json") for column in new.profile],
                "warnings": [warning.model_dump(mode="json") for warning in new.warnings],
            }
        ],
    )
    record_upload(session, new.id, new.name)


def record_upload(session: Session, id: str, name: str) -> None:  # noqa: A002
    """Record that a dataset was uploaded, perhaps under another name, if it is there."""
    row = session.get(DatasetRow, id, with_for_update=True, populate_existing=True)
    if row is None:
        return
    # Whoever uploads it wants to use it: it is not deleted for its age before that.
    row.uploaded_at = utc_now()
    if not row.name:
        row.name = name
    elif name not in {"", row.name, *row.other_names} and len(row.other_names) < MAX_OTHER_NAMES:
        row.other_names = [*row.other_names, name]
    session.flush()


def find_dataset(session: Session, project: str, id: str) -> Dataset | None:  # noqa: A002
    """Return a project's dataset with its profile, or None."""
    row = session.get(DatasetRow, id)
    return None if row is None or row.project != project else _make_dataset(row)


def get_dataset(session: Session, id: str) -> Dataset:  # noqa: A002
    """Return a dataset with its profile; raise DatasetNotFound."""
    row = session.get(DatasetRow, id)
    if row is None:
        raise DatasetNotFound.of(id)
    return _make_dataset(row)


def find_dataset_of_job(session: Session, job_id: str) -> Dataset | None:
    """Return the dataset of a job with its profile; None where it was deleted."""
    is_of_job = (JobRow.dataset_id == DatasetRow.id) & (JobRow.id == job_id)
    row = session.scalar(select(DatasetRow).join(JobRow, is_of_job))
    return None if row is None else _make_dataset(row)


def list_datasets(
    session: Session, project: str, *, name: str = "", cursor: str | None, limit: int
) -> Page[Dataset]:
    """List the datasets of a project without their profiles, newest first.

    With `name`, those whose first name or id contains it, in any case.
    """
    query = select(DatasetRow).where(DatasetRow.project == project, NEWEST_FIRST.after(cursor))
    if name:
        has_name = DatasetRow.name.icontains(name, autoescape=True)
        query = query.where(or_(has_name, DatasetRow.id.icontains(name, autoescape=True)))
    rows = session.scalars(query.order_by(*NEWEST_FIRST.clauses).limit(limit + 1)).all()
    short: dict[str, Any] = {"profile": (), "warnings": ()}
    return NEWEST_FIRST.make_page(
        rows, limit, lambda row: _make_dataset(row).model_copy(update=short)
    )


def list_names(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return the first names of datasets, by id; those that were deleted are not there."""
    rows = session.execute(select(DatasetRow.id, DatasetRow.name).where(DatasetRow.id.in_(ids)))
    return {row.id: row.name or row.id for row in rows}


def delete_dataset(session: Session, id: str) -> None:  # noqa: A002
    """Delete a dataset; its bytes are reaped later.

    Raise DatasetInUse while a job that has not ended needs it.
    """
    needed = exists().where(JobRow.dataset_id == id, JobRow.state.in_(UNFINISHED_STATES))
    if session.scalar(select(needed)):
        raise DatasetInUse(
            f"a job that has not ended needs dataset {id!r}", fix="cancel the job or wait for it"
        )
    deleted = session.scalar(delete(DatasetRow).where(DatasetRow.id == id).returning(DatasetRow.id))
    if deleted is None:
        raise DatasetNotFound.of(id)


def _make_dataset(row: DatasetRow) -> Dataset:
    return Dataset(
        id=row.id,
        name=row.name,
        names=tuple(filter(None, (row.name, *row.other_names))),
        sha256=row.sha256,
        format=TableFormat(row.format),
        size_bytes=row.size_bytes,
        rows=row.rows,
        columns=row.columns,
        created_at=row.created_at,
        options=row.options,
        warnings=tuple(TableWarning.model_validate(warning) for warning in row.warnings),
        profile=tuple(Column.model_validate(column) for column in row.profile),
    )
