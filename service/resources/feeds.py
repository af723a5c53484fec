"""The last events of the jobs that are followed, read once for all who follow a job."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

from anyio import to_thread
from fastapi.sse import format_sse_event
from pydantic_core import to_json

from lowloss.results import Event
from service.store.database import Database
from service.store.events import EventKind, list_events

EVENTS_PER_READ = 500
SHARED_EVENTS = 1000
"""The last events of a job that are in memory while somebody follows it."""


@dataclass(frozen=True)
class FeedEvent:
    """An event as it is sent."""

    number: int
    message: bytes
    is_last: bool


Read = Callable[[str, int], list[FeedEvent]]


class EventFeed:
    """The last events of a job; what is not among them is read from the database."""

    def __init__(self, job_id: str, read: Read) -> None:
        self.followers = 0
        self._job_id = job_id
        self._read = read
        self._events: deque[FeedEvent] = deque(maxlen=SHARED_EVENTS)
        self._lock = asyncio.Lock()
        self._is_complete = False

    def expect(self, number: int) -> None:
        """Note that there are events up to a number: those in memory may not be all."""
        if not self._events or self._events[-1].number < number:
            self._is_complete = False

    async def read_after(self, number: int) -> list[FeedEvent]:
        """Return the next events after a number; none where there are none so far.

        Of several who ask for the same events, one reads them, and the others wait for it.
        """
        if (events := self._find_after(number)) is not None:
            return events
        async with self._lock:
            if (events := self._find_after(number)) is not None:
                return events
            self._is_complete = True
            events = await to_thread.run_sync(self._read, self._job_id, number)
            if not self._events or number == self._events[-1].number:
                self._events += events
            if len(events) == EVENTS_PER_READ:
                self._is_complete = False
            return events

    def _find_after(self, number: int) -> list[FeedEvent] | None:
        """Return the events in memory after a number; None where others must be read first."""
        if not self._events or number < self._events[0].number - 1:
            return None
        # Numbers have gaps where epochs' events were deleted.
        first = bisect_right(self._events, number, key=attrgetter("number"))
        events = list(islice(self._events, first, None))
        return events[:EVENTS_PER_READ] if events or self._is_complete else None


class EventFeeds:
    """The feeds of the jobs that somebody follows."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._feeds: dict[str, EventFeed] = {}

    @contextmanager
    def following(self, job_id: str) -> Iterator[EventFeed]:
        """Return the feed of a job, which is forgotten with its last follower."""
        feed = self._feeds.setdefault(job_id, EventFeed(job_id, self._read))
        feed.followers += 1
        try:
            yield feed
        finally:
            feed.followers -= 1
            if not feed.followers:
                self._feeds.pop(job_id, None)


def make_feeds(database: Database) -> EventFeeds:
    """Build the feeds of a database's jobs."""

    def read(job_id: str, after: int) -> list[FeedEvent]:
        with database.reading() as session:
            events = list_events(session, job_id, after=after, limit=EVENTS_PER_READ)
        return [_format(event) for event in events]

    return EventFeeds(read)


def _format(event: Event) -> FeedEvent:
    data = event.data | {"created_at": event.created_at}
    message = format_sse_event(
        id=str(event.number), event=event.kind, data_str=to_json(data).decode()
    )
    return FeedEvent(event.number, message, event.kind == EventKind.job_finished)
