"""Runs a long computation in a thread of its own, so that the job goes on listening meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")
LISTEN_SECONDS = 0.2
"""The time between two calls of `check`."""


def iterate_beside(items: Iterable[T], check: Callable[[], object]) -> Iterator[T]:
    """Yield the items, which are computed in another thread; call `check` while none is ready.

    What `check` raises ends the iteration once no item is ready. The thread is abandoned then: it
    ends with the item that it computes, which nobody gets.
    """
    results: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    is_abandoned = threading.Event()

    def compute() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                results.put(item)
                if is_abandoned.is_set():
                    break
        except BaseException as raised:
            error = raised
        results.put(_End(error))

    check()
    # With the ids that this thread's entries of the log have.
    run = copy_context().run
    threading.Thread(target=run, args=(compute,), name="beside", daemon=True).start()
    try:
        while not isinstance(result := _next_result(results, check), _End):
            yield result
    finally:
        is_abandoned.set()
    if result.error is not None:
        raise result.error


def run_beside(function: Callable[[], T], check: Callable[[], object]) -> T:
    """Return what a function returns that runs in another thread; see `iterate_beside`."""
    (result,) = iterate_beside((function() for _ in range(1)), check)
    return result


class _End:
    """The end of the items, and the error that was the cause."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _next_result(results: queue.SimpleQueue[T | _End], check: Callable[[], object]) -> T | _End:
    while True:
        try:
            check()
        except Exception:
            # What is ready was in time, however long it took this thread to come back.
            if results.empty():
                raise
        try:
            return results.get(timeout=LISTEN_SECONDS)
        except queue.Empty:
            continue
