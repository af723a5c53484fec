"""Builders of outages: a database that goes away wherever it is used, and a quiet supervisor."""

from __future__ import annotations

import itertools
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum, auto
from pathlib import Path

from sqlalchemy.exc import OperationalError

from service.store.database import Database, Session

PACKAGES = ("worker.", "service.")


class Outage(StrEnum):
    """When a database goes away: before it begins, as it ends, or before it says that it did."""

    before = auto()
    undone = auto()
    unconfirmed = auto()


class FailingDatabase(Database):
    """Fails the first uses by each chain of callers in every way, and then answers.

    `failures` counts them by the innermost function of ours that used it.
    """

    def __init__(self, url: str, *, blob_store: str | None = None) -> None:
        super().__init__(url, blob_store=blob_store)
        self.failures: Counter[str] = Counter()
        self._uses: Counter[tuple[str, ...]] = Counter()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session that may write, and fail as it is due."""
        outage = self._next_outage()
        if outage is Outage.before:
            raise gone_away()
        with super().transaction() as session:
            yield session
            if outage is Outage.undone:
                raise gone_away()
        if outage is Outage.unconfirmed:
            raise gone_away()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that only reads, and fail as it is due."""
        outage = self._next_outage()
        if outage is Outage.before:
            raise gone_away()
        with super().reading() as session:
            yield session
        if outage is not None:
            raise gone_away()

    def _next_outage(self) -> Outage | None:
        callers = _find_callers()
        outage = next(itertools.islice(Outage, self._uses[callers], None), None)
        self._uses[callers] += 1
        if outage is not None:
            self.failures[callers[0].rpartition(".")[2]] += 1
        return outage


class QuietChannel:
    """The pipes to a supervisor that asks for nothing; `waits` is what it heard of outages."""

    is_stopping = must_finish = False

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.waits: list[str | None] = []
        self.has_waited = threading.Event()

    def alive(self) -> None:
        """Do nothing: nobody listens."""

    def wait_for(self, what: str | None) -> None:
        """Note what is waited for."""
        self.waits.append(what)
        self.has_waited.set()


def gone_away() -> OperationalError:
    """Return the error of a database that is not there."""
    return OperationalError("SELECT 1", {}, sqlite3.OperationalError("the database went away"))


def _find_callers() -> tuple[str, ...]:
    """Return the functions of ours that are being called, the innermost first."""
    frame, callers = sys._getframe(1), []
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(PACKAGES):
            callers.append(f"{module}.{frame.f_code.co_qualname}:{frame.f_lineno}")
        frame = frame.f_back  # type: ignore[assignment]
    return tuple(callers)
