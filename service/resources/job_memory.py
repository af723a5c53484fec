"""Jobs as they were answered last, so that polls need no database."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic

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

    def find(self, job_id: str, change: Change) -> Answer | None:
        """Return what can still be answered for a job; None where it must be read again."""
        answer = self._answers.get(job_id)
        if answer is None or answer.change != change or change.is_queued:
            return None
        is_fresh = change.is_finished or monotonic() - answer.answered_at <= BODY_SECONDS
        return answer if is_fresh else None

    def store(self, job_id: str, change: Change, body: bytes) -> Answer:
        """Remember the answer for a job, and forget the one that was used least lately."""
        answer = self._answers[job_id] = Answer(change, monotonic(), body)
        self._answers.move_to_end(job_id)
        if len(self._answers) > MAX_JOBS:
            self._answers.popitem(last=False)
        return answer


def make_etag(change: Change) -> str:
    """Return the weak ETag of a job: its seconds go on without another one."""
    return f'W/"{change.version}.{change.events}"'
