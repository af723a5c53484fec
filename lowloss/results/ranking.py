"""Trials by how good they are."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lowloss.results.jobs import Job
from lowloss.results.states import TrialState
from lowloss.results.trials import Trial


def find_best(job: Job) -> int | None:
    """Return the number of a job's best trial, of one that has ended its winner; None without."""
    return job.best.trial if job.best else job.outcome.winner


def rank_trials(job: Job, trials: Iterable[Trial]) -> list[Trial]:
    """Return the completed trials, that with the best score first; of equals the job's best."""
    completed = [trial for trial in trials if trial.state is TrialState.completed]
    return sort_by_score(job, completed)


def sort_by_score(job: Job, trials: Iterable[Trial]) -> list[Trial]:
    """Sort trials of any state; those without a score are last."""
    sign = job.search.objective.direction.sign
    best = find_best(job)

    def loss_of(trial: Trial) -> float:
        return math.inf if trial.score is None else sign * trial.score

    return sorted(trials, key=lambda trial: (loss_of(trial), trial.number != best, trial.number))
