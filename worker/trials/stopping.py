"""Says, epoch by epoch, whether a trial of a search goes on, and remembers why not."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lowloss.spec import JobSpec, remaining
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.progress.reporter import SUSPENDING, StopCause
from worker.search.pruning import Pruner


class CutReason(StrEnum):
    """Why a trial is ended before its patience or its epochs are used up, beside a StopCause."""

    pruned = "pruned"
    trial_time = "max_trial_seconds"
    total_epochs = "max_total_epochs"
    target = "target_value"


@dataclass
class _FoldProgress:
    """A fold's training: its least validation loss up to each epoch, and how long ago it fell."""

    min_losses: list[float] = field(default_factory=list)
    waited: int = 0

    def add(self, loss: float) -> None:
        best = self.min_losses[-1] if self.min_losses else math.inf
        is_better = loss < best
        self.waited = 0 if is_better or not self.min_losses else self.waited + 1
        self.min_losses.append(loss if is_better else best)

    def min_loss_at(self, epoch: int) -> float:
        """Return the least loss by an epoch, or by the fold's end."""
        return self.min_losses[min(epoch, len(self.min_losses)) - 1]


@dataclass
class _Running:
    """A trial in training, by fold; all its folds were compared up to epoch `compared`.

    It may be trained up to epoch `promised` before it is compared again.
    """

    started: float
    folds: dict[int, _FoldProgress] = field(default_factory=dict)
    compared: int = 0
    promised: int = 0

    @property
    def epochs(self) -> int:
        return max((len(fold.min_losses) for fold in self.folds.values()), default=0)

    def reached(self, plan: Plan, count: int) -> int:
        """Return the epoch that all of `count` folds have reached, those that ended left out."""
        if len(self.folds) < count:
            return 0
        going_on = [
            len(fold.min_losses)
            for fold in self.folds.values()
            if plan.natural_end(len(fold.min_losses), fold.waited) is None
        ]
        return min(going_on, default=0)

    def mean_at(self, epoch: int) -> float:
        return statistics.fmean(fold.min_loss_at(epoch) for fold in self.folds.values())


class TrialStopping:
    """Holds a search's trials against its pruner and its budget.

    A trial on several folds is compared at a rung once all of them have come to it: on the mean.
    """

    def __init__(
        self, spec: JobSpec, pruner: Pruner, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.cut: dict[int, StopCause | CutReason] = {}
        """Why a trial is cut short, by number; a pause may be taken back before its end is told."""
        self.has_hit_target = False
        self.epochs = 0
        """Of all trials together; one on several folds counts as its longest."""
        self._budget = spec.budget
        self._fold_count = spec.validation.fold_count
        self._pruner = pruner
        self._clock = clock
        self._running: dict[int, _Running] = {}

    def start(self, plan: Plan, checkpoints: Mapping[int, Checkpoint]) -> None:
        """Record that a trial trains, from these checkpoints on."""
        self.cut.pop(plan.number, None)
        seconds = max((checkpoint.seconds for checkpoint in checkpoints.values()), default=0.0)
        running = self._running[plan.number] = _Running(self._clock() - seconds)
        for fold, checkpoint in checkpoints.items():
            running.folds[fold] = _FoldProgress()
            for epoch in checkpoint.epochs:
                running.folds[fold].add(epoch.val_loss)
        self.epochs += running.epochs
        self._is_pruned(plan, running)

    def on_epoch(self, plan: Plan, epoch: Epoch, cause: StopCause | None) -> bool:
        """Record an epoch, and return whether the trial goes on.

        `cause` is why the whole search stops.
        """
        running = self._running[plan.number]
        before = running.epochs
        running.folds.setdefault(plan.fold, _FoldProgress()).add(epoch.val_loss)
        self.epochs += running.epochs - before
        reason = self._cut_reason(plan, running) or cause
        # What ends a trial for good stays its reason; a pause or a stop may give way to a deadline.
        if reason is not None and self.cut.get(plan.number, StopCause.pause) in SUSPENDING:
            self.cut[plan.number] = reason
        return reason is None and plan.number not in self.cut

    def epochs_ahead(self, plan: Plan) -> int:
        """Return how many epochs a trial trains before it is compared again; 0 once it is cut."""
        if plan.number in self.cut:
            return 0
        running = self._running[plan.number]
        fold = running.folds.get(plan.fold, _FoldProgress())
        epoch = len(fold.min_losses)
        ahead = self._pruner.next_rung(plan.number, epoch) - epoch
        others = (other for other in self._running.values() if other is not running)
        promised = sum(max(0, other.promised - other.epochs) for other in others)
        epochs_remaining = remaining(self._budget.max_total_epochs, self.epochs + promised)
        ahead = ahead if ahead < epochs_remaining else int(epochs_remaining)
        running.promised = epoch + max(1, ahead)
        return max(1, ahead)

    def cut_all(self, cause: StopCause) -> None:
        """Cut all running trials short, whatever epoch they are in."""
        for number in self._running:
            self.cut.setdefault(number, cause)

    def end(self, number: int) -> None:
        """Record that a trial no longer trains."""
        self._running.pop(number, None)

    def put_back(self, number: int) -> None:
        """Record that a trial was suspended: it counts its epochs again as it goes on."""
        self.epochs -= self._running.pop(number).epochs

    @property
    def is_out_of_epochs(self) -> bool:
        """Whether the search's epochs are used up."""
        return remaining(self._budget.max_total_epochs, self.epochs) <= 0

    def _cut_reason(self, plan: Plan, running: _Running) -> CutReason | None:
        if self.cut.get(plan.number) is CutReason.pruned or self._is_pruned(plan, running):
            return CutReason.pruned
        seconds = self._clock() - running.started
        if remaining(self._budget.max_trial_seconds, seconds) <= 0:
            return CutReason.trial_time
        if self.is_out_of_epochs:
            return CutReason.total_epochs
        return CutReason.target if self.has_hit_target else None

    def _is_pruned(self, plan: Plan, running: _Running) -> bool:
        reached = running.reached(plan, self._fold_count)
        first, running.compared = running.compared + 1, max(running.compared, reached)
        return not all(
            self._pruner.goes_on(plan.number, epoch, running.mean_at(epoch))
            for epoch in range(first, reached + 1)
        )
