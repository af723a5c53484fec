"""Places for work that takes much of the machine: of several clients none may have them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request

from service.access.auth import CLIENT

T = TypeVar("T")


class Places:
    """A number of places, of which each of several tokens may take all but one at once.

    Whoever waits for a place of its own does not wait in the queue for those of all.
    """

    def __init__(self, total: int, *, clients: int) -> None:
        self._all = CapacityLimiter(total)
        own = total if clients <= 1 else max(1, total - 1)
        self._own = [CapacityLimiter(own) for _ in range(max(1, clients))]

    async def run(self, request: Request, function: Callable[[], T]) -> T:
        """Call a function in a thread, as soon as there is a place for the request's client."""
        async with self._own[request.scope.get(CLIENT, 0)]:
            return await to_thread.run_sync(function, limiter=self._all)
