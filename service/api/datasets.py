"""/v1/datasets: uploaded tables."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response

from lowloss.errors import BodyTooLarge, DatasetInUse, DatasetNotFound, TableEmpty
from lowloss.results import Dataset, Page, TableFormat
from lowloss.spec import Text
from service.api.bodies import Upload, spool_body
from service.api.examples import TABLE_PROBLEMS, UPLOAD_BODY, Responses, problems
from service.api.parameters import Cursor, DatasetId, Limit
from service.api.resources import Dependencies, Resources
from service.store.blobs import reap_blobs, write_blob
from service.store.database import again_on_conflict
from service.store.datasets import (
    NewDataset,
    add_dataset,
    dataset_id,
    delete_dataset,
    find_dataset,
    get_dataset,
    list_datasets,
)
from service.tables.options import Delimiter, ParseOptions, Quote
from service.tables.parse import Bounds, parse_upload

router = APIRouter(tags=["datasets"])

KNOWN: Responses = {200: {"model": Dataset, "description": "The same bytes came before."}}


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
    """How a CSV is to be parsed."""
    return ParseOptions(
        delimiter=delimiter, decimal=decimal, encoding=encoding, header=header, quote=quote
    )


@router.post(
    "/v1/datasets",
    status_code=201,
    summary="Upload a table",
    response_description="The dataset is stored.",
    responses=KNOWN | problems(BodyTooLarge, *TABLE_PROBLEMS),
    openapi_extra=UPLOAD_BODY,
)
async def upload_dataset(
    request: Request,
    response: Response,
    *,
    given: Dependencies,
    options: Annotated[ParseOptions, Depends(parse_options)],
    table_format: Annotated[
        TableFormat, Query(alias="format", description="What the body is.", examples=["csv"])
    ],
    name: Annotated[
        Text, Query(max_length=200, description="For people to read.", examples=["houses"])
    ] = "",
) -> Dataset:
    """Store a table and measure its columns.

    The dataset is named by its bytes and how they were parsed: the same again answers 200 with the
    dataset that is there.
    """
    options.check_format(table_format)
    async with spool_body(request, given.settings.data_dir) as upload:
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
        known = dataset_id(upload.sha256, table_format, options.model_dump())
        dataset = await to_thread.run_sync(_find, given, known)
        if dataset is not None:
            response.status_code = 200
        else:
            keep = partial(_keep, given, upload, new, options=options)
            dataset = await to_thread.run_sync(keep, limiter=given.parsers)
    response.headers["Location"] = f"/v1/datasets/{dataset.id}"
    return dataset


def _find(given: Resources, id: str) -> Dataset | None:  # noqa: A002
    with given.database.reading() as session:
        return find_dataset(session, id)


def _keep(
    given: Resources, upload: Upload, new: partial[NewDataset], *, options: ParseOptions
) -> Dataset:
    """Parse an upload and make it a dataset."""
    settings, database = given.settings, given.database
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
    given: Dependencies, *, cursor: Cursor = None, limit: Limit = 50
) -> Page[Dataset]:
    """Datasets without their profiles, newest first."""
    with given.database.reading() as session:
        return list_datasets(session, cursor=cursor, limit=limit)


@router.get(
    "/v1/datasets/{dataset_id}", summary="Read a dataset", responses=problems(DatasetNotFound)
)
def read_dataset(given: Dependencies, dataset_id: DatasetId) -> Dataset:
    """One dataset with the profile of its columns."""
    with given.database.reading() as session:
        return get_dataset(session, dataset_id)


@router.delete(
    "/v1/datasets/{dataset_id}",
    status_code=204,
    summary="Delete a dataset",
    responses=problems(DatasetNotFound, DatasetInUse),
)
def remove_dataset(given: Dependencies, dataset_id: DatasetId) -> None:
    """Delete a dataset that no job needs any more; what jobs made of it stays."""

    def remove() -> None:
        with given.database.transaction() as session:
            delete_dataset(session, dataset_id)

    again_on_conflict(remove)
