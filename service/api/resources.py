"""What all handlers share, built by `service.app` and handed to each as a dependency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request

from service.api.changes import Changes
from service.predict.cache import ModelCache
from service.settings import Settings
from service.store.database import Database


@dataclass(frozen=True)
class Resources:
    """The settings, the database, the change poller and the loaded models.

    `parsers` and `predictors` bound how many uploads are parsed and requests predicted at once.
    """

    settings: Settings
    database: Database
    changes: Changes
    parsers: CapacityLimiter
    models: ModelCache
    predictors: CapacityLimiter


async def find_resources(request: Request) -> Resources:
    """The resources of the server that a request came to."""
    resources: Resources = request.app.state.resources
    return resources


Dependencies = Annotated[Resources, Depends(find_resources)]
