"""/v1/datasets: uploaded tables."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response

from lowloss.errors import (
    BodyTooLarge,
    DatasetInUse,
    DatasetNotFound,
    InvalidRequest,
    QuotaExceeded,
    TableEmpty,
    UnsupportedMediaType,
)
from lowloss.results import Dataset, Page, TableFormat
from lowloss.spec import Text
from lowloss.tables.formats import guess_format
from lowloss.tables.options import ParseOptions
from service.api.bodies import Upload, describe_body, open_temporary, spool_body
from service.api.examples import TABLE_PROBLEMS, Responses, problems
from service.api.options import parse_options
from service.api.parameters import Cursor, Limit, NamePart
from service.resources.callers import RequestCaller
from service.resources.own_ids import DatasetId
from service.resources.rates import Rated
from service.resources.resources import Dependencies, Resources
from service.store.blobs import copy_blob, reap_blobs, write_blob
from service.store.database import Session
from service.store.datasets import (
    NewDataset,
    add_dataset,
    delete_dataset,
    find_dataset,
    get_dataset,
    list_datasets,
    record_upload,
)
from service.store.datasets import dataset_id as dataset_id_of
from service.store.objects import LibraryMissing, ObjectStoreAway
from service.store.quotas import check_stored_bytes
from service.tables.parse import Bounds, parse_upload

logger = logging.getLogger(__name__)
router = APIRouter(tags=["datasets"])

EXISTING: Responses = {200: {"model": Dataset, "description": "The same bytes came before."}}


@router.post(
    "/v1/datasets",
    status_code=201,
    summary="Upload a table",
    response_description="The dataset is stored.",
    responses=EXISTING
    | problems(BodyTooLarge, UnsupportedMediaType, QuotaExceeded, *TABLE_PROBLEMS),
    openapi_extra=describe_body(
        "The table's bytes, as they are: no multipart form.",
        "area,rooms,price\n84.5,3,310000\n51.0,2,198000\n",
        "format=csv",
    ),
)
async def upload_dataset(
    request: Request,
    response: Response,
    *,
    deps: Dependencies,
    caller: RequestCaller,
    options: Annotated[ParseOptions, Depends(parse_options)],
    table_format: Annotated[
        TableFormat | None,
        Query(alias="format", description="What the body is; by its content.", examples=["csv"]),
    ] = None,
    name: Annotated[
        Text, Query(max_length=200, description="For people to read.", examples=["houses"])
    ] = "",
) -> Dataset:
    """Store a table and profile its columns.

    A dataset's id follows from its bytes and the options of parsing: the same upload again gets the
    response 200 with the stored dataset, whose `names` have another name, too, and whose bytes are
    written anew where they are lost and the object store answers.
    """
    _check_media_type(request)
    await deps.admit(caller, Rated.uploads)
    async with spool_body(request, deps.settings.data_dir) as upload:
        if not upload.size_bytes:
            raise TableEmpty("the body is empty", fix="send the table's bytes as the body")
        if table_format is None:
            table_format = await to_thread.run_sync(guess_format, upload.path)
        options.check_format(table_format)
        new = partial(
            NewDataset,
            project=caller.project,
            name=name,
            sha256=upload.sha256,
            format=table_format,
            options=options.model_dump(mode="json", exclude_none=True),
            size_bytes=upload.size_bytes,
        )
        dataset = await _find_again(deps, new, upload)
        if dataset is not None:
            response.status_code = 200
        else:
            store = partial(_store, deps, upload, new, options=options)
            dataset = await deps.parsers.run(caller, store)
    response.headers["Location"] = f"/v1/datasets/{dataset.id}"
    return dataset


def _check_media_type(request: Request) -> None:
    """Refuse a form, which would be stored with its boundaries."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise UnsupportedMediaType(
            "the body is a form; a table is sent as it is",
            fix="curl --data-binary @table.csv 'SERVER/v1/datasets?name=table'",
        )


def _find(deps: Resources, project: str, id: str) -> Dataset | None:  # noqa: A002
    with deps.database.reading() as session:
        return find_dataset(session, project, id)


def _id_of(new: partial[NewDataset]) -> str:
    """Return the id that a dataset will have once it is parsed."""
    fields = new.keywords
    return dataset_id_of(fields["project"], fields["sha256"], fields["format"], fields["options"])


async def _find_again(
    deps: Resources, new: partial[NewDataset], upload: Upload | None = None
) -> Dataset | None:
    """Return a dataset that is uploaded or read again, None for a new one.

    Record the time, and the name that an upload has now, too. What the object store has lost of its
    bytes comes back with them, or stays lost while the store does not answer.
    """
    project, expected_id = new.keywords["project"], _id_of(new)
    if await to_thread.run_sync(_find, deps, project, expected_id) is None:
        return None
    name = ""
    if upload is not None:
        name = new.keywords["name"]
        write = partial(write_blob, deps.database, upload.path, sha256=upload.sha256)
        try:
            await to_thread.run_sync(write)
        except (ObjectStoreAway, LibraryMissing) as error:
            logger.warning("the bytes of the dataset %s were not checked: %s", expected_id, error)

    def record(session: Session) -> Dataset | None:
        record_upload(session, expected_id, name)
        return find_dataset(session, project, expected_id)

    return await deps.write(record)


def _store(
    deps: Resources, upload: Upload, new: partial[NewDataset], *, options: ParseOptions
) -> Dataset:
    """Parse an upload and store it as a dataset."""
    settings, database = deps.settings, deps.database
    with database.transaction() as session:
        # Again once it is added; but what is refused now is not stored meanwhile.
        check_stored_bytes(session, new.keywords["project"], upload.size_bytes)
    profile = parse_upload(
        upload.path,
        new.keywords["format"],
        options,
        limits=settings.limits,
        bounds=Bounds(settings.parser_bytes, settings.parse_seconds),
    )
    dataset = new(
        rows=profile.rows,
        columns=profile.columns,
        profile=profile.profile,
        warnings=profile.warnings,
    )
    reap_blobs(database)
    write_blob(database, upload.path, sha256=upload.sha256)
    with database.transaction() as session:
        add_dataset(session, dataset)
        return get_dataset(session, dataset.id)


@router.post(
    "/v1/datasets/{dataset_id}/reread",
    status_code=201,
    summary="Read a dataset's bytes with other options",
    response_description="The new dataset is stored.",
    responses=EXISTING | problems(DatasetNotFound, QuotaExceeded, *TABLE_PROBLEMS),
)
async def reread_dataset(
    request: Request,
    deps: Dependencies,
    response: Response,
    dataset_id: DatasetId,
    *,
    caller: RequestCaller,
    options: Annotated[ParseOptions, Depends(parse_options)],
) -> Dataset:
    """Make a dataset of the bytes of another, parsed by these options, without another upload."""
    if await request.body():
        raise InvalidRequest(
            "rereading takes no body",
            field="body",
            fix="give the options as parameters of the query, such as ?thousands=.",
        )
    project = caller.project
    await deps.admit(caller, Rated.uploads)
    original = await to_thread.run_sync(_find, deps, project, dataset_id)
    if original is None:
        raise DatasetNotFound.of(dataset_id)
    options.check_format(original.format)
    new = partial(
        NewDataset,
        project=project,
        name=original.name,
        sha256=original.sha256,
        format=original.format,
        options=options.model_dump(mode="json", exclude_none=True),
        size_bytes=original.size_bytes,
    )
    dataset = await _find_again(deps, new)
    if dataset is not None:
        response.status_code = 200
    else:
        reread = partial(_reread, deps, new, options=options)
        dataset = await deps.parsers.run(caller, reread)
    response.headers["Location"] = f"/v1/datasets/{dataset.id}"
    return dataset


def _reread(deps: Resources, new: partial[NewDataset], *, options: ParseOptions) -> Dataset:
    """Parse stored bytes again, and store them as a dataset of their own."""
    sha256, size_bytes = new.keywords["sha256"], new.keywords["size_bytes"]
    with open_temporary(deps.settings.data_dir) as file:
        copy_blob(deps.database, sha256, file)
        file.flush()
        return _store(deps, Upload(Path(file.name), sha256, size_bytes), new, options=options)


@router.get("/v1/datasets", summary="List datasets", responses=problems())
def list_all_datasets(
    deps: Dependencies,
    caller: RequestCaller,
    *,
    name: NamePart = "",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Dataset]:
    """List the caller's project's datasets, newest first, without their profiles and warnings."""
    with deps.database.reading() as session:
        return list_datasets(session, caller.project, name=name, cursor=cursor, limit=limit)


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
async def remove_dataset(deps: Dependencies, dataset_id: DatasetId) -> None:
    """Delete a dataset that no unfinished job needs; the results of jobs stay."""
    await deps.write(lambda session: delete_dataset(session, dataset_id))
