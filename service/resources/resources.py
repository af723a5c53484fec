"""The resources that `service.app` builds, and the dependency that hands them to handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from lowloss.errors import NotReady
from lowloss.spec import Quotas
from service.access.callers import Caller
from service.access.tokens import Tokens
from service.predict.cache import ModelCache
from service.resources.changes import Changes
from service.resources.feeds import EventFeeds
from service.resources.job_memory import JobMemory
from service.resources.ownership import Ownership
from service.resources.places import Places
from service.resources.rates import Rated, Rates
from service.settings import Settings
from service.store.database import Database, Session, retry_on_conflict
from service.store.quotas import get_quotas

T = TypeVar("T")


class OpenRequests:
    """Counts requests from before their bodies are read until they are answered."""

    MAXIMUM = 64
    """Bodies that are in memory at once; further requests are told to come again."""

    def __init__(self) -> None:
        self._count = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Count a request, or raise NotReady where there are too many."""
        if self._count >= self.MAXIMUM:
            raise NotReady("too many predictions wait already", fix="send the request again soon")
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1


@dataclass(frozen=True)
class Resources:
    """The settings, the database, the tokens, the change poller and the loaded models.

    `parsers` and `predictors` bound how many uploads are parsed and requests predicted at once.
    `writers` bounds how many transactions that write are open at once: on SQLite one of them writes
    and the others wait, which shall take neither the threads nor the connections of readers.
    `json_lock` is for parsing rows, which stops all other threads: one at a time, they have turns.
    """

    settings: Settings
    database: Database
    tokens: Tokens
    ownership: Ownership
    changes: Changes
    job_memory: JobMemory
    feeds: EventFeeds
    parsers: Places
    models: ModelCache
    predictors: CapacityLimiter
    writers: CapacityLimiter
    json_lock: Lock
    rates: Rates = field(default_factory=Rates)
    open_predictions: OpenRequests = field(default_factory=OpenRequests)

    async def admit(self, caller: Caller, kind: Rated) -> None:
        """Count a request of a project; raise TooManyRequests."""
        quotas = await to_thread.run_sync(self._read_quotas, caller.project)
        limits = {
            Rated.uploads: quotas.uploads_per_minute,
            Rated.submits: quotas.submits_per_minute,
        }
        self.rates.take(caller.project, kind, limits[kind])

    def _read_quotas(self, project: str) -> Quotas:
        with self.database.reading() as session:
            return get_quotas(session, project)

    async def write(self, change: Callable[[Session], T]) -> T:
        """Make a change in a transaction of its own, in one of the writers' threads.

        It is made again where another transaction wrote between its read and its write.
        """

        def transact() -> T:
            with self.database.transaction() as session:
                return change(session)

        return await to_thread.run_sync(retry_on_conflict, transact, limiter=self.writers)


async def find_resources(request: Request) -> Resources:
    """Return the resources of the server of a request."""
    resources: Resources = request.app.state.resources
    return resources


Dependencies = Annotated[Resources, Depends(find_resources)]
