"""The server's composition root: settings → store → routes → error handlers."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Lock
from typing import Any

import uvicorn
from anyio import CapacityLimiter
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer

from lowloss import __version__
from lowloss.errors import LowlossError
from lowloss.processes.address import check_address
from lowloss.processes.logs import set_up_logs
from lowloss.processes.parent import watch_parent
from service.access.auth import AccessControl, is_reachable
from service.access.tokens import Tokens
from service.api import (
    artifacts,
    audit,
    datasets,
    diagnoses,
    events,
    health,
    jobs,
    predict,
    projects,
    recipes,
    tokens,
    trials,
    workers,
)
from service.api.bodies import BodyLimit, reap_uploads, reap_uploads_hourly
from service.api.document import Api
from service.api.metrics import CountRequests, Metrics
from service.api.parameters import refuse_unknown_parameters
from service.api.polls import PollsFromMemory
from service.api.problems import CatchAll, handle_errors
from service.api.request_log import ACCESS_LOG, LogRequests
from service.connections import ACCEPTS, HEADER_BYTES, make_protocol, raise_descriptor_limit
from service.dashboard import (
    access_pages,
    api_docs,
    compare,
    dataset_pages,
    job_pages,
    login,
    new_pages,
    static_files,
    trial_pages,
)
from service.dashboard.pages import render_problem_page
from service.machine import make_folder
from service.predict.cache import make_model_cache
from service.resources.audit import AuditRequests
from service.resources.changes import make_changes
from service.resources.feeds import make_feeds
from service.resources.job_memory import JobMemory
from service.resources.ownership import Ownership
from service.resources.places import Places
from service.resources.resources import Resources
from service.resources.security_headers import SecureResponses
from service.settings import Settings, read_settings
from service.store.database import Database
from service.store.tokens import has_tokens

logger = logging.getLogger(__name__)

PARSERS = 2
"""How many uploads are parsed at once; each may take `Settings.parser_bytes`."""
PREDICTORS = 4
"""How many predictions are computed at once; other requests wait outside the thread pool."""
WRITERS = 4
"""How many transactions write at once; the database's pool has 15 connections for all."""
STOP_SECONDS = 10
LISTEN_BACKLOG = 2048
"""New connections that the kernel holds until they are accepted."""

DESCRIPTION = """\
Self-hosted hyperparameter search for Keras models on tables: upload a table, submit a job, wait,
download a model that takes raw rows.

Every error is [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem details with a stable
`code`; `field` says where it is wrong and `fix` what to do."""

TAGS = [
    {"name": "datasets", "description": "Uploaded tables, immutable, named by their bytes."},
    {
        "name": "jobs",
        "description": "Searches: submit; and all jobs: follow, cancel, pause, resume.",
    },
    {"name": "trials", "description": "Settings of the hyperparameters, trained and scored."},
    {"name": "events", "description": "The events of a job as they happen."},
    {"name": "artifacts", "description": "The files of a job: the model and its reports."},
    {"name": "predictions", "description": "Predictions of a job's best model for raw rows."},
    {"name": "diagnoses", "description": "Why a loss is high, with measured evidence."},
    {"name": "recipes", "description": "Recipes of trainings, read from Keras models."},
    {"name": "access", "description": "Projects, tokens and the audit log: for admins."},
    {"name": "operations", "description": "Workers, probes and metrics."},
]


def make_resources(settings: Settings) -> Resources:
    """Build what the handlers share."""
    database = Database(settings.url, blob_store=settings.blob_store)
    return Resources(
        settings,
        database,
        Tokens(database, settings.tokens),
        Ownership(database),
        make_changes(database),
        JobMemory(),
        make_feeds(database),
        Places(PARSERS, clients=len(settings.tokens)),
        make_model_cache(database, settings),
        CapacityLimiter(PREDICTORS),
        CapacityLimiter(WRITERS),
        Lock(),
    )


def create_app(settings: Settings) -> FastAPI:
    """Build the server as an ASGI app over a database that is migrated already."""
    resources = make_resources(settings)
    app = Api(
        title="lowloss",
        version=__version__,
        summary="Hyperparameter search for Keras models on tables.",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        # A page of the dashboard, which needs no other site.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.resources = resources
    app.state.metrics = Metrics(resources)
    # The bearer scheme is only for the schema: the middleware below checks the token.
    dependencies = [Depends(refuse_unknown_parameters), Depends(HTTPBearer(auto_error=False))]
    nouns = (datasets, jobs, trials, events, artifacts, predict, diagnoses, recipes)
    for noun in (*nouns, projects, tokens, audit, workers):
        app.include_router(noun.router, dependencies=dependencies)
    app.include_router(health.router)
    page_routers = (login, job_pages, trial_pages, compare, new_pages, dataset_pages, access_pages)
    for pages in (*page_routers, static_files, api_docs):
        app.include_router(pages.router)
    handle_errors(app, render_problem_page)
    # The last one added sees a request first.
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(PollsFromMemory, resources=resources)
    is_open = bool(settings.allow_anonymous) and is_reachable(settings.host)
    app.add_middleware(AccessControl, tokens=resources.tokens, is_open=is_open)
    app.add_middleware(CatchAll, show_page=render_problem_page)
    app.add_middleware(AuditRequests, resources=resources)
    app.add_middleware(CountRequests, metrics=app.state.metrics)
    app.add_middleware(SecureResponses)
    app.add_middleware(LogRequests, has_access_log=settings.access_log)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    resources: Resources = app.state.resources
    resources.settings.data_dir.mkdir(parents=True, exist_ok=True)
    reap_uploads(resources.settings.data_dir)
    # A request that comes while the database is away looks again.
    with suppress(Exception):
        await resources.tokens.look_for_tokens()
    tasks = [
        asyncio.create_task(resources.changes.run(), name="change poller"),
        asyncio.create_task(reap_uploads_hourly(resources.settings.data_dir), name="reaper"),
    ]
    try:
        yield
    finally:
        resources.changes.stop()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        resources.database.close()


class Server(uvicorn.Server):
    """Uvicorn, which also ends all waits when it stops."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                http=make_protocol(settings.connections),  # type: ignore[arg-type]
                ws="none",
                backlog=ACCEPTS,
                h11_max_incomplete_event_size=HEADER_BYTES,
                timeout_keep_alive=settings.connections.idle_seconds,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self.resources: Resources = app.state.resources

    async def startup(self, sockets: Any = None) -> None:
        """Bind the sockets, and print the server's URL."""
        await super().startup(sockets)
        if self.started:
            for listener in self.servers[0].sockets:
                # uvicorn has one number for what is queued and for what is accepted at once.
                with listener.dup() as queue:
                    queue.listen(LISTEN_BACKLOG)
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            sys.stdout.write(f"lowloss serves {url}\n")
            sys.stdout.flush()

    async def shutdown(self, sockets: Any = None) -> None:
        """End open waits and event streams first: uvicorn waits for their connections."""
        self.resources.changes.stop()
        await super().shutdown(sockets)

    def stop(self) -> None:
        """Stop soon; may be called from any thread."""
        self.should_exit = True


def make_server(settings: Settings) -> Server:
    """Build a server and migrate its database; raise LowlossError where it must not start."""
    app = create_app(settings)
    resources: Resources = app.state.resources
    resources.database.prepare()
    folder = settings.data_dir
    make_folder(folder, "the data folder", fix="; set LOWLOSS_DATA_DIR")
    if not os.access(folder, os.W_OK):
        raise LowlossError(f"the data folder {folder} cannot be written")
    # Last, so that a server that does not start says why, and nothing else.
    _check_anonymity(resources)
    return Server(app, settings)


def _check_anonymity(resources: Resources) -> None:
    """Warn where no token is asked for; raise LowlossError where that is so on the network."""
    settings = resources.settings
    if settings.tokens:
        return
    with resources.database.reading() as session:
        if has_tokens(session):
            return
    if not is_reachable(settings.host):
        logger.warning("no token is asked for: every program of this machine is an admin")
    elif settings.allow_anonymous:
        logger.warning(
            "no token is asked for: whoever reaches %s is an admin, and reads, changes and deletes "
            "everything (LOWLOSS_ALLOW_ANONYMOUS)",
            settings.host,
        )
    else:
        raise LowlossError(
            f"without a token anyone could use the server at {settings.host}: set LOWLOSS_TOKENS, "
            "make a token with `lowloss tokens create` while it is bound to 127.0.0.1, or leave it "
            "bound to that"
        )


def main() -> None:
    """Migrate the database and serve until SIGTERM, SIGINT or the end of the parent."""
    raise_descriptor_limit()
    try:
        settings = read_settings()
        set_up_logs(settings.log_format, level=logging.WARNING)
        logging.getLogger(ACCESS_LOG).setLevel(logging.INFO)
        check_address(settings.host, settings.port)
        server = make_server(settings)
    except LowlossError as error:
        sys.exit(f"lowloss: {error}")
    watch_parent(server.stop)
    # Uvicorn raises the signal again after it has stopped: a clean end would look like a failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    # What is imported stays: a full collection that looks at all of it takes longer than a page.
    gc.collect()
    gc.freeze()
    with suppress(KeyboardInterrupt):
        server.run()


if __name__ == "__main__":
    main()
