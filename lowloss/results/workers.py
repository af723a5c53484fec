"""Workers as they were seen last."""

from __future__ import annotations

from datetime import datetime

from lowloss.results.parts import Result
from lowloss.spec import ExecutorName


class Worker(Result):
    """A process that runs jobs, one at a time.

    `name` is what a job's `worker` says. `seen_at` is when it last wrote that it runs; one that was
    not seen for 30 s is not `is_alive`. `job` is what it runs; null where it waits for one.
    Cores and memory are its machine's, and its `executor` says where it trains: `local` or `ray`.
    `waits_for` are the words for what keeps it from working: a cluster, room on a disk,
    the database, the object store.
    """

    id: str
    name: str
    version: str
    cores: int
    memory_bytes: int
    executor: ExecutorName = "local"
    job: str | None
    waits_for: str | None = None
    started_at: datetime
    seen_at: datetime
    is_alive: bool
