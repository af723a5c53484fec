"""Trains the top trials again on other seeds, and chooses the winner on the mean."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lowloss.results import Confirmation
from lowloss.spec import Direction
from worker.engine.plans import Outcome, Plan, TrainedTrial


@dataclass(frozen=True)
class Finalist:
    """A top trial and the plans of its repeats; the first plan is the trial's own."""

    number: int
    plans: tuple[Plan, ...]


@dataclass(frozen=True)
class Confirmed:
    """The winner's best repeat, and what the choice was made on.

    `is_within_noise`: the two best means differ by no more than the standard error of their
    difference, so that another seed might have chosen otherwise; None where one trial, or one
    seed, was compared.
    """

    winner: TrainedTrial
    confirmations: tuple[Confirmation, ...]
    is_within_noise: bool | None


def confirm(
    finalists: Sequence[Finalist],
    held: Mapping[int, TrainedTrial],
    *,
    direction: Direction,
    train: Callable[[Plan, bool], TrainedTrial],
    score: Callable[[TrainedTrial], float],
    should_stop: Callable[[], bool],
) -> Confirmed | None:
    """Train the finalists' repeats, seed by seed, until done or told to stop.

    `held` are trials whose training is still in memory: their first repeat costs nothing.
    Told to stop, it compares what all finalists have; the best finalist's own training is always
    had, and `train` is told to finish it. A finalist that diverged on any seed is compared only
    where all of them did: its other seeds were luck. None only where every training diverged.
    """
    runs: dict[int, list[tuple[float, TrainedTrial]]] = {f.number: [] for f in finalists}
    diverged: set[int] = set()
    for repeat in range(max((len(f.plans) for f in finalists), default=0)):
        for position, finalist in enumerate(finalists):
            is_needed = repeat == 0 and position == 0
            trained = held.get(finalist.number) if repeat == 0 else None
            if trained is None:
                if should_stop() and not is_needed:
                    continue
                trained = train(finalist.plans[repeat], is_needed)
                if trained.outcome is Outcome.stopped:
                    # Cut short, it says nothing about its setting.
                    continue
            if trained.best_epoch is None or trained.outcome is Outcome.diverged:
                diverged.add(finalist.number)
            else:
                runs[finalist.number].append((score(trained), trained))
    steady = {number: some for number, some in runs.items() if number not in diverged}
    return _choose(steady, direction) or _choose(runs, direction)


def _choose(
    runs: dict[int, list[tuple[float, TrainedTrial]]], direction: Direction
) -> Confirmed | None:
    sign = 1.0 if direction is Direction.min else -1.0
    compared = {number: some for number, some in runs.items() if some}
    if not compared:
        return None
    # Means over unequal numbers of seeds do not compare: what all have, at least, is compared.
    repeats = min(len(some) for some in compared.values())
    confirmations = [_confirmation(number, some[:repeats]) for number, some in compared.items()]
    confirmations.sort(key=lambda c: sign * c.mean)
    best = min(compared[confirmations[0].trial], key=lambda run: sign * run[0])
    return Confirmed(best[1], tuple(confirmations), _is_within_noise(confirmations, repeats))


def _confirmation(number: int, some: list[tuple[float, TrainedTrial]]) -> Confirmation:
    values = [value for value, _ in some]
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return Confirmation(trial=number, scores=tuple(values), mean=statistics.fmean(values), sd=sd)


def _is_within_noise(confirmations: list[Confirmation], repeats: int) -> bool | None:
    if len(confirmations) < 2 or repeats < 2:
        return None
    first, second = confirmations[:2]
    standard_error = math.sqrt((first.sd**2 + second.sd**2) / repeats)
    return abs(first.mean - second.mean) <= standard_error
