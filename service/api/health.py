"""/healthz, /readyz and /metrics: for orchestrators and Prometheus."""

from __future__ import annotations

import os
import shutil

from fastapi import APIRouter, Response
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request

from lowloss.errors import ForeignPage, InternalError, MalformedRequest, NotReady, Unauthorized
from lowloss.wording import format_bytes
from service.api.examples import Responses, only_problems
from service.api.metrics import Metrics
from service.machine import MIN_FREE_BYTES
from service.resources.resources import Dependencies
from service.store.objects import ObjectStoreAway, probe_store

router = APIRouter(tags=["operations"])

PLAIN = {"text/plain": {"schema": {"type": "string"}}}
ALIVE: Responses = {200: {"description": "It is.", "content": PLAIN}}
READY: Responses = {200: {"description": "It can.", "content": PLAIN}}
TEXT_FORMAT: Responses = {200: {"description": "The text format.", "content": PLAIN}}


@router.get(
    "/healthz",
    summary="Is the process alive?",
    response_class=Response,
    responses=ALIVE | only_problems(MalformedRequest, InternalError),
)
async def check_alive() -> Response:
    """Respond while the process runs, without asking the database."""
    return Response("ok\n", media_type="text/plain")


@router.get(
    "/readyz",
    summary="Can it answer requests?",
    response_class=Response,
    responses=READY | only_problems(MalformedRequest, InternalError, NotReady),
)
def check_ready(deps: Dependencies) -> Response:
    """Check the database and its schema, the object store, and that the data folder has room."""
    if not deps.database.is_ready():
        raise NotReady(
            "the database does not answer, or has another version's schema",
            fix="wait, or start the server with access to the database so that it migrates",
        )
    if (store := deps.settings.blob_store) is not None:
        try:
            probe_store(store)
        except ObjectStoreAway as error:
            raise NotReady(f"{store} cannot be used: {error.detail}", fix=error.fix) from error
    folder = deps.settings.data_dir
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        raise NotReady(
            f"the data folder cannot be used: {error.strerror}", fix="set LOWLOSS_DATA_DIR"
        ) from error
    if not os.access(folder, os.W_OK):
        raise NotReady("the data folder cannot be written", fix="let the server write there")
    # It could store neither an upload nor a result.
    if free_bytes < MIN_FREE_BYTES:
        raise NotReady(
            f"the disk of the data folder has {format_bytes(free_bytes)} left",
            fix="make room there",
        )
    return Response("ok\n", media_type="text/plain")


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses=TEXT_FORMAT
    | only_problems(MalformedRequest, Unauthorized, ForeignPage, InternalError, NotReady),
)
def read_metrics(request: Request) -> Response:
    """Return jobs, workers, attempts, phases and room, and requests by route.

    Attempts, retries and phases are counted since the schema has them, whatever was deleted since.
    """
    metrics: Metrics = request.app.state.metrics
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
