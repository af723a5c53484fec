"""Trains the top trials again on other seeds, and chooses the winner on the mean."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lowloss.results import Confirmation
from lowloss.spec import Direction
from worker.engine.plans import Plan
from worker.engine.results import FailedPlan, TrainingOutcome
from worker.trials.folds import TrainFunction, TrainingResult


@dataclass(frozen=True)
class Finalist:
    """A top trial and the plans of its repeats; the first plan is the trial's own."""

    number: int
    plans: tuple[Plan, ...]


@dataclass(frozen=True)
class Confirmed:
    """The winner's best repeat, all its repeats, and what the choice was made on.

    `is_within_noise`: the two best means differ by no more than the standard error of their
    difference, so that another seed might have chosen otherwise; None where one trial, or one
    seed, was compared.
    """

    winner: TrainingResult
    repeats: tuple[TrainingResult, ...]
    confirmations: tuple[Confirmation, ...]
    is_within_noise: bool | None


def confirm(
    finalists: Sequence[Finalist],
    top_trainings: Mapping[int, TrainingResult],
    *,
    direction: Direction,
    train: TrainFunction,
    score: Callable[[TrainingResult], float],
) -> Confirmed | None:
    """Train the finalists' repeats, all together, and compare them.

    `top_trainings` are trainings that are still in memory: their first repeat costs nothing. Where
    training was stopped, what all finalists have is compared. A finalist that diverged or
    failed on any seed is compared only where all of them did: its other seeds were luck. None only
    where no training ended well.
    """
    first = (
        finalists[0].plans[0] if finalists and finalists[0].number not in top_trainings else None
    )
    ended: list[TrainingResult | FailedPlan] = [
        trained for trained in top_trainings.values() if trained.plan.number in _numbers(finalists)
    ]
    ended += train(_plans_to_train(finalists, top_trainings), first)
    runs: dict[int, list[tuple[float, TrainingResult]]] = {n: [] for n in _numbers(finalists)}
    unsteady: set[int] = set()
    for trained in _sort_by_plan(finalists, ended):
        number = trained.plan.number
        if isinstance(trained, FailedPlan) or not trained.is_good:
            unsteady.add(number)
        # One cut short says nothing about its setting, unless it is all there is of the trial.
        elif trained.outcome is not TrainingOutcome.stopped or top_trainings.get(number) is trained:
            runs[number].append((score(trained), trained))
    steady = {
        number: runs_of_trial for number, runs_of_trial in runs.items() if number not in unsteady
    }
    return _choose_winner(steady, direction) or _choose_winner(runs, direction)


def _numbers(finalists: Sequence[Finalist]) -> list[int]:
    return [finalist.number for finalist in finalists]


def _plans_to_train(
    finalists: Sequence[Finalist], top_trainings: Mapping[int, TrainingResult]
) -> list[Plan]:
    """Return the plans that are still to train, seed by seed.

    All finalists' first seeds come first.
    """
    by_repeat = itertools.zip_longest(*(finalist.plans for finalist in finalists))
    plans = [plan for plans in by_repeat for plan in plans if plan is not None]
    trained = {(number, training.plan.seed) for number, training in top_trainings.items()}
    return [plan for plan in plans if (plan.number, plan.seed) not in trained]


def _sort_by_plan(
    finalists: Sequence[Finalist], ended: Iterable[TrainingResult | FailedPlan]
) -> list[TrainingResult | FailedPlan]:
    """Sort trainings in the order of their plans, whatever the order in which they ended."""
    positions = {
        (plan.number, plan.seed): index
        for index, plan in enumerate(plan for f in finalists for plan in f.plans)
    }
    return sorted(ended, key=lambda trained: positions[trained.plan.number, trained.plan.seed])


def _choose_winner(
    runs: dict[int, list[tuple[float, TrainingResult]]], direction: Direction
) -> Confirmed | None:
    compared = {number: runs_of_trial for number, runs_of_trial in runs.items() if runs_of_trial}
    if not compared:
        return None
    # Means over unequal numbers of seeds do not compare: what all have, at least, is compared.
    repeats = min(len(runs_of_trial) for runs_of_trial in compared.values())
    confirmations = [
        _confirmation(number, runs_of_trial[:repeats]) for number, runs_of_trial in compared.items()
    ]
    confirmations.sort(key=lambda c: direction.sign * c.mean)
    chosen = compared[confirmations[0].trial]
    best = min(chosen, key=lambda run: direction.sign * run[0])
    return Confirmed(
        winner=best[1],
        repeats=tuple(run for _, run in chosen),
        confirmations=tuple(confirmations),
        is_within_noise=_is_within_noise(confirmations, repeats),
    )


def _confirmation(number: int, runs_of_trial: list[tuple[float, TrainingResult]]) -> Confirmation:
    values = [value for value, _ in runs_of_trial]
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return Confirmation(trial=number, scores=tuple(values), mean=statistics.fmean(values), sd=sd)


def _is_within_noise(confirmations: list[Confirmation], repeats: int) -> bool | None:
    if len(confirmations) < 2 or repeats < 2:
        return None
    first, second = confirmations[:2]
    standard_error = math.sqrt((first.sd**2 + second.sd**2) / repeats)
    return abs(first.mean - second.mean) <= standard_error
