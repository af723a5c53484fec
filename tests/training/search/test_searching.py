"""A search's trainings: pruned, left and gone on with, replayed, and told to the oracle."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from lowloss.results import Curve, Hyperparameters, TrialState
from service.store.checkpoints import SavedCheckpoint
from service.store.trials import TrialEnd
from tests.builders.searches import an_earlier_trial
from tests.builders.store import a_spec
from tests.builders.trainings import some_arrays
from worker.data.prepare import Prepared
from worker.engine.cohort.buckets import COMPILE_SECONDS
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.protocol import (
    EpochsAhead,
    NextPlans,
    OnEpoch,
    OnWait,
    look_at_every_epoch,
)
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.progress.reporter import Reporter, StopCause
from worker.search.tuner import SearchTuner
from worker.trials import scoring as judge
from worker.trials.folds import TrainingResult
from worker.trials.loop import EarlierAttempts, SearchLoop

LossOf = Callable[[int, int], float]
"""The validation loss of a trial after an epoch."""


class Engine:
    """Trains one plan after the other; every trial has its script of losses."""

    def __init__(self, loss_of: LossOf, epochs: int = 6) -> None:
        self.loss_of, self.epochs = loss_of, epochs
        self.begun: list[tuple[int, int]] = []
        """Number of each plan, and the epochs that it had done."""

    def run(
        self,
        next_plans: NextPlans,
        *,
        on_epoch: OnEpoch,
        on_wait: OnWait,
        epochs_ahead: EpochsAhead = look_at_every_epoch,
    ) -> Iterator[TrainedPlan]:
        while plans := next_plans(1):
            yield self._train(plans[0], on_epoch)

    def _train(self, plan: Plan, on_epoch: OnEpoch) -> TrainedPlan:
        seen = [] if plan.checkpoint is None else list(plan.checkpoint.epochs)
        self.begun.append((plan.number, len(seen)))
        outcome, reason = TrainingOutcome.completed, "max_epochs"
        while len(seen) < self.epochs:
            loss = self.loss_of(plan.number, len(seen) + 1)
            seen.append(Epoch(len(seen) + 1, loss, loss, loss))
            checkpoint = self._checkpoint(seen)
            if not on_epoch(plan, seen[-1], lambda saved=checkpoint: saved):  # type: ignore[misc]
                outcome, reason = TrainingOutcome.stopped, "stopped"
                break
        return TrainedPlan(
            plan=plan,
            outcome=outcome,
            reason=reason,
            epochs=tuple(seen),
            best_epoch=len(seen),
            weights=(),
            val_output_MC=np.empty((0, 1), np.float32),
            seconds=1.0,
            program="a test",
            checkpoint=self._checkpoint(seen),
        )

    @staticmethod
    def _checkpoint(seen: list[Epoch]) -> Checkpoint:
        return Checkpoint(tuple(seen), len(seen), 0, 1.0, (), (), ())


class Report:
    """What is told of a job; `cause_of` says why to stop after an epoch of a trial."""

    def __init__(self, cause_of: Callable[[int, int], StopCause | None] = lambda *_: None) -> None:
        self.cause_of = cause_of
        self.stop_cause: StopCause | None = None
        self.seconds_left = math.inf
        self.started: list[tuple[int, int]] = []
        self.ended: list[TrialEnd] = []
        self.saved: list[SavedCheckpoint] = []

    def start_trial(self, plan: Plan, _: Hyperparameters, saved: Mapping[int, Checkpoint]) -> None:
        self.started.append((plan.number, max((len(c.epochs) for c in saved.values()), default=0)))

    def finish_trial(self, end: TrialEnd) -> None:
        self.ended.append(end)

    def save_checkpoint(self, saved: SavedCheckpoint, _: Path) -> None:
        self.saved.append(saved)

    def on_epoch(self, plan: Plan, epoch: Epoch) -> StopCause | None:
        return self.cause_of(plan.number, epoch.epoch)

    def poll(self) -> None:
        """Nobody listens."""


@pytest.fixture
def new_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def metrics(trained: TrainedPlan, _: Prepared) -> dict[str, float]:
        return {"val_loss": min(epoch.val_loss for epoch in trained.epochs)}

    monkeypatch.setattr(judge, "fold_metrics", metrics)
    monkeypatch.setattr(judge, "score_error", lambda *_: None)
    opened: list[SearchTuner] = []

    def make(report: Report, **given: Any) -> tuple[SearchTuner, SearchLoop]:
        plain = {"budget": {"max_trials": 3}, "algorithm": "random", "pruning": None}
        tuner = SearchTuner(a_spec("ds_1", **plain | given), directory=tmp_path)
        opened.append(tuner)
        arrays = some_arrays()
        arrays = dataclasses.replace(arrays, folds=arrays.folds * 3)  # one for each way of scaling
        prepared = cast("Prepared", SimpleNamespace(arrays=arrays))
        reporter = cast("Reporter", report)
        return tuner, SearchLoop(tuner, prepared, reporter, tmp_path, on_best=best.append)

    best = make.best = list[TrainingResult]()  # type: ignore[attr-defined]
    yield make
    for tuner in opened:
        tuner.close()


def ends(report: Report) -> list[tuple[int, str, str | None]]:
    return [(end.number, str(end.state), end.reason) for end in report.ended]


def test_trial_that_a_pause_cut_goes_on_where_the_pause_is_taken_back(new_search: Any) -> None:
    paused = iter([StopCause.pause])
    report = Report(lambda number, epoch: next(paused, None) if (number, epoch) == (1, 3) else None)
    engine = Engine(lambda *_: 1.0)
    tuner, searching = new_search(report)

    searching.run(engine)

    assert engine.begun == [(1, 0), (1, 3), (2, 0), (3, 0)]
    assert report.started == engine.begun
    assert [(saved.trial, saved.epochs) for saved in report.saved] == [(1, 3)]
    assert ends(report) == [(n, "completed", "max_epochs") for n in (1, 2, 3)]
    assert tuner.is_idle


@pytest.mark.parametrize(("pruned", "best"), [((), [1, 2, 2]), ((1, 2), [3])])
def test_best_completed_trial_is_handed_on_as_trials_end(
    new_search: Any, monkeypatch: pytest.MonkeyPatch, pruned: tuple[int, ...], best: list[int]
) -> None:
    end_trial = judge.trial_end

    def end(result: Any, *arguments: Any) -> TrialEnd:
        ended = end_trial(result, *arguments)
        is_pruned = ended.number in pruned
        return dataclasses.replace(ended, state=TrialState.pruned if is_pruned else ended.state)

    monkeypatch.setattr("worker.trials.loop.trial_end", end)
    losses = {1: 3.0, 2: 1.0, 3: 2.0}

    new_search(Report())[1].run(Engine(lambda number, _: losses[number]))

    assert [training.plan.number for training in new_search.best] == best


def test_trial_that_the_deadline_cut_ends_with_that_reason(new_search: Any) -> None:
    def late(number: int, _: int) -> StopCause | None:
        return StopCause.time_limit if number == 1 else None

    report = Report(late)

    new_search(report)[1].run(Engine(lambda *_: 1.0))

    assert ends(report)[0] == (1, "completed", "time_limit")
    assert report.saved == []


def test_cancel_while_a_program_compiles_leaves_the_trial_without_an_epoch(new_search: Any) -> None:
    report = Report()
    waited: list[bool] = []

    class Compiling(Engine):
        """Is asked whether to go on before its first epoch."""

        def run(
            self,
            next_plans: NextPlans,
            *,
            on_epoch: OnEpoch,
            on_wait: OnWait,
            epochs_ahead: EpochsAhead = look_at_every_epoch,
        ) -> Iterator[TrainedPlan]:
            (plan,) = next_plans(1)
            waited.append(on_wait())
            report.stop_cause = StopCause.cancel
            waited.append(on_wait())
            assert epochs_ahead(plan) == 0
            stopped = self._train(plan, lambda *_: False)
            yield dataclasses.replace(stopped, epochs=(), best_epoch=None)
            assert next_plans(1) == []

    new_search(report)[1].run(Compiling(lambda *_: 1.0))

    assert waited == [True, False]
    assert ends(report) == [(1, "failed", "cancelled before its first epoch ended")]


def test_nobody_leaves_at_a_deadline_before_there_is_a_model(new_search: Any) -> None:
    report = Report()
    searching = new_search(report)[1]
    report.stop_cause = StopCause.time_limit

    assert searching._on_wait()


def test_shortly_before_the_deadline_trials_begin_until_one_has_a_model(new_search: Any) -> None:
    report = Report()
    report.seconds_left = COMPILE_SECONDS
    searching = new_search(report)[1]

    class Failing(Engine):
        """Fails the first trial."""

        def run(self, next_plans: NextPlans, **callbacks: Any) -> Iterator[Any]:
            yield FailedPlan(next_plans(1)[0], "ValueError", "no luck")
            yield from super().run(next_plans, **callbacks)

    searching.run(Failing(lambda *_: 1.0))

    assert [(number, state) for number, state, _ in ends(report)] == [
        (1, "failed"),
        (2, "completed"),
    ]
    assert searching.end_reason == "time_limit"


def test_worse_trials_are_pruned_and_the_best_is_held(new_search: Any) -> None:
    report = Report()
    tuner, searching = new_search(
        report, pruning={"reduction": 3, "min_epochs": 2}, final={"confirm_top": 1}
    )

    searching.run(Engine(lambda number, epoch: [5.0, 1.0, 3.0][number - 1] - epoch / 100))

    assert ends(report) == [
        (1, "completed", "max_epochs"),
        (2, "completed", "max_epochs"),
        (3, "pruned", "pruned"),
    ]
    assert report.ended[2].score == pytest.approx(2.98)
    assert tuner.top(3) == [2, 1]
    assert list(searching.top_trainings) == [2]
    assert all(
        fold.checkpoint is None for held in searching.top_trainings.values() for fold in held.folds
    )
    candidates = searching.best_candidates
    assert [candidate.plan.number for candidate in candidates] == [2, 1]
    assert all(fold.weights == () for candidate in candidates for fold in candidate.folds)


@pytest.mark.parametrize(
    ("name", "limit"), [("MAX_CANDIDATES", 2), ("MAX_CANDIDATE_BYTES", 250)], ids=str
)
def test_predictions_of_few_trials_are_kept(
    new_search: Any, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    monkeypatch.setattr(f"worker.trials.loop.{name}", limit)
    monkeypatch.setattr(TrainingResult, "output_bytes", 100)
    _, searching = new_search(Report(), pruning=None, budget={"max_trials": 4})

    searching.run(Engine(lambda number, _: [5.0, 1.0, 3.0, 2.0][number - 1]))

    numbers = [candidate.plan.number for candidate in searching.best_candidates]
    assert numbers == [2, 4]


def test_nothing_is_kept_for_an_ensemble_that_nobody_wants(new_search: Any) -> None:
    _, searching = new_search(Report(), final={"ensemble": False})

    searching.run(Engine(lambda *_: 1.0))

    assert searching.best_candidates == []


def test_search_ends_as_its_epochs_are_used_up(new_search: Any) -> None:
    report = Report()
    _, searching = new_search(report, budget={"max_trials": 9, "max_total_epochs": 8})

    searching.run(Engine(lambda *_: 1.0))

    assert ends(report) == [
        (1, "completed", "max_epochs"),
        (2, "completed", "max_total_epochs"),
    ]
    assert searching.end_reason == "max_total_epochs"


def test_target_that_is_hit_ends_the_search(new_search: Any) -> None:
    report = Report()
    _, searching = new_search(report, budget={"max_trials": 9, "target_value": 0.5})

    searching.run(Engine(lambda number, _: 1.0 / number))

    assert [end.number for end in report.ended] == [1, 2]
    assert searching.end_reason == "target_value"


def test_target_that_is_hit_ends_open_trials_though_the_last_one_has_begun(
    new_search: Any,
) -> None:
    report = Report()
    tuner, searching = new_search(report, budget={"max_trials": 1, "target_value": 0.5})

    searching.run(Engine(lambda *_: 0.4))

    assert tuner.end_reason == "max_trials"
    assert searching._stopping.has_hit_target


def test_unfinished_trial_goes_on_from_what_an_earlier_attempt_saved(new_search: Any) -> None:
    report, engine = Report(), Engine(lambda *_: 1.0)
    _, searching = new_search(report)
    trials = (
        an_earlier_trial(1, state=TrialState.completed, epochs=6, score=1.0),
        an_earlier_trial(2, state=TrialState.running, epochs=4, score=None),
    )
    saved = {2: {0: Engine._checkpoint([Epoch(n, 1.0, 1.0, 1.0) for n in (1, 2, 3, 4)])}}

    searching.replay(EarlierAttempts(trials, {}, saved))
    searching.run(engine)

    assert engine.begun == [(2, 4), (3, 0)]
    assert report.started == [(2, 4), (3, 0)]


def test_blamed_trial_goes_on_from_its_checkpoint_before_the_others(new_search: Any) -> None:
    report, engine = Report(), Engine(lambda *_: 1.0)
    _, searching = new_search(report)
    running = (an_earlier_trial(n, state=TrialState.running, epochs=2, score=None) for n in (1, 2))
    saved = {2: {0: Engine._checkpoint([Epoch(n, 1.0, 1.0, 1.0) for n in (1, 2)])}}

    searching.replay(EarlierAttempts(tuple(running), {}, saved, blamed=frozenset({2})))
    searching.run(engine)

    assert engine.begun == [(2, 2), (1, 0), (3, 0)]


def test_unfinished_trial_of_other_inputs_starts_over(new_search: Any) -> None:
    report, engine = Report(), Engine(lambda *_: 1.0)
    _, searching = new_search(report)
    running = (an_earlier_trial(n, state=TrialState.running, epochs=1, score=None) for n in (1, 2))
    saved = Engine._checkpoint([Epoch(1, 1.0, 1.0, 1.0)])
    kernels = [np.zeros((inputs, 16), np.float32) for inputs in (2, 3)]
    checkpoints = {
        number: {0: dataclasses.replace(saved, weights=(kernel,))}
        for number, kernel in enumerate(kernels, start=1)
    }

    searching.replay(EarlierAttempts(tuple(running), {}, checkpoints))
    searching.run(engine)

    assert engine.begun == [(1, 0), (2, 1), (3, 0)]


def test_epochs_of_earlier_attempts_count(new_search: Any) -> None:
    report, engine = Report(), Engine(lambda *_: 1.0)
    _, searching = new_search(report, budget={"max_trials": 9, "max_total_epochs": 12})
    trials = (an_earlier_trial(1, state=TrialState.completed, epochs=6, score=1.0),)

    searching.replay(EarlierAttempts(trials, {}, {}))
    searching.run(engine)

    assert engine.begun == [(2, 0)]


def test_rungs_of_earlier_attempts_are_still_there(new_search: Any) -> None:
    report = Report()
    tuner, searching = new_search(report, pruning={"reduction": 3, "min_epochs": 2})
    trials = (an_earlier_trial(1, state=TrialState.completed, epochs=6, score=0.5),)

    searching.replay(EarlierAttempts(trials, {1: Curve(val_loss=(0.9, 0.6, 0.5))}, {}))
    searching.run(Engine(lambda *_: 0.7))

    assert ends(report) == [(2, "pruned", "pruned"), (3, "pruned", "pruned")]
    assert tuner.best() == (1, 0.5)
