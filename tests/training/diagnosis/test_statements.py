"""Whatever is trained, however little time there is: what a diagnosis says was measured."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.diagnosis.programs import Kind, Program, programs
from benchmarks.diagnosis.run import checked_setting
from lowloss.cli.rendering.diagnosis import show_diagnosis
from lowloss.results import Diagnosis
from lowloss.spec import DiagnosisBudget
from tests.builders.pages import parsed
from tests.builders.pretended_trainings import StandingClock, pretend_group
from tests.builders.statements import false_statements
from worker.artifacts.reports.diagnosis import write_diagnosis
from worker.diagnosis.diagnose import diagnose
from worker.diagnosis.training.trainer import Trainer
from worker.execution.local import LocalExecutor

BUDGETS = (0.0, 1.0, 5.0, 20.0, 60.0)
TABLES = {
    "diabetes",
    "friedman",
    "fourth power",
    "iris",
    "breast cancer",
    "two moons",
    "69 classes",
}
"""Tables that need no package besides what tests have anyway."""
EVERY = 5
"""Of their programs, every so-manieth."""


def some_programs() -> list[Program]:
    return [program for program in programs() if program.table.name in TABLES][::EVERY]


def diagnosed(
    program: Program, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> tuple[Diagnosis, Trainer]:
    trainers: list[Trainer] = []
    monkeypatch.setattr(Trainer, "_train_group", pretend_group)
    real_init = Trainer.__post_init__

    def remember(trainer: Trainer) -> None:
        real_init(trainer)
        trainers.append(trainer)

    monkeypatch.setattr(Trainer, "__post_init__", remember)
    table, spec, checked = checked_setting(program.setting, seconds=60)
    budget = DiagnosisBudget.model_construct(max_seconds=seconds, max_extension=3.0)
    spec = spec.model_copy(update={"budget": budget})
    diagnosis = diagnose(table, spec, checked, executor=LocalExecutor(), clock=StandingClock())
    return diagnosis, trainers[-1]


def texts_of(diagnosis: Diagnosis, folder: Path) -> list[str]:
    """The diagnosis as a terminal and as a page show it."""
    out = Console(file=io.StringIO(), width=100)
    show_diagnosis(diagnosis, out)
    write_diagnosis(folder / "page.html", diagnosis, title="why")
    page = parsed((folder / "page.html").read_text(encoding="utf-8"))
    return [" ".join(out.file.getvalue().split()), page.text]  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", BUDGETS)
@pytest.mark.parametrize("program", some_programs(), ids=lambda program: program.name)
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1:UserWarning:keras")
def test_what_is_said_was_measured(
    program: Program, seconds: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    diagnosis, trainer = diagnosed(program, seconds, monkeypatch)

    assert false_statements(diagnosis, trainer) == []
    for text in texts_of(diagnosis, tmp_path):
        assert diagnosis.verdict[:40] in text
        assert ("not trained" in text) == (not diagnosis.runs or not diagnosis.remedied_runs)
        assert "harmless" not in text


@pytest.mark.slow
def test_few_seconds_are_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    program = next(each for each in some_programs() if each.kind is Kind.single)

    nothing, _ = diagnosed(program, 0.0, monkeypatch)
    little, trainer = diagnosed(program, 1.0, monkeypatch)

    assert nothing.runs == 0
    assert "no time to train the recipe" in nothing.verdict
    assert little.runs == 1
    assert false_statements(little, trainer) == []
