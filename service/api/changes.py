"""The change poller: one task that looks at the database for everybody who waits for a job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from service.store.database import Database
from service.store.jobs import Change, read_changes

POLL_SECONDS = 0.25
RETRY_SECONDS = 2.0
"""Time until the next look after one that failed."""

Read = Callable[[Collection[str]], dict[str, Change]]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Waiter:
    """Somebody who waits until a job's change numbers satisfy a condition."""

    job_id: str
    until: Callable[[Change], bool]
    found: asyncio.Future[Change | None]

    def tell(self, change: Change | None) -> None:
        """End the wait."""
        if not self.found.done():
            self.found.set_result(change)


class Changes:
    """Tells waiters of changes: one query for all of them, and none while there are none."""

    def __init__(self, read: Read, *, poll_seconds: float = POLL_SECONDS) -> None:
        self.is_stopping = False
        self._read = read
        self._poll_seconds = poll_seconds
        self._waiters: set[Waiter] = set()
        self._is_watched = asyncio.Event()
        self._is_nudged = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        # A thread of its own: a pool that is full of slow requests must not hold up the waiters.
        self._thread = CapacityLimiter(1)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiters)

    async def wait(
        self, job_id: str, until: Callable[[Change], bool], *, seconds: float
    ) -> Change | None:
        """Wait for a change that satisfies `until`; None once the time is up or the server stops.

        A change that is there already counts: the first look finds it.
        """
        if self.is_stopping:
            return None
        waiter = Waiter(job_id, until, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        self._is_watched.set()
        try:
            async with asyncio.timeout(seconds):
                return await waiter.found
        except TimeoutError:
            return None
        finally:
            self._waiters.discard(waiter)

    def nudge(self) -> None:
        """Look at once: this process changed a job. May be called from any thread."""
        if self._loop is not None:
            # The loop may have closed in the meantime; nobody waits then.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._is_nudged.set)

    def stop(self) -> None:
        """Send every waiter home, now and from now on."""
        self.is_stopping = True
        for waiter in self._waiters:
            waiter.tell(None)

    async def run(self) -> None:
        """Look for changes until cancelled, but only while somebody waits."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._is_watched.wait()
            if not self._waiters:
                self._is_watched.clear()
                continue
            seconds = self._poll_seconds if await self._look() else RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._is_nudged.wait()
            self._is_nudged.clear()

    async def _look(self) -> bool:
        """Tell those whose condition is met; answers whether the database did."""
        waiters = tuple(self._waiters)
        job_ids = {waiter.job_id for waiter in waiters}
        try:
            found = await to_thread.run_sync(self._read, job_ids, limiter=self._thread)
        except Exception:
            # Whatever it is, the poller must outlive it: the waiters have their time-outs.
            logger.warning("looking for changes failed", exc_info=True)
            return False
        for waiter in waiters:
            change = found.get(waiter.job_id)
            if change is None or waiter.until(change):
                waiter.tell(change)
        return True


def changes_of(database: Database) -> Changes:
    """The poller of a database."""

    def read(job_ids: Collection[str]) -> dict[str, Change]:
        with database.reading() as session:
            return read_changes(session, job_ids)

    return Changes(read)
