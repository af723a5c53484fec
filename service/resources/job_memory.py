"""Jobs as they were answered last, so that polls need no database."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from anyio import to_thread

from service.resources.changes import Moment
from service.store.jobs import Change

MAX_JOBS = 256
BODY_SECONDS = 0.5
"""How long a job's seconds, and all else that changes without an event, may be behind."""


@dataclass(frozen=True)
class Answer:
    """The JSON of a job, by which of its changes and when it was made."""

    change: Change
    answered_at: float
    body: bytes

    @property
    def etag(self) -> str:
        """The tag of this version of the job."""
        return make_etag(self.change)


class JobMemory:
    """The last answers about at most `MAX_JOBS` jobs."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._reads: dict[tuple[str, Moment], asyncio.Task[Answer]] = {}

    def find(self, job_id: str, change: Change) -> Answer | None:
        """Return what can still be answered for a job; None where it must be read again."""
        answer = self._answers.get(job_id)
        if answer is None or answer.change != change or change.is_queued:
            return None
        is_fresh = change.is_finished or monotonic() - answer.answered_at <= BODY_SECONDS
        return answer if is_fresh else None

    async def read(
        self, job_id: str, moment: Moment, read: Callable[[], tuple[Change, bytes]]
    ) -> Answer:
        """Read a job in a thread and remember the answer; raise what `read` raises.

        Of several who ask at the same moment, one reads it, and the others wait for that.
        """
        key = job_id, moment
        task = self._reads.get(key)
        if task is None:
            task = self._reads[key] = asyncio.create_task(self._read(job_id, read))
            task.add_done_callback(lambda _: self._reads.pop(key))
        # One client that goes away does not end it for the others.
        return await asyncio.shield(task)

    async def _read(self, job_id: str, read: Callable[[], tuple[Change, bytes]]) -> Answer:
        change, body = await to_thread.run_sync(read)
        answer = self._answers[job_id] = Answer(change, monotonic(), body)
        self._answers.move_to_end(job_id)
        if len(self._answers) > MAX_JOBS:
            self._answers.popitem(last=False)
        return answer


def make_etag(change: Change) -> str:
    """Return the weak ETag of a job: its seconds go on without another one."""
    return f'W/"{change.version}.{change.events}"'
