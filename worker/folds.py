"""Trains plans on every fold: what a search scores is the mean over them."""

from __future__ import annotations

import logging
import math
import statistics
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from worker.engine.plans import (
    Checkpoint,
    Engine,
    Epoch,
    FailedTrial,
    NextPlans,
    OnBatch,
    OnEpoch,
    Outcome,
    Plan,
    TakeCheckpoint,
    TrainedTrial,
)
from worker.report import Reporter

log = logging.getLogger(__name__)
Run = tuple[int, int]
"""A plan's number and seed: it trains once on each fold."""


@dataclass(frozen=True)
class Training:
    """A plan, and what its training came to on each fold that it was trained on."""

    plan: Plan
    folds: tuple[TrainedTrial, ...]

    @property
    def worst(self) -> TrainedTrial:
        """The fold that says how it ended: one that diverged, or else was stopped, or any."""
        order = [Outcome.diverged, Outcome.stopped, Outcome.completed]
        return min(self.folds, key=lambda fold: order.index(fold.outcome))

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.worst.outcome

    @property
    def best_epoch(self) -> int | None:
        """The median of the folds' best epochs; None where one has none."""
        epochs = [fold.best_epoch for fold in self.folds]
        if None in epochs:
            return None
        return round(statistics.median(epoch for epoch in epochs if epoch is not None))

    @property
    def seconds(self) -> float:
        """What all folds took."""
        return sum(fold.seconds for fold in self.folds)

    @property
    def checkpoints(self) -> dict[int, Checkpoint]:
        """What it goes on from, by fold; a fold that had not begun has none."""
        return {
            fold.plan.fold: fold.checkpoint for fold in self.folds if fold.checkpoint is not None
        }

    def without_checkpoints(self) -> Training:
        """Itself, with nothing to go on from: a fraction of the memory."""
        return replace(self, folds=tuple(replace(fold, checkpoint=None) for fold in self.folds))

    @property
    def is_good(self) -> bool:
        """Whether every fold has weights, and did not diverge after them."""
        return all(fold.is_good for fold in self.folds)


class Train(Protocol):
    """Trains plans; answers those that ended."""

    def __call__(
        self, plans: Sequence[Plan], needed: Plan | None
    ) -> Iterable[Training | FailedTrial]:
        """Train plans until done or told to stop; `needed` is trained to its end in any case."""


class Folds:
    """Hands an engine each plan's folds, and puts their results together.

    Once a fold of a plan diverged, failed or was stopped, its other folds are stopped, too.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._waiting: deque[Plan] = deque()
        self._missing: dict[Run, int] = {}
        self._ended: dict[Run, list[TrainedTrial]] = {}
        self._lost: set[Run] = set()
        self._checkpoints: dict[Run, Mapping[int, Checkpoint]] = {}

    def go_on_from(self, plan: Plan, checkpoints: Mapping[int, Checkpoint]) -> None:
        """Let a plan's folds go on from checkpoints once the plan is handed out."""
        self._checkpoints[_run(plan)] = checkpoints

    def checkpoints(self, plan: Plan) -> Mapping[int, Checkpoint]:
        """What a plan's folds are to go on from, by fold."""
        return self._checkpoints.get(_run(plan), {})

    def run(
        self, engine: Engine, next_plans: NextPlans, *, on_epoch: OnEpoch, on_batch: OnBatch
    ) -> Iterator[Training | FailedTrial]:
        """Train plans until there are none; yields each as its last fold ends."""

        def next_folds(n: int) -> list[Plan]:
            if len(self._waiting) < n:
                self._take(next_plans(math.ceil((n - len(self._waiting)) / self._count)))
            return [self._waiting.popleft() for _ in range(min(n, len(self._waiting)))]

        def on_fold_epoch(plan: Plan, epoch: Epoch, take: TakeCheckpoint) -> bool:
            if _run(plan) not in self._missing:
                # Another fold failed: the run was told of as ended.
                return False
            goes_on = on_epoch(plan, epoch, take)
            return goes_on and _run(plan) not in self._lost

        for result in engine.run(next_folds, on_epoch=on_fold_epoch, on_batch=on_batch):
            ended = self._put_together(result)
            if ended is not None:
                yield ended

    def _take(self, plans: Sequence[Plan]) -> None:
        for plan in plans:
            self._missing[_run(plan)] = self._count
            self._ended[_run(plan)] = []
            before = self._checkpoints.pop(_run(plan), {})
            for fold in range(plan.fold, plan.fold + self._count):
                self._waiting.append(replace(plan, fold=fold, checkpoint=before.get(fold)))

    def _put_together(self, result: TrainedTrial | FailedTrial) -> Training | FailedTrial | None:
        run = _run(result.plan)
        if run not in self._missing:
            return None
        if isinstance(result, FailedTrial):
            self._lose(run)
            del self._missing[run], self._ended[run]
            return FailedTrial(self._base(result.plan), result.reason, result.error)
        self._ended[run].append(result)
        self._missing[run] -= 1
        if result.outcome is not Outcome.completed:
            self._missing[run] -= self._lose(run)
        if self._missing[run]:
            return None
        del self._missing[run]
        folds = sorted(self._ended.pop(run), key=lambda fold: fold.plan.fold)
        self._lost.discard(run)
        return Training(self._base(result.plan), tuple(folds))

    def _lose(self, run: Run) -> int:
        """Stop a run's other folds; answers how many of them were still to start."""
        self._lost.add(run)
        kept = [plan for plan in self._waiting if _run(plan) != run]
        dropped = len(self._waiting) - len(kept)
        self._waiting = deque(kept)
        return dropped

    def _base(self, plan: Plan) -> Plan:
        return replace(plan, fold=plan.fold - plan.fold % self._count, checkpoint=None)


def _run(plan: Plan) -> Run:
    return plan.number, plan.seed


def trainer_of_repeats(engine: Engine, reporter: Reporter, folds: int) -> Train:
    """How the finalists' repeats are trained: together, until someone stops the job."""

    def train(plans: Sequence[Plan], needed: Plan | None) -> Iterator[Training | FailedTrial]:
        waiting = list(plans)

        def goes_on(plan: Plan) -> bool:
            # What is exported at a cancel or a deadline was trained to its end.
            is_needed = needed is not None and _run(plan) == _run(needed)
            return (is_needed and not reporter.is_left) or reporter.stop_cause is None

        def next_plans(n: int) -> list[Plan]:
            reporter.look()
            some = [plan for plan in waiting if goes_on(plan)]
            waiting[:] = some[n:]
            return some[:n]

        def on_epoch(plan: Plan, *_: object) -> bool:
            reporter.look()
            return goes_on(plan)

        ended = Folds(folds).run(engine, next_plans, on_epoch=on_epoch, on_batch=reporter.alive)
        for result in ended:
            if isinstance(result, FailedTrial):
                log.warning("a repeat of trial %d failed: %s", result.plan.number, result.error)
                yield result
            else:
                yield result.without_checkpoints()

    return train
