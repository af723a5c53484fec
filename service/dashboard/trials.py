"""Trials in the orders in which people look at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from lowloss.results import Job, Trial, TrialState


class TrialOrder(StrEnum):
    """What a list of trials is sorted by; the best, the last or the longest is first."""

    score = "score"
    number = "number"
    epochs = "epochs"
    seconds = "seconds"


def order_trials(job: Job, trials: Sequence[Trial], order: TrialOrder) -> list[Trial]:
    """Sort trials; by score, those without one are last."""
    match order:
        case TrialOrder.score:
            ranked = rank_trials(job, trials)
            return [*ranked, *(trial for trial in trials if trial not in ranked)]
        case TrialOrder.number:
            return sorted(trials, key=lambda trial: -trial.number)
        case TrialOrder.epochs:
            return sorted(trials, key=lambda trial: -trial.epochs)
        case TrialOrder.seconds:
            return sorted(trials, key=lambda trial: -(trial.seconds or 0.0))


def rank_trials(job: Job, trials: Iterable[Trial]) -> list[Trial]:
    """Return the completed trials, the best first; the job's best stands before its equals."""
    sign = job.search.objective.direction.sign
    scored = [(trial.score, trial) for trial in trials if is_scored(trial)]
    winner = job.best.trial if job.best else None
    ranked = sorted(
        scored, key=lambda pair: (pair[1].number != winner, sign * (pair[0] or 0.0), pair[1].number)
    )
    return [trial for _, trial in ranked]


def list_scores(job: Job, trials: Iterable[Trial]) -> list[float]:
    """Return the scores of the completed trials, the best first."""
    sign = job.search.objective.direction.sign
    scores = [trial.score for trial in trials if is_scored(trial) and trial.score is not None]
    return sorted(scores, key=lambda score: sign * score)


def is_scored(trial: Trial) -> bool:
    """Return whether a trial completed, and has a score."""
    return trial.state is TrialState.completed and trial.score is not None


def count_states(trials: Iterable[Trial]) -> dict[TrialState, int]:
    """Count the trials in each state that there is."""
    counts = Counter(trial.state for trial in trials)
    return {state: counts[state] for state in TrialState if counts[state]}
