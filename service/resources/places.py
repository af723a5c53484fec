"""Places for work that takes much of the machine: of several clients none may have them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from service.access.callers import Caller

T = TypeVar("T")


class Places:
    """A number of places, of which each of several tokens may take all but one at once.

    Whoever waits for a place of its own does not wait in the queue for those of all. A token counts
    from its first request on; `clients` of them are known before.
    """

    def __init__(self, total: int, *, clients: int) -> None:
        self._total = total
        self._clients = clients
        self._all = CapacityLimiter(total)
        self._own: dict[str, CapacityLimiter] = {}

    @property
    def busy(self) -> int:
        """How many places are in use."""
        return int(self._all.borrowed_tokens)

    @property
    def waiting(self) -> int:
        """How many calls wait for a place."""
        limiters = (self._all, *self._own.values())
        return sum(limiter.statistics().tasks_waiting for limiter in limiters)

    async def run(self, caller: Caller, function: Callable[[], T]) -> T:
        """Call a function in a thread, as soon as there is a place for the caller."""
        async with self._find_own(caller.token_id):
            return await to_thread.run_sync(function, limiter=self._all)

    def _find_own(self, token_id: str) -> CapacityLimiter:
        if token_id not in self._own:
            self._own[token_id] = CapacityLimiter(self._total)
            if max(self._clients, len(self._own)) > 1:
                for places in self._own.values():
                    places.total_tokens = max(1, self._total - 1)
        return self._own[token_id]
