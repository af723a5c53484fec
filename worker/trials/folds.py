"""Trains plans on every fold: what a search scores is the mean over them."""

from __future__ import annotations

import logging
import math
import statistics
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from lowloss.processes.logs import about
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.protocol import (
    Engine,
    EpochsAhead,
    NextPlans,
    OnEpoch,
    OnWait,
    TakeCheckpoint,
    look_at_every_epoch,
)
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.progress.reporter import Reporter

log = logging.getLogger(__name__)
TrialKey = tuple[int, int]
"""A plan's number and seed: it trains once on each fold."""


@dataclass(frozen=True)
class TrainingResult:
    """A plan, and what its training came to on each fold that it was trained on."""

    plan: Plan
    folds: tuple[TrainedPlan, ...]

    @property
    def worst(self) -> TrainedPlan:
        """The fold that says how it ended: one that diverged, or else was stopped, or any."""
        order = [TrainingOutcome.diverged, TrainingOutcome.stopped, TrainingOutcome.completed]
        return min(self.folds, key=lambda fold: order.index(fold.outcome))

    @property
    def outcome(self) -> TrainingOutcome:
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
    def rate_falls(self) -> tuple[int, ...]:
        """The epochs before the best after which its rate fell: medians of the folds' own."""
        falls = [
            [fall for fall in fold.rate_falls if fall < (fold.best_epoch or 0)]
            for fold in self.folds
        ]
        count = round(statistics.median(map(len, falls)))
        medians = {
            round(statistics.median(of_fold[index] for of_fold in falls if len(of_fold) > index))
            for index in range(count)
        }
        return tuple(sorted(fall for fall in medians if fall < (self.best_epoch or 0)))

    @property
    def seconds(self) -> float:
        """What it took from its start to its end: its folds train beside each other."""
        return max(fold.seconds for fold in self.folds)

    @property
    def checkpoints(self) -> dict[int, Checkpoint]:
        """The checkpoint of each fold, by fold; a fold that had not started has none."""
        return {
            fold.plan.fold: fold.checkpoint for fold in self.folds if fold.checkpoint is not None
        }

    def without_checkpoints(self) -> TrainingResult:
        """Return the result without checkpoints: a fraction of the memory."""
        return replace(self, folds=tuple(replace(fold, checkpoint=None) for fold in self.folds))

    def without_weights(self) -> TrainingResult:
        """Return the result with its predictions of validation rows, and nothing larger."""
        folds = (replace(fold, checkpoint=None, weights=()) for fold in self.folds)
        return replace(self, folds=tuple(folds))

    @property
    def output_bytes(self) -> int:
        """Memory of its predictions of validation rows."""
        return sum(fold.val_output_MC.nbytes for fold in self.folds)

    @property
    def is_good(self) -> bool:
        """Whether every fold has weights, and did not diverge after them."""
        return all(fold.is_good for fold in self.folds)


class TrainFunction(Protocol):
    """Trains plans and returns those that ended."""

    def __call__(
        self, plans: Sequence[Plan], needed: Plan | None
    ) -> Iterable[TrainingResult | FailedPlan]:
        """Train plans until done or told to stop; `needed` is trained to its end in any case."""


class FoldScheduler:
    """Hands an engine each plan's folds, and puts their results together.

    Once a fold of a plan diverged, failed or was stopped, its other folds are stopped, too.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._waiting: deque[Plan] = deque()
        self._missing: dict[TrialKey, int] = {}
        self._ended: dict[TrialKey, list[TrainedPlan]] = {}
        self._failed_keys: set[TrialKey] = set()
        self._checkpoints: dict[TrialKey, Mapping[int, Checkpoint]] = {}

    def go_on_from(self, plan: Plan, checkpoints: Mapping[int, Checkpoint]) -> None:
        """Let a plan's folds go on from checkpoints once the plan is handed out."""
        self._checkpoints[_trial_key(plan)] = checkpoints

    def checkpoints(self, plan: Plan) -> Mapping[int, Checkpoint]:
        """Return what a plan's folds are to go on from, by fold."""
        return self._checkpoints.get(_trial_key(plan), {})

    def run(
        self,
        engine: Engine,
        next_plans: NextPlans,
        *,
        on_epoch: OnEpoch,
        on_wait: OnWait,
        epochs_ahead: EpochsAhead = look_at_every_epoch,
    ) -> Iterator[TrainingResult | FailedPlan]:
        """Train plans until there are none, and yield each as its last fold ends."""

        def next_folds(n: int) -> list[Plan]:
            if len(self._waiting) < n:
                self._take(next_plans(math.ceil((n - len(self._waiting)) / self._count)))
            return [self._waiting.popleft() for _ in range(min(n, len(self._waiting)))]

        def on_fold_epoch(plan: Plan, epoch: Epoch, take: TakeCheckpoint) -> bool:
            if _trial_key(plan) not in self._missing:
                # Another fold failed: the run was told of as ended.
                return False
            goes_on = on_epoch(plan, epoch, take)
            return goes_on and _trial_key(plan) not in self._failed_keys

        def fold_epochs_ahead(plan: Plan) -> int:
            key = _trial_key(plan)
            is_open = key in self._missing and key not in self._failed_keys
            return epochs_ahead(plan) if is_open else 0

        trained = engine.run(
            next_folds, on_epoch=on_fold_epoch, on_wait=on_wait, epochs_ahead=fold_epochs_ahead
        )
        for result in trained:
            ended = self._combine_folds(result)
            if ended is not None:
                yield ended

    def _take(self, plans: Sequence[Plan]) -> None:
        for plan in plans:
            self._missing[_trial_key(plan)] = self._count
            self._ended[_trial_key(plan)] = []
            before = self._checkpoints.pop(_trial_key(plan), {})
            for fold in range(plan.fold, plan.fold + self._count):
                self._waiting.append(replace(plan, fold=fold, checkpoint=before.get(fold)))

    def _combine_folds(
        self, result: TrainedPlan | FailedPlan
    ) -> TrainingResult | FailedPlan | None:
        run = _trial_key(result.plan)
        if run not in self._missing:
            return None
        if isinstance(result, FailedPlan):
            self._stop_other_folds(run)
            del self._missing[run], self._ended[run]
            return FailedPlan(self._first_fold_plan(result.plan), result.reason, result.error)
        self._ended[run].append(result)
        self._missing[run] -= 1
        if result.outcome is not TrainingOutcome.completed:
            self._missing[run] -= self._stop_other_folds(run)
        if self._missing[run]:
            return None
        del self._missing[run]
        folds = sorted(self._ended.pop(run), key=lambda fold: fold.plan.fold)
        self._failed_keys.discard(run)
        return TrainingResult(self._first_fold_plan(result.plan), tuple(folds))

    def _stop_other_folds(self, run: TrialKey) -> int:
        """Stop a trial's other folds, and return how many of them were still to start."""
        self._failed_keys.add(run)
        others = [plan for plan in self._waiting if _trial_key(plan) != run]
        dropped = len(self._waiting) - len(others)
        self._waiting = deque(others)
        return dropped

    def _first_fold_plan(self, plan: Plan) -> Plan:
        return replace(plan, fold=plan.fold - plan.fold % self._count, checkpoint=None)


def _trial_key(plan: Plan) -> TrialKey:
    return plan.number, plan.seed


class _OpenRepeats:
    """The finalists' repeats that are to be trained: all of them, until someone stops the job.

    The `needed` one is trained to its end: it is exported at a cancel or a deadline.
    """

    def __init__(self, plans: Sequence[Plan], needed: Plan | None, reporter: Reporter) -> None:
        self._waiting = list(plans)
        self._needed = None if needed is None else _trial_key(needed)
        self._is_needed_open = needed is not None
        self._reporter = reporter

    def goes_on(self, plan: Plan) -> bool:
        """Return whether a plan is trained on."""
        if _trial_key(plan) == self._needed and not self._reporter.is_suspended:
            return True
        return self._reporter.stop_cause is None

    def next_plans(self, n: int) -> list[Plan]:
        self._reporter.poll()
        batch = [plan for plan in self._waiting if self.goes_on(plan)]
        self._waiting = batch[n:]
        return batch[:n]

    def on_epoch(self, plan: Plan, *_: object) -> bool:
        self._reporter.poll()
        return self.goes_on(plan)

    def on_wait(self) -> bool:
        self._reporter.poll()
        is_needed_on = self._is_needed_open and not self._reporter.is_suspended
        return is_needed_on or self._reporter.stop_cause is None

    def epochs_ahead(self, plan: Plan) -> int:
        return plan.max_epochs if self.goes_on(plan) else 0

    def end(self, plan: Plan) -> None:
        """Record that a plan's training has ended."""
        if _trial_key(plan) == self._needed:
            self._is_needed_open = False


def train_repeats(
    engine: Engine,
    reporter: Reporter,
    folds: int,
    *,
    on_trained: Callable[[TrainingResult], None],
) -> TrainFunction:
    """Return a function that trains finalists' repeats together, until someone stops the job."""

    def train(plans: Sequence[Plan], needed: Plan | None) -> Iterator[TrainingResult | FailedPlan]:
        repeats = _OpenRepeats(plans, needed, reporter)
        ended = FoldScheduler(folds).run(
            engine,
            repeats.next_plans,
            on_epoch=repeats.on_epoch,
            on_wait=repeats.on_wait,
            epochs_ahead=repeats.epochs_ahead,
        )
        for result in ended:
            repeats.end(result.plan)
            if isinstance(result, FailedPlan):
                number = result.plan.number
                log.warning(
                    "a repeat of trial %d failed: %s",
                    number,
                    result.error,
                    extra=about(trial=number),
                )
                yield result
            else:
                on_trained(result)
                yield result.without_checkpoints()

    return train
