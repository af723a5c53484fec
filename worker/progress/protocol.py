"""What a supervisor and its child say to each other: one JSON object a line, over pipes.

Down: `{"run": {"job_id", "owner", "attempt"}}`, `{"finish": true}` (the job's time is over, or the
rest killed earlier attempts: export the best, and leave out the rest), `{"stop": true}`; the pipe's
end is the child's.
Up: `{"ready": true}`, `{"alive": true}`, `{"ended": {"ending", "reason", "error"}}`, and of a child
on a cluster `{"cluster": {NAME: "HOST:PORT"}}`, what it needs of that (its head, and this machine's
node); `{"waits_for": TEXT}`, what keeps it from working, and
`{"silence": TEXT}`, that the head does not answer: both are null once that is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a child's run of a job ended.

    `crashed`: by an error; `died`: with its process, which may have been ended because it hung or
    took too much memory; `overdue`: it did not finish, though it was asked to; `disk_full`: there
    was no room for its temporary files; `cluster_full`: nor for its networks on the cluster;
    `cluster_lost`: the cluster is gone, and the child's process is of no more use.
    """

    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"
    paused = "paused"
    stopped = "stopped"
    crashed = "crashed"
    died = "died"
    overdue = "overdue"
    disk_full = "disk_full"
    cluster_full = "cluster_full"
    cluster_lost = "cluster_lost"
    lease_lost = "lease_lost"


@dataclass(frozen=True)
class Ended:
    """A child's last word on a job."""

    ending: Ending
    reason: str | None = None
    error: str | None = None
