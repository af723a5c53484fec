"""Deletes what is over, in a worker's idle time: no process has to be started for it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import partial

from lowloss.processes.logs import about
from service.store.blobs import reap_chunks
from service.store.database import Database, Session, is_busy
from service.store.dead_objects import delete_dead_objects
from service.store.events import thin_events
from service.store.objects import ObjectStoreAway
from service.store.retention import delete_expired_dataset, delete_expired_job
from service.store.space import give_back_pages

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""The time between two looks that begin with nothing to do."""
TURN_SECONDS = 0.5
"""How long a worker collects before it looks at the queue again; a step is a short
transaction, and for objects a request, too, which ends within 35 s."""


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
        for step in (
            partial(self._delete_expired, "job", delete_expired_job),
            partial(self._delete_expired, "dataset", delete_expired_dataset),
            self._thin_events,
            lambda: reap_chunks(self._database) is not None,
            lambda: delete_dead_objects(self._database),
            lambda: give_back_pages(self._database),
        ):
            try:
                while step():
                    if self._clock() >= end:
                        return
            except ObjectStoreAway as error:
                log.warning("objects are not deleted for a while: %s", error)
            except Exception as error:
                # Whatever it is, it must keep the worker neither from its jobs nor from the rest.
                if is_busy(error):
                    log.warning("nothing is collected for a while: %s", error)
                    break
                log.exception("something is not collected for a while")
        self._next_look = self._clock() + LOOK_SECONDS

    def _delete_expired(self, kind: str, delete: Callable[[Session], str | None]) -> bool:
        """Delete a job or a dataset that its project keeps no longer; return whether one was."""
        with self._database.transaction() as session:
            deleted_id = delete(session)
        if deleted_id is not None:
            extra = about(**{kind: deleted_id})
            log.info("a %s is older than its project keeps: deleted", kind, extra=extra)
        return deleted_id is not None

    def _thin_events(self) -> bool:
        """Delete some events of epochs; return whether there were any."""
        with self._database.transaction() as session:
            return bool(thin_events(session))
