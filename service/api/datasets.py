"""/v1/datasets: uploaded tables."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response

from lowloss.errors import BodyTooLarge, DatasetInUse, DatasetNotFound, TableEmpty
from lowloss.results import Dataset, Page, TableFormat
from lowloss.spec import Text
from lowloss.tables.options import Delimiter, ParseOptions, Quote
from service.api.bodies import Upload, spool_body
from service.api.examples import TABLE_PROBLEMS, UPLOAD_BODY, Responses, problems
from service.api.parameters import Cursor, DatasetId, Limit
from service.api.resources import Dependencies, Resources
from service.store.blobs import reap_blobs, write_blob
from service.store.database import retry_on_conflict
from service.store.datasets import (
    NewDataset,
    add_dataset,
    dataset_id,
    delete_dataset,
    find_dataset,
    get_dataset,
    list_datasets,
)
from service.tables.parse import Bounds, parse_upload

router = APIRouter(tags=["datasets"])

EXISTING: Responses = {200: {"model": Dataset, "description": "The same bytes came before."}}


async def parse_options(
    delimiter: Annotated[
        Delimiter | None,
        Query(description="Of a CSV; detected.", examples=[";"]),
    ] = None,
    decimal: Annotated[
        Literal[".", ","] | None,
        Query(description="Of a CSV; detected.", examples=[","]),
    ] = None,
    encoding: Annotated[
        Text | None,
        Query(max_length=40, description="Of a CSV; detected.", examples=["cp1252"]),
    ] = None,
    header: Annotated[
        bool | None,
        Query(
            description="Whether a CSV's first line names its columns; detected.", examples=[False]
        ),
    ] = None,
    quote: Annotated[
        Quote | None,
        Query(description="Around a CSV's fields; detected.", examples=["'"]),
    ] = None,
) -> ParseOptions:
    """Collect the options by which a CSV is parsed."""
    return ParseOptions(
        delimiter=delimiter, decimal=decimal, encoding=encoding, header=header, quote=quote
    )


@router.post(
    "/v1/datasets",
    status_code=201,
    summary="Upload a table",
    response_description="The dataset is stored.",
    responses=EXISTING | problems(BodyTooLarge, *TABLE_PROBLEMS),
    openapi_extra=UPLOAD_BODY,
)
async def upload_dataset(
    request: Request,
    response: Response,
    *,
    deps: Dependencies,
    options: Annotated[ParseOptions, Depends(parse_options)],
    table_format: Annotated[
        TableFormat, Query(alias="format", description="What the body is.", examples=["csv"])
    ],
    name: Annotated[
        Text, Query(max_length=200, description="For people to read.", examples=["houses"])
    ] = "",
) -> Dataset:
    """Store a table and profile its columns.

    A dataset's id follows from its bytes and the options of parsing: the same upload again gets the
    response 200 with the stored dataset.
    """
    options.check_format(table_format)
    async with spool_body(request, deps.settings.data_dir) as upload:
        if not upload.size_bytes:
            raise TableEmpty("the body is empty", fix="send the table's bytes as the body")
        new = partial(
            NewDataset,
            name=name,
            sha256=upload.sha256,
            format=table_format,
            options=options.model_dump(exclude_none=True),
            size_bytes=upload.size_bytes,
        )
        expected_id = dataset_id(upload.sha256, table_format, options.model_dump())
        dataset = await to_thread.run_sync(_find, deps, expected_id)
        if dataset is not None:
            response.status_code = 200
        else:
            store = partial(_store, deps, upload, new, options=options)
            dataset = await to_thread.run_sync(store, limiter=deps.parsers)
    response.headers["Location"] = f"/v1/datasets/{dataset.id}"
    return dataset


def _find(deps: Resources, id: str) -> Dataset | None:  # noqa: A002
    with deps.database.reading() as session:
        return find_dataset(session, id)


def _store(
    deps: Resources, upload: Upload, new: partial[NewDataset], *, options: ParseOptions
) -> Dataset:
    """Parse an upload and store it as a dataset."""
    settings, database = deps.settings, deps.database
    profile = parse_upload(
        upload.path,
        new.keywords["format"],
        options,
        limits=settings.limits,
        bounds=Bounds(settings.parse_memory_bytes, settings.parse_seconds),
    )
    dataset = new(rows=profile.rows, columns=profile.columns, profile=profile.profile)
    reap_blobs(database)
    write_blob(database, upload.path, sha256=upload.sha256)
    with database.transaction() as session:
        add_dataset(session, dataset)
        return get_dataset(session, dataset.id)


@router.get("/v1/datasets", summary="List datasets", responses=problems())
def list_all_datasets(
    deps: Dependencies, *, cursor: Cursor = None, limit: Limit = 50
) -> Page[Dataset]:
    """List datasets without their profiles, newest first."""
    with deps.database.reading() as session:
        return list_datasets(session, cursor=cursor, limit=limit)


@router.get(
    "/v1/datasets/{dataset_id}", summary="Read a dataset", responses=problems(DatasetNotFound)
)
def read_dataset(deps: Dependencies, dataset_id: DatasetId) -> Dataset:
    """Return one dataset with the profile of its columns."""
    with deps.database.reading() as session:
        return get_dataset(session, dataset_id)


@router.delete(
    "/v1/datasets/{dataset_id}",
    status_code=204,
    summary="Delete a dataset",
    responses=problems(DatasetNotFound, DatasetInUse),
)
def remove_dataset(deps: Dependencies, dataset_id: DatasetId) -> None:
    """Delete a dataset that no unfinished job needs; the results of jobs stay."""

    def remove() -> None:
        with deps.database.transaction() as session:
            delete_dataset(session, dataset_id)

    retry_on_conflict(remove)
