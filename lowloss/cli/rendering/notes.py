"""What is to be known of a job that has not ended, beside its progress: a sentence each."""

from __future__ import annotations

from lowloss.results import Job, JobState, Requested

WAITS_FOR = {
    "prepare": "its table to be read",
    "search": "the epochs that train to end",
    "confirm": "the epochs that train to end",
    "diagnosis": "its diagnosis to end",
    "export": "its best model to be exported",
}
"""What a cancel or a pause waits for, by the phase of the job."""
ENDINGS = {
    "crashed": "crashed",
    "lease_expired": "lost its worker",
    "stopped": "ended with its worker, which was stopped",
    "paused": "was paused",
}
"""How the attempt before this one ended, by the reason of the retry."""


def describe_notes(job: Job) -> list[str]:
    """Return what a job waits for, why it is tried again, and what its confirmation changed."""
    notes = (_queue_position(job), _attempt(job), _request(job), _best(job))
    return [note for note in notes if note is not None]


def describe_stage(job: Job) -> str:
    """Return a job's state, and of one that runs its phase."""
    return f"{job.state} ({job.phase})" if job.phase else str(job.state)


def _queue_position(job: Job) -> str | None:
    if job.queue_position is None:
        return None
    if job.queue_position == 1:
        return "next in the queue"
    return f"number {job.queue_position} in the queue"


def _attempt(job: Job) -> str | None:
    if job.retry_reason is None:
        return None
    ending = ENDINGS.get(job.retry_reason, job.retry_reason)
    number = job.attempt + (job.state is JobState.queued)
    errors = [error.error for error in job.errors if error.error]
    cause = f": {errors[-1].strip().splitlines()[-1]}" if errors and ending == "crashed" else ""
    return f"attempt {number}, since the one before {ending}{cause}"


def _request(job: Job) -> str | None:
    if job.requested is Requested.none or job.state.is_finished:
        return None
    if job.state is JobState.queued:
        return f"{job.requested} requested: it waits for a worker to export the best model"
    waits_for = WAITS_FOR.get(job.phase or "", "its worker")
    return f"{job.requested} requested: it waits for {waits_for}"


def _best(job: Job) -> str | None:
    searched, best = job.outcome.best_of_search, job.best
    if searched is None or best is None:
        return None
    return (
        f"trial {best.trial} is the best since the confirmation: on more seeds it does better than "
        f"trial {searched}, which had the best score"
    )
