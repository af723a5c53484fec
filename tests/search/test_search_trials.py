"""What the recipe makes of trainings that are cut short."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.factories import a_spec
from tests.trainings import a_training
from worker import judge, run
from worker.data.prepare import Prepared
from worker.engine.plans import NextPlans, OnBatch, OnEpoch, Outcome, Plan, TrainedTrial
from worker.report import Reporter, StopCause
from worker.search.tuner import SearchTuner


class Report:
    """What is told of a job that nobody stops any more."""

    def __init__(self) -> None:
        self.stop_cause: StopCause | None = None
        self.cut: dict[int, StopCause] = {}
        self.started: list[int] = []
        self.ended: list[tuple[int, str | None]] = []

    def start_trials(self, trials: list[tuple[Plan, Any]]) -> None:
        self.started += [plan.number for plan, _ in trials]

    def finish_trial(self, end: Any) -> None:
        self.ended.append((end.number, end.reason))

    def on_epoch(self, plan: Plan, epoch: Any) -> bool:
        raise AssertionError("the engine of this test tells of no epoch")

    def alive(self) -> None:
        """Nobody listens."""


class CutsTheFirst:
    """An engine whose first training is cut short, for a cause that is then taken back."""

    def __init__(self, report: Report, cause: StopCause) -> None:
        self.report, self.cause = report, cause

    def run(
        self, next_plans: NextPlans, *, on_epoch: OnEpoch, on_batch: OnBatch
    ) -> Iterator[TrainedTrial]:
        (first,) = next_plans(1)
        self.report.cut[first.number] = self.cause
        yield a_training(first, 1.0, Outcome.stopped)
        while plans := next_plans(1):
            yield a_training(plans[0], 1.0)


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchTuner]:
    monkeypatch.setattr(judge, "validation_metrics", lambda *_: {"val_loss": 1.0})
    spec = a_spec("ds_1", budget={"max_trials": 3}, algorithm="random")
    tuner = SearchTuner(spec, directory=tmp_path)
    yield tuner
    tuner.close()


def search_with(search: SearchTuner, report: Report, cause: StopCause) -> None:
    engine = CutsTheFirst(report, cause)
    run.search_trials(search, engine, cast("Prepared", None), cast("Reporter", report))


def test_trial_that_a_pause_cut_trains_again_where_the_pause_is_taken_back(
    search: SearchTuner,
) -> None:
    report = Report()

    search_with(search, report, StopCause.pause)

    assert report.started == [1, 1, 2, 3]
    assert [number for number, _ in report.ended] == [1, 2, 3]
    assert search.is_idle


def test_trial_that_the_deadline_cut_ends_with_that_reason(search: SearchTuner) -> None:
    report = Report()

    search_with(search, report, StopCause.time_limit)

    assert report.ended[0] == (1, "time_limit")
    assert report.started == [1, 2, 3]
