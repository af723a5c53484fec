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
    held: Mapping[int, TrainingResult],
    *,
    direction: Direction,
    train: TrainFunction,
    score: Callable[[TrainingResult], float],
) -> Confirmed | None:
    """Train the finalists' repeats, all together, and compare them.

    `held` are trials whose training is still in memory: their first repeat costs nothing. Where
    training was told to stop, what all finalists have is compared. A finalist that diverged or
    failed on any seed is compared only where all of them did: its other seeds were luck. None only
    where no training ended well.
    """
    first = finalists[0].plans[0] if finalists and finalists[0].number not in held else None
    ended: list[TrainingResult | FailedPlan] = [
        trained for trained in held.values() if trained.plan.number in _numbers(finalists)
    ]
    ended += train(_missing(finalists, held), first)
    runs: dict[int, list[tuple[float, TrainingResult]]] = {n: [] for n in _numbers(finalists)}
    unsteady: set[int] = set()
    for trained in _in_order(finalists, ended):
        number = trained.plan.number
        if isinstance(trained, FailedPlan) or not trained.is_good:
            unsteady.add(number)
        # One cut short says nothing about its setting, unless it is all there is of the trial.
        elif trained.outcome is not TrainingOutcome.stopped or held.get(number) is trained:
            runs[number].append((score(trained), trained))
    steady = {number: some for number, some in runs.items() if number not in unsteady}
    return _choose(steady, direction) or _choose(runs, direction)


def _numbers(finalists: Sequence[Finalist]) -> list[int]:
    return [finalist.number for finalist in finalists]


def _missing(finalists: Sequence[Finalist], held: Mapping[int, TrainingResult]) -> list[Plan]:
    """The plans that are still to train, seed by seed: the first of all finalists come first."""
    by_repeat = itertools.zip_longest(*(finalist.plans for finalist in finalists))
    plans = [plan for plans in by_repeat for plan in plans if plan is not None]
    trained = {(number, some.plan.seed) for number, some in held.items()}
    return [plan for plan in plans if (plan.number, plan.seed) not in trained]


def _in_order(
    finalists: Sequence[Finalist], ended: Iterable[TrainingResult | FailedPlan]
) -> list[TrainingResult | FailedPlan]:
    """Trainings in the order of their plans, whatever the order in which they ended."""
    places = {
        (plan.number, plan.seed): place
        for place, plan in enumerate(plan for f in finalists for plan in f.plans)
    }
    return sorted(ended, key=lambda trained: places[trained.plan.number, trained.plan.seed])


def _choose(
    runs: dict[int, list[tuple[float, TrainingResult]]], direction: Direction
) -> Confirmed | None:
    sign = 1.0 if direction is Direction.min else -1.0
    compared = {number: some for number, some in runs.items() if some}
    if not compared:
        return None
    # Means over unequal numbers of seeds do not compare: what all have, at least, is compared.
    repeats = min(len(some) for some in compared.values())
    confirmations = [_confirmation(number, some[:repeats]) for number, some in compared.items()]
    confirmations.sort(key=lambda c: sign * c.mean)
    chosen = compared[confirmations[0].trial]
    best = min(chosen, key=lambda run: sign * run[0])
    return Confirmed(
        winner=best[1],
        repeats=tuple(run for _, run in chosen),
        confirmations=tuple(confirmations),
        is_within_noise=_is_within_noise(confirmations, repeats),
    )


def _confirmation(number: int, some: list[tuple[float, TrainingResult]]) -> Confirmation:
    values = [value for value, _ in some]
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return Confirmation(trial=number, scores=tuple(values), mean=statistics.fmean(values), sd=sd)


def _is_within_noise(confirmations: list[Confirmation], repeats: int) -> bool | None:
    if len(confirmations) < 2 or repeats < 2:
        return None
    first, second = confirmations[:2]
    standard_error = math.sqrt((first.sd**2 + second.sd**2) / repeats)
    return abs(first.mean - second.mean) <= standard_error
