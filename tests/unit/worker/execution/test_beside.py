"""What runs in a thread of its own: its results and errors come back, and nobody need wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from worker.execution import beside
from worker.execution.beside import iterate_beside, run_beside


class LeftError(Exception):
    """Raised by a check."""


def nothing() -> None:
    """Check nothing."""


def test_items_come_in_their_order() -> None:
    assert list(iterate_beside(iter(range(100)), nothing)) == list(range(100))


def test_result_is_that_of_the_function() -> None:
    assert run_beside(lambda: threading.current_thread().name, nothing) == "beside"


def test_error_of_the_function_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        run_beside(lambda: 1 / 0, nothing)


def test_items_before_an_error_are_not_lost() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LeftError

    seen: list[int] = []
    with pytest.raises(LeftError):
        seen.extend(iterate_beside(items(), nothing))

    assert seen == [1]


def test_item_that_is_ready_comes_before_what_a_check_raises() -> None:
    is_begun, is_ready, is_free = threading.Event(), threading.Event(), threading.Event()

    def compute() -> Iterator[int]:
        is_begun.set()
        yield 1
        is_ready.set()
        is_free.wait(20)

    def check() -> None:
        # The first check comes before the thread.
        if is_begun.is_set() or seen:
            is_ready.wait(20)
            raise LeftError

    seen: list[int] = []
    with pytest.raises(LeftError):
        seen.extend(iterate_beside(compute(), check))
    is_free.set()

    assert seen == [1]


def test_what_a_check_raises_leaves_the_function_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "LISTEN_SECONDS", 0.01)
    is_free, computed = threading.Event(), threading.Event()
    checks = iter([None, None, LeftError()])

    def compute() -> Iterator[int]:
        is_free.wait(20)
        yield 1
        computed.set()

    def check() -> None:
        if (error := next(checks)) is not None:
            raise error

    with pytest.raises(LeftError):
        list(iterate_beside(compute(), check))
    is_free.set()

    assert not computed.wait(0.1), "the thread ends with the item that it computes"
