"""Ids of jobs and datasets in addresses: each is checked to be of the caller's project."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path

from lowloss.spec import Text
from service.resources.callers import RequestCaller
from service.resources.resources import Dependencies


async def find_own_job(
    deps: Dependencies,
    caller: RequestCaller,
    job_id: Annotated[
        Text,
        Path(max_length=200, description="A job's id.", examples=["job_5f2b7c1d9e8a4b6c3d2e"]),
    ],
) -> str:
    """Return the id of a job of the caller's project; raise JobNotFound."""
    await deps.ownership.check_job(caller.project, job_id)
    return job_id


async def find_own_dataset(
    deps: Dependencies,
    caller: RequestCaller,
    dataset_id: Annotated[
        Text,
        Path(
            max_length=200,
            description="A dataset's id.",
            examples=["ds_9f86d081884c7d659a2feaa0c55ad015"],
        ),
    ],
) -> str:
    """Return the id of a dataset of the caller's project; raise DatasetNotFound."""
    await deps.ownership.check_dataset(caller.project, dataset_id)
    return dataset_id


JobId = Annotated[str, Depends(find_own_job)]
"""The id of a job in an address. There is no other type for one: each is checked."""
DatasetId = Annotated[str, Depends(find_own_dataset)]
"""The id of a dataset in an address, checked as that of a job."""
