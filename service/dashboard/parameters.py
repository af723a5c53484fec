"""The parameters that several pages share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import BeforeValidator

from service.resources.callers import RequestCaller
from service.resources.resources import Dependencies


async def find_own_job(
    deps: Dependencies, caller: RequestCaller, job_id: Annotated[str, Path(max_length=200)]
) -> str:
    """Return the id of a job of the reader's project; raise JobNotFound."""
    await deps.ownership.check_job(caller.project, job_id)
    return job_id


async def find_own_dataset(
    deps: Dependencies, caller: RequestCaller, dataset_id: Annotated[str, Path(max_length=200)]
) -> str:
    """Return the id of a dataset of the reader's project; raise DatasetNotFound."""
    await deps.ownership.check_dataset(caller.project, dataset_id)
    return dataset_id


JobPath = Annotated[str, Depends(find_own_job)]
DatasetPath = Annotated[str, Depends(find_own_dataset)]
TrialPath = Annotated[int, Path(ge=0, le=2**31 - 1)]
Cursor = Annotated[str | None, Query(max_length=200)]
NothingIfEmpty = BeforeValidator(lambda value: value or None)
"""A form sends the fields that are empty, too."""
