"""A job's search: trains what the oracle asks for, and tells it what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lowloss.results import Curve, Trial, TrialState
from service.store.earlier_jobs import EarlierJob
from worker.data.prepare import Prepared
from worker.engine.cohort.buckets import COMPILE_SECONDS
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.protocol import Engine, TakeCheckpoint
from worker.engine.results import FailedPlan, TrainingOutcome
from worker.progress.reporter import SUSPENDING, Reporter, StopCause
from worker.search.plans import hyperparameters_of
from worker.search.pruning import make_pruner
from worker.search.tuner import SearchTuner
from worker.trials.checkpoints import CheckpointWriter, select_fitting
from worker.trials.folds import FoldScheduler, TrainingResult
from worker.trials.pace import Pace
from worker.trials.scoring import trial_end
from worker.trials.stopping import TrialStopping

MAX_CANDIDATES, MAX_CANDIDATE_BYTES = 50, 64 * 2**20
"""So many of the best trials may have networks in the model; their predictions are in memory."""


@dataclass(frozen=True)
class EarlierAttempts:
    """What earlier attempts at a job left: its trials, their curves, what unfinished ones saved.

    `blamed` are the unfinished trials one of which may have ended the process of an attempt.
    `teachers` are other jobs, which it is to learn from.
    """

    trials: tuple[Trial, ...]
    curves: Mapping[int, Curve]
    checkpoints: Mapping[int, Mapping[int, Checkpoint]]
    blamed: frozenset[int] = frozenset()
    teachers: tuple[EarlierJob, ...] = ()


class SearchLoop:
    """One attempt's search.

    Whenever a trial ends, the best completed one is handed to `on_best`, if it was trained here.
    `top_trainings` are those of the best trials so far, by number, and `candidates` those of more
    of them, without their weights. The `pace` counts what was trained.
    """

    def __init__(
        self,
        tuner: SearchTuner,
        prepared: Prepared,
        reporter: Reporter,
        folder: Path,
        *,
        on_best: Callable[[TrainingResult], None] | None = None,
        pace: Pace | None = None,
    ) -> None:
        spec = tuner.spec
        self.top_trainings: dict[int, TrainingResult] = {}
        self.candidates: dict[int, TrainingResult] = {}
        self._tuner = tuner
        self._prepared = prepared
        self._reporter = reporter
        self._folds = FoldScheduler(spec.validation.fold_count)
        self._pruner = make_pruner(spec)
        self._stopping = TrialStopping(spec, self._pruner)
        self._writer = CheckpointWriter(reporter, folder)
        self._on_best = on_best
        self._is_late = self._lacks_time = False
        self.pace = Pace() if pace is None else pace

    def replay(self, earlier: EarlierAttempts) -> None:
        """Replay earlier attempts; unfinished trials go on from their checkpoints."""
        self._tuner.warm_start(earlier.teachers)
        finished = [trial for trial in earlier.trials if trial.state.is_finished]
        for trial in finished:
            self._pruner.replay(trial.number, earlier.curves.get(trial.number, Curve()).val_loss)
            self._stopping.epochs += trial.epochs
        rungs = {trial.number: self._pruner.reached(trial.number) for trial in finished}
        for plan in self._tuner.replay(earlier.trials, rungs, earlier.blamed):
            saved, arrays = earlier.checkpoints.get(plan.number, {}), self._prepared.arrays
            self._folds.go_on_from(plan, select_fitting(saved, plan, arrays))

    def run(self, engine: Engine) -> None:
        """Train what the oracle asks for until its search ends, or someone stops it."""
        trained = self._folds.run(
            engine,
            self._next_plans,
            on_epoch=self._on_epoch,
            on_wait=self._on_wait,
            epochs_ahead=self._stopping.epochs_ahead,
        )
        for result in trained:
            if isinstance(result, TrainingResult) and self._is_suspended(result):
                self._put_back(result)
            else:
                self._end_trial(result)

    @property
    def best_candidates(self) -> list[TrainingResult]:
        """The `candidates`, best first."""
        top = self._tuner.top(MAX_CANDIDATES)
        return [self.candidates[number] for number in top if number in self.candidates]

    @property
    def end_reason(self) -> str:
        """Why the search ended."""
        if self._stopping.is_out_of_epochs:
            return "max_total_epochs"
        ended = StopCause.time_limit if self._lacks_time else "search_ended"
        return self._tuner.end_reason or str(self._reporter.stop_cause or ended)

    def _next_plans(self, n: int) -> list[Plan]:
        cause = self._reporter.stop_cause
        plans = []
        if cause is None and not self._stopping.is_out_of_epochs:
            # A program that compiled now would hardly be ready; without a model it is tried.
            self._lacks_time = self._has_model and self._reporter.seconds_left <= COMPILE_SECONDS
            plans = [] if self._lacks_time else self._tuner.ask(n)
        if cause is StopCause.time_limit and self._tuner.is_idle and not self._has_model:
            # However short the time: one trial trains for an epoch, so that there is a model.
            plans = self._tuner.ask(1)
            self._is_late = True
        for plan in plans:
            checkpoints = self._folds.checkpoints(plan)
            self._stopping.start(plan, checkpoints)
            hyperparameters = hyperparameters_of(plan, self._tuner.spec)
            self._reporter.start_trial(plan, hyperparameters, checkpoints)
        return plans

    @property
    def _has_model(self) -> bool:
        return self._is_late or self._tuner.best() is not None

    def _on_epoch(self, plan: Plan, epoch: Epoch, take: TakeCheckpoint) -> bool:
        cause = self._reporter.on_epoch(plan, epoch)
        goes_on = self._stopping.on_epoch(plan, epoch, cause)
        if goes_on:
            self._writer.on_epoch(plan, take)
        return goes_on

    def _on_wait(self) -> bool:
        self._reporter.poll()
        cause = self._reporter.stop_cause
        # At a deadline trials end with their epoch: without one there would be no model.
        if cause is None or cause is StopCause.time_limit:
            return True
        self._stopping.cut_all(cause)
        return False

    def _is_suspended(self, training: TrainingResult) -> bool:
        """Return whether a pause or a stop cut a trial short: it goes on at the next claim."""
        is_cut = training.outcome is TrainingOutcome.stopped
        return is_cut and self._stopping.cut[training.plan.number] in SUSPENDING

    def _put_back(self, training: TrainingResult) -> None:
        number = training.plan.number
        for fold, checkpoint in training.checkpoints.items():
            self._writer.save(number, fold, checkpoint)
        self._stopping.put_back(number)
        self._folds.go_on_from(training.plan, training.checkpoints)
        self._tuner.put_back(training.plan)

    def _end_trial(self, result: TrainingResult | FailedPlan) -> None:
        spec, number = self._tuner.spec, result.plan.number
        end = trial_end(result, self._prepared, spec, self._stopping.cut)
        self._stopping.end(number)
        self._reporter.finish_trial(end)
        if isinstance(result, TrainingResult):
            self.pace.count(result.folds, self._prepared.arrays)
        is_pruned = end.state is TrialState.pruned
        rungs = self._pruner.reached(number)
        self._tuner.tell(
            number, end.score, score_error=end.score_error, rungs=rungs, is_pruned=is_pruned
        )
        self._stopping.has_hit_target = self._tuner.has_hit_target
        if end.score is not None and isinstance(result, TrainingResult):
            self._remember(number, result)
        best = self._tuner.best_completed()
        if self._on_best is not None and best in self.top_trainings:
            self._on_best(self.top_trainings[best])

    def _remember(self, number: int, training: TrainingResult) -> None:
        """Add a training to the best ones, of which as many remain as are needed."""
        self.top_trainings[number] = training.without_checkpoints()
        top = self._tuner.top(self._tuner.spec.final.confirm_top)
        self.top_trainings = {n: t for n, t in self.top_trainings.items() if n in top}
        final = self._tuner.spec.final
        if final.ensemble and final.members > 1:
            self.candidates[number] = training.without_weights()
            count = max(1, MAX_CANDIDATE_BYTES // max(1, self.candidates[number].output_bytes))
            top = self._tuner.top(min(MAX_CANDIDATES, count))
            self.candidates = {n: t for n, t in self.candidates.items() if n in top}
