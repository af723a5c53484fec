"""The change poller: one task that polls the database for all who wait for jobs or ask often."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from anyio import CapacityLimiter, to_thread

from service.store.database import Database
from service.store.jobs import Change, read_changes

POLL_SECONDS = 0.25
WATCH_SECONDS = 3.0
"""How long a job is looked at after somebody asked for it."""
MAX_REQUESTED = 1024
FRESH_SECONDS = 0.5
"""How old what is known of a job may be."""
RETRY_SECONDS = 2.0
"""The time until the next query after one that failed."""

Moment = tuple[int, int]
"""The writes of this process, and the looks at the database, so far."""
Read = Callable[[Collection[str]], dict[str, Change]]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Waiter:
    """A wait until a job's change numbers satisfy a condition."""

    job_id: str
    is_met: Callable[[Change], bool]
    result: asyncio.Future[Change | None]

    def finish(self, change: Change | None) -> None:
        """End the wait with a change, or with None."""
        if not self.result.done():
            self.result.set_result(change)


class Changes:
    """Wakes waiters when jobs change: one query for all of them, and none while nobody waits."""

    def __init__(self, read: Read) -> None:
        self.is_stopping = False
        self._read = read
        self._poll_seconds = POLL_SECONDS
        self._waiters: set[Waiter] = set()
        self._requested_at: dict[str, float] = {}
        self._watched_until: dict[str, float] = {}
        self._recent: dict[str, tuple[Change, float]] = {}
        self._writes = self._looks = 0
        self._has_waiters = asyncio.Event()
        self._is_nudged = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        # A thread of its own: a pool full of slow requests must not delay the waiters.
        self._thread = CapacityLimiter(1)

    @property
    def waiting(self) -> int:
        """The number of waiters."""
        return len(self._waiters)

    @property
    def moment(self) -> Moment:
        """A name of this moment: a read that began at it has every change that is known now."""
        return self._writes, self._looks

    async def wait(
        self, job_id: str, is_met: Callable[[Change], bool], *, seconds: float
    ) -> Change | None:
        """Wait for a change that satisfies `is_met` and return it.

        Return None when the time is up or the server stops. A change that has happened already
        counts: the first query finds it.
        """
        if self.is_stopping:
            return None
        waiter = Waiter(job_id, is_met, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        self._has_waiters.set()
        try:
            async with asyncio.timeout(seconds):
                return await waiter.result
        except TimeoutError:
            return None
        finally:
            self._waiters.discard(waiter)

    def recall(self, job_id: str) -> Change | None:
        """Return a job's last change if it is known; look out for the next ones if asked often."""
        now = monotonic()
        if len(self._requested_at) >= MAX_REQUESTED:
            self._requested_at = {}
        # Once is not often: a single request starts no polling.
        if now - self._requested_at.get(job_id, -math.inf) <= WATCH_SECONDS:
            self._watched_until[job_id] = now + WATCH_SECONDS
            self._has_waiters.set()
        self._requested_at[job_id] = now
        change, seen_at = self._recent.get(job_id, (None, -math.inf))
        return change if now - seen_at <= FRESH_SECONDS else None

    def nudge(self) -> None:
        """Query at once, since this process changed a job; may be called from any thread.

        What is known of jobs is forgotten, and so is what a query that runs now will say.
        """
        self._writes += 1
        self._recent = {}
        if self._loop is not None:
            # The loop may have closed in the meantime; nobody waits then.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._is_nudged.set)

    def stop(self) -> None:
        """End all waits, and refuse new ones."""
        self.is_stopping = True
        for waiter in self._waiters:
            waiter.finish(None)

    async def run(self) -> None:
        """Poll for changes until cancelled, but only while somebody waits."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._has_waiters.wait()
            now = monotonic()
            self._watched_until = {
                job_id: until for job_id, until in self._watched_until.items() if until > now
            }
            if not self._waiters and not self._watched_until:
                self._has_waiters.clear()
                self._recent = {}
                continue
            seconds = self._poll_seconds if await self._poll() else RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._is_nudged.wait()
            self._is_nudged.clear()

    async def _poll(self) -> bool:
        """Wake the waiters whose condition is met; return whether the query succeeded."""
        waiters = tuple(self._waiters)
        job_ids = {waiter.job_id for waiter in waiters} | set(self._watched_until)
        begun_at, writes = monotonic(), self._writes
        try:
            changes = await to_thread.run_sync(self._read, job_ids, limiter=self._thread)
        except Exception:
            # The poller must survive any error: the waiters have their timeouts.
            logger.warning("looking for changes failed", exc_info=True)
            return False
        self._looks += 1
        if writes == self._writes:
            self._recent = {job_id: (change, begun_at) for job_id, change in changes.items()}
        for waiter in waiters:
            change = changes.get(waiter.job_id)
            if change is None or waiter.is_met(change):
                waiter.finish(change)
        return True


def make_changes(database: Database) -> Changes:
    """Build the poller of a database."""

    def read(job_ids: Collection[str]) -> dict[str, Change]:
        with database.reading() as session:
            return read_changes(session, job_ids)

    return Changes(read)
