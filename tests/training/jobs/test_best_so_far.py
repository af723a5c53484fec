"""While a search goes on, users have the network of its best trial: checked, and not too often."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from lowloss.processes.logs import JsonLines
from lowloss.results import Outcome
from tests.builders.finals import FakeSearch, a_prepared, confirmed_on
from worker.artifacts.model.check import ModelDiffers
from worker.artifacts.model.save import METADATA
from worker.jobs.best_so_far import MIN_SECONDS, BestSoFar
from worker.progress.reporter import Reporter, StopCause
from worker.trials.folds import TrainingResult

READY = datetime(2030, 1, 1, tzinfo=UTC)


class Report:
    """Notes the models that are published."""

    def __init__(self) -> None:
        self.stop_cause: StopCause | None = None
        self.published: list[int | None] = []

    def publish_model(self, files: dict[Path, str], *, trial: int | None) -> None:
        assert {path.name for path in files} == {"model.keras", "model.onnx"}
        assert all(path.stat().st_size for path in files)
        self.published.append(trial)


class Case:
    """A search of which one training is offered again and again, on a clock of its own."""

    def __init__(self, folder: Path, earlier: Outcome) -> None:
        prepared, spec = a_prepared()
        self.now, self.report = 100.0, Report()
        self.training: TrainingResult = confirmed_on(prepared, FakeSearch(spec, 0), seeds=1).winner
        report: Any = self.report
        self.best = BestSoFar(
            prepared, spec, cast("Reporter", report), folder, earlier, lambda: self.now
        )

    def offer(self, after: float = 0.0, trial: int = 3) -> list[int | None]:
        """Offer the training as that of a trial, some seconds later; return all published ones."""
        self.now += after
        plan = replace(self.training.plan, number=trial)
        folds = tuple(
            replace(fold, plan=replace(fold.plan, number=trial)) for fold in self.training.folds
        )
        self.best.offer(TrainingResult(plan, folds))
        return self.report.published


def test_first_model_comes_at_once_and_others_a_minute_apart(tmp_path: Path) -> None:
    case = Case(tmp_path, Outcome())

    assert case.offer() == [3]
    assert case.offer(after=MIN_SECONDS - 1, trial=5) == [3]
    assert case.offer(after=1, trial=5) == [3, 5]
    assert case.offer(after=MIN_SECONDS, trial=5) == [3, 5]


@pytest.mark.parametrize(
    ("earlier", "published"),
    [
        (Outcome(model_ready_at=READY, model_trial=7), [0, 1]),
        (Outcome(model_ready_at=READY), [0, 0]),
    ],
    ids=["of a trial", "the last one"],
)
def test_model_of_an_earlier_attempt_stays(
    tmp_path: Path, earlier: Outcome, published: list[int]
) -> None:
    case = Case(tmp_path, earlier)

    assert [len(case.offer()), len(case.offer(after=MIN_SECONDS))] == published


def test_job_that_is_to_end_makes_no_model_of_a_trial(tmp_path: Path) -> None:
    case = Case(tmp_path, Outcome())
    case.report.stop_cause = StopCause.cancel

    assert case.offer() == []


def test_log_names_the_trial_whose_files_predict_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def differ(*_: object) -> None:
        raise ModelDiffers("by 0.1")

    case = Case(tmp_path, Outcome())
    monkeypatch.setattr("worker.jobs.best_so_far.export_best_so_far", differ)

    assert case.offer(trial=4) == []

    (record,) = caplog.records
    assert json.loads(JsonLines().format(record))["trial"] == 4


def test_files_say_nothing_of_the_targets_of_test_rows(tmp_path: Path) -> None:
    case = Case(tmp_path, Outcome())

    case.offer()

    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        metadata = json.loads(archive.read(METADATA))
    assert metadata["test_metrics"] == {}
    assert metadata["members"][0]["plan"]["number"] == case.training.plan.number
