"""Deletes what is over, in a worker's idle time: no process has to be started for it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from lowloss.processes.logs import about
from service.store.blobs import reap_chunks
from service.store.database import Database, is_busy
from service.store.events import thin_events
from service.store.retention import delete_expired_dataset, delete_expired_job
from service.store.space import give_back_pages

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""The time between two looks that begin with nothing to do."""
TURN_SECONDS = 0.5
"""How long a worker collects before it looks at the queue again; a step is a short transaction."""


class Collector:
    """Deletes in small steps what its project keeps no longer, and what nothing refers to.

    Several workers of a database may do it at once: each locks what it deletes.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._next_look = -math.inf

    def collect(self) -> None:
        """Take steps for a moment; do nothing where the last look, a minute ago, found nothing."""
        end = self._clock() + TURN_SECONDS
        if self._clock() < self._next_look:
            return
        try:
            while self._take_step():
                if self._clock() >= end:
                    return
        except Exception as error:
            # Whatever it is, it must not keep the worker from its jobs.
            if is_busy(error):
                log.warning("nothing is collected for a while: %s", error)
            else:
                log.exception("nothing is collected for a while")
        self._next_look = self._clock() + LOOK_SECONDS

    def _take_step(self) -> bool:
        """Delete one thing, or a part of one; return whether there was any."""
        for kind, delete in (("job", delete_expired_job), ("dataset", delete_expired_dataset)):
            with self._database.transaction() as session:
                deleted_id = delete(session)
            if deleted_id is not None:
                extra = about(**{kind: deleted_id})
                log.info("a %s is older than its project keeps: deleted", kind, extra=extra)
                return True
        with self._database.transaction() as session:
            if thin_events(session):
                return True
        return reap_chunks(self._database) is not None or give_back_pages(self._database)
