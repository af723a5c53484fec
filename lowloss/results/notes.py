"""What is to be known of a job or a trial, beside its progress: a sentence each."""

from __future__ import annotations

from lowloss.results import Job, JobState, Requested, Trial
from lowloss.spec import Needs
from lowloss.wording import (
    capitalize,
    counted,
    format_bytes,
    format_duration,
    in_words,
    list_first,
)

NO_WORKER = "no worker is running: start one with `lowloss worker`"
MAX_NAMES = 3
"""How many targets a title names."""
WAITS_FOR = {
    "prepare": "its table to be read",
    "search": "its trials to be left as they are",
    "confirm": "its trainings to be left",
    "diagnosis": "its diagnosis to end",
    "export": "its best model to be exported",
    "report": "its report to be written",
}
"""What a cancel or a pause waits for, by the phase of the job."""
ENDINGS = {
    "crashed": "crashed",
    "lease_expired": "lost its worker",
    "worker_died": "ended with its worker, whose process died",
    "out_of_time": "did not finish in its time",
    "disk_full": "had no room for its files on the worker's disk",
    "cluster_full": "had no room on the Ray cluster",
    "cluster_lost": "lost its Ray cluster",
    "stopped": "ended with its worker, which was stopped",
    "paused": "was paused",
}
"""How the attempt before this one ended, by the reason of the retry."""


ON_ITS_OWN = "trains on its own machine"


SEARCH_ENDS = {
    "min_expected_improvement": "the search ended early: the last trials gained too little, or "
    "too little was expected of another (budget.min_expected_improvement; null for all trials)",
    "no_improvement": "the search ended early: the last trials were no better "
    "(budget.no_improvement_trials)",
    "target_value": "the search ended early: a trial reached budget.target_value",
    "search_space_exhausted": "the search tried every setting of its space",
    "max_total_epochs": "the search ended as its epochs were used up (budget.max_total_epochs)",
    "time_limit": "the search ended as its time was up (budget.max_seconds)",
}
"""Why a search ended before its `max_trials`, by the reason of the job that succeeded."""


def describe_notes(job: Job) -> list[str]:
    """Return what a job waits for, and why it is tried again.

    Of one that ended: why its search did, and what its confirmation changed.
    """
    notes = (
        _queue_position(job),
        _no_worker(job),
        _attempt(job),
        _request(job),
        _search_end(job),
        _best(job),
        _model(job),
    )
    return [note for note in notes if note is not None]


def describe_title(job: Job) -> str:
    """Return a job's name; without one, what it is of."""
    return job.name or f"{capitalize(job.kind)} of {list_first(job.spec.targets, MAX_NAMES)}"


def describe_stage(job: Job) -> str:
    """Return a job's state, and of one that runs its phase."""
    return f"{job.state} ({job.phase})" if job.phase else str(job.state)


def describe_times(job: Job) -> str | None:
    """Return how long a search may take, by its budget; None where it has no bound."""
    budget = job.search.budget
    if budget.max_seconds is None:
        return None
    search = f"time: up to {format_duration(budget.max_seconds)} (budget.max_seconds)"
    if not budget.diagnosis_seconds:
        return f"{search}, and some seconds for its files"
    diagnosis = f"about {format_duration(budget.diagnosis_seconds)} (budget.diagnosis_seconds)"
    return f"{search}, then {diagnosis} for its diagnosis, and some seconds for its files"


def describe_trial_end(trial: Trial) -> str:
    """Return why a trial ended, where its state does not say that; a code is put into words."""
    reason = trial.reason
    if reason is None or reason == trial.state:
        return ""
    return reason if " " in reason else in_words(reason)


def _queue_position(job: Job) -> str | None:
    if job.queue_position is None:
        return None
    if job.queue_position == 1:
        return "next in the queue"
    return f"number {job.queue_position} in the queue"


def _no_worker(job: Job) -> str | None:
    if not job.lacks_worker:
        return None
    needs = describe_needs(job.spec.needs)
    return f"it waits for a worker that {needs}: none that runs does" if needs else NO_WORKER


def waits_for_any_worker(job: Job) -> bool:
    """Return whether a job waits for a worker, and any would do."""
    return job.lacks_worker and not describe_needs(job.spec.needs)


def describe_needs(needs: Needs) -> str:
    """Say what a worker has, and where it trains, that a job needs; "" where any worker will do."""
    parts = [
        None if needs.cores is None else counted(needs.cores, "core"),
        None if needs.memory_bytes is None else f"{format_bytes(needs.memory_bytes)} of memory",
        "a Ray cluster" if needs.executor == "ray" else None,
    ]
    owned = " and ".join(part for part in parts if part is not None)
    phrases = [f"has {owned}" if owned else "", ON_ITS_OWN if needs.executor == "local" else ""]
    return " and ".join(filter(None, phrases))


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


def _search_end(job: Job) -> str | None:
    return SEARCH_ENDS.get(job.reason or "") if job.state is JobState.succeeded else None


def _best(job: Job) -> str | None:
    searched, best = job.outcome.best_of_search, job.best
    if searched is None or best is None:
        return None
    return (
        f"trial {best.trial} is the best since the confirmation: on more seeds it does better than "
        f"trial {searched}, which had the best score"
    )


def _model(job: Job) -> str | None:
    if job.state is not JobState.running or job.outcome.model_ready_at is None:
        return None
    trial = job.outcome.model_trial
    if trial is not None:
        return f"the network of trial {trial} can be downloaded already; a better model may follow"
    has_diagnosis = job.search.budget.diagnosis_seconds > 0
    follows = "its diagnosis and report follow" if has_diagnosis else "its report follows"
    return f"its model can be downloaded already; {follows}"
