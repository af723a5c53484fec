"""Rates of projects: how many uploads and submissions each may send in a minute."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from enum import StrEnum
from time import monotonic

from lowloss.errors import TooManyRequests

WINDOW_SECONDS = 60.0


class Rated(StrEnum):
    """What a project may send only so often."""

    uploads = "uploads"
    submits = "submits"


class Rates:
    """The times of the last requests of each project; every server counts by itself.

    It is used in one thread, that of the event loop.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._times: defaultdict[tuple[str, Rated], deque[float]] = defaultdict(deque)

    def take(self, project: str, kind: Rated, limit: int | None) -> None:
        """Count a request; raise TooManyRequests for one too many in the last minute."""
        if limit is None:
            return
        times, now = self._times[project, kind], self._now()
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if len(times) >= limit:
            oldest = times[-limit] if limit else now
            problem = TooManyRequests(
                f"the project may send {limit} {kind} in a minute", fix="send the request later"
            )
            problem.retry_after_s = max(1, math.ceil(oldest + WINDOW_SECONDS - now))
            raise problem
        times.append(now)
