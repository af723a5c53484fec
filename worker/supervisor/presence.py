"""Writes every few seconds that this worker runs, which job it has, and what it waits for."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from threading import Event, Thread

from lowloss import __version__
from lowloss.spec import ExecutorName
from service.machine import measure_memory
from service.settings import Settings
from service.store.database import Database
from service.store.workers import (
    ALIVE_SECONDS,
    Activity,
    Offer,
    WorkerProcess,
    record_worker,
    remove_worker,
)

log = logging.getLogger(__name__)

SECONDS = ALIVE_SECONDS / 6
"""The time between two signs of life: several in a row may be lost."""


def describe_process(name: str, offer: Offer) -> WorkerProcess:
    """Return this process as a worker of that name, under a new id."""
    return WorkerProcess(f"wrk_{secrets.token_hex(8)}", name, __version__, offer)


def describe_offer(settings: Settings) -> Offer:
    """Return what a worker of these settings has on this machine."""
    executor: ExecutorName = "local" if settings.ray_address is None else "ray"
    return Offer(len(os.sched_getaffinity(0)), measure_memory(), executor)


class Presence:
    """A worker's signs of life, in a thread of their own: its loop may wait for a lock."""

    def __init__(
        self,
        database: Database,
        process: WorkerProcess,
        *,
        find_activity: Callable[[], Activity],
        seconds: float = SECONDS,
    ) -> None:
        self._database = database
        self._process = process
        self._find_activity = find_activity
        self._seconds = seconds
        self._is_over = Event()
        self._thread = Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin; the first sign is written at once."""
        self._thread.start()

    def end(self) -> None:
        """End, and take the worker off the list."""
        self._is_over.set()
        self._thread.join(self._seconds)
        try:
            with self._database.transaction() as session:
                remove_worker(session, self._process.id)
        except Exception as error:
            # Whatever it is, it must not hide why the worker ends.
            log.warning("this worker stays on the list for a while: %s", error)

    def _run(self) -> None:
        while True:
            try:
                with self._database.transaction() as session:
                    record_worker(session, self._process, self._find_activity())
            except Exception as error:
                # Whatever it is, it must not make a worker that works look dead for ever.
                log.warning("no sign of life could be written: %s", error)
            if self._is_over.wait(self._seconds):
                return
