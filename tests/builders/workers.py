"""Workers in a thread of the test's process, with any command as their child."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lowloss.results import Job, JobState
from service.settings import Settings
from service.store.database import Database
from service.store.jobs import get_job
from tests.builders.processes import wait_for
from worker.supervisor.loop import Supervisor


@contextmanager
def working(
    database: Database,
    command: Sequence[str],
    *,
    clock: Callable[[], float] = time.monotonic,
    **given: Any,
) -> Iterator[Supervisor]:
    """A worker that waits for nothing, and is stopped at the end."""
    values = {"poll_seconds": 0.05, "retry_seconds": 0.0, "stop_seconds": 0.3, "max_attempts": 3}
    settings = Settings(**values | given)
    supervisor = Supervisor(database, settings, "worker-1", command=command, clock=clock)
    thread = threading.Thread(target=supervisor.work)
    thread.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()
        thread.join(30)
        assert not thread.is_alive()


def read(database: Database, job_id: str) -> Job:
    """The job as it stands."""
    with database.reading() as session:
        return get_job(session, job_id)


def wait_for_state(database: Database, job_id: str, state: JobState, *, seconds: float = 20) -> Job:
    """The job once it is in a state."""

    def look() -> Job | None:
        job = read(database, job_id)
        return job if job.state is state else None

    return wait_for(look, seconds=seconds, what=state)
