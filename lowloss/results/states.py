"""The kinds of jobs, and the states of jobs and trials."""

from __future__ import annotations

from enum import StrEnum


class JobSort(StrEnum):
    """What a list of jobs is sorted by."""

    newest = "newest"
    oldest = "oldest"
    name = "name"


class JobKind(StrEnum):
    """What a job does: search for a model, or explain why a loss is high."""

    search = "search"
    diagnosis = "diagnosis"


class JobState(StrEnum):
    """The state of a job."""

    queued = "queued"
    running = "running"
    paused = "paused"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Whether the job will never change again."""
        return self in {JobState.succeeded, JobState.failed, JobState.cancelled}


UNFINISHED_STATES = tuple(state for state in JobState if not state.is_finished)


class Requested(StrEnum):
    """What a user requested of a running job, until the worker has done it."""

    none = "none"
    pause = "pause"
    cancel = "cancel"


class TrialState(StrEnum):
    """The state of a trial."""

    running = "running"
    completed = "completed"
    pruned = "pruned"
    diverged = "diverged"
    failed = "failed"

    @property
    def is_finished(self) -> bool:
        """Whether the trial will never change again."""
        return self is not TrialState.running
