"""The pages of datasets: all of them, and the profile of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from lowloss.charts.columns import draw_column
from service.dashboard.pages import make_router, render_page
from service.dashboard.parameters import Cursor
from service.resources.callers import RequestCaller
from service.resources.own_ids import DatasetId
from service.resources.resources import Dependencies
from service.store.datasets import get_dataset, list_datasets
from service.store.jobs import list_jobs_of_dataset

router = make_router()

DATASETS_PER_PAGE = 30
JOBS_OF_DATASET = 20
SHOWN_COLUMNS = 200
"""Columns whose profile is shown: a page of thousands is no use to anybody."""


@router.get("/datasets")
def show_datasets(
    request: Request,
    deps: Dependencies,
    caller: RequestCaller,
    *,
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """List datasets, newest first."""
    with deps.database.reading() as session:
        page = list_datasets(
            session, caller.project, name=q.strip(), cursor=cursor, limit=DATASETS_PER_PAGE
        )
    return render_page(request, "datasets", datasets=page.items, next=page.next, chosen={"q": q})


@router.get("/datasets/{dataset_id}")
def show_dataset(request: Request, deps: Dependencies, dataset_id: DatasetId) -> Response:
    """Show how a dataset was read, and its columns."""
    with deps.database.reading() as session:
        dataset = get_dataset(session, dataset_id)
        jobs = list_jobs_of_dataset(session, dataset_id, limit=JOBS_OF_DATASET)
    columns = dataset.profile[:SHOWN_COLUMNS]
    return render_page(
        request,
        "dataset",
        dataset=dataset,
        columns=columns,
        drawn={column.name: draw_column(column) for column in columns},
        jobs=jobs,
    )
