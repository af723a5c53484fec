"""Builders of the facts of a finished job, with sane values for all that a test does not name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from lowloss.results import (
    Baseline,
    Column,
    ColumnKind,
    Confirmation,
    Consumed,
    Curve,
    Dataset,
    ExcludedColumn,
    Hyperparameters,
    Importance,
    Improvement,
    Job,
    JobState,
    Level,
    Links,
    Outcome,
    Progress,
    Requested,
    SearchInsights,
    TableFormat,
    Trial,
    TrialState,
)
from lowloss.spec import JobSpec, Task
from tests.builders.trainings import a_plan
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.predictions import HeldOutPredictions, summarise_predictions

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEST_ROWS = 240
HOSTILE = "<script>alert('1')</script> | $x_1$ 名前 `&` \"q\"\n# ]]>"


def a_number(name: str, **given: Any) -> Column:
    values: dict[str, Any] = {
        "kind": ColumnKind.numeric,
        "missing": 0,
        "distinct": 900,
        "min": -3.25,
        "max": 12_345.5,
        "mean": 4.5,
        "sd": 2.25,
    }
    return Column(name=name, **values | given)


def a_category(name: str, labels: Sequence[str], rows: int = 1200, **given: Any) -> Column:
    counts = np.full(len(labels), rows // len(labels))
    counts[0] += rows - counts.sum()
    levels = tuple(Level(value=v, rows=int(n)) for v, n in zip(labels, counts, strict=True))
    values: dict[str, Any] = {"kind": ColumnKind.categorical, "missing": 0, "levels": levels}
    return Column(name=name, distinct=len(labels), **values | given)


def some_columns() -> tuple[Column, ...]:
    """A column of each kind."""
    return (
        a_number("rooms"),
        a_number("area", missing=300),
        a_category("sold", ["false", "true"], kind=ColumnKind.boolean, mean=0.5, sd=0.5),
        a_number("built", kind=ColumnKind.date, min=0.0, max=19_000.0, mean=9_000.0, sd=10.0),
        a_category("city", ["Oslo", "Rome", "Bergen"]),
    )


def a_setting(rng: np.random.Generator) -> Hyperparameters:
    layers = int(rng.integers(1, 4))
    return Hyperparameters(
        learning_rate=float(10 ** rng.uniform(-4, -1)),
        layers=layers,
        widths=tuple(int(w) for w in 16 * rng.integers(1, 17, size=layers)),
        l2=float(10 ** rng.uniform(-7, -2)),
        l1=0.0,
        dropout=float(rng.uniform(0.0, 0.5)),
        patience=int(rng.integers(5, 31)),
        batch_size=int(rng.choice([32, 128])),
        activation="relu",
        optimizer=str(rng.choice(["adam", "sgd"])),
        weight_decay=0.0,
        schedule="constant",
        clip_norm=None,
    )


def a_curve(best: float, epochs: int) -> Curve:
    steps = np.linspace(0.0, 3.0, epochs)
    train = tuple(float(v) for v in 0.8 * best + np.exp(-steps))
    validation = tuple(float(v) for v in best + np.exp(-steps))
    return Curve(loss=train, val_loss=validation, penalised_loss=train)


def some_trials(count: int = 12, *, diverged: int = 1) -> tuple[Trial, ...]:
    """Trials 1 … count, the last of which diverged; trial 1 is the best."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(1, count + 1):
        is_good = number <= count - diverged
        score = 0.2 + 0.05 * (number - 1)
        started = START + timedelta(seconds=10 * number)
        found.append(
            Trial(
                number=number,
                state=TrialState.completed if is_good else TrialState.diverged,
                reason=None if is_good else "loss_not_finite at epoch 3",
                seed=number,
                hyperparameters=a_setting(rng),
                score=score if is_good else None,
                metrics={"val_loss": score, "rmse": score} if is_good else {},
                epochs=30 if is_good else 3,
                best_epoch=30 if is_good else None,
                seconds=4.0,
                attempt=1,
                started_at=started,
                finished_at=started + timedelta(seconds=4),
            )
        )
    return tuple(found)


def some_answers(task: Task, classes: int) -> HeldOutPredictions:
    rng = np.random.default_rng(1)
    if task is Task.regression:
        actual = 100.0 + 10.0 * rng.normal(size=TEST_ROWS)
        return HeldOutPredictions(actual + rng.normal(size=TEST_ROWS), actual)
    drawn = rng.integers(0, classes, TEST_ROWS)
    odds = rng.random((TEST_ROWS, classes))
    odds[np.arange(TEST_ROWS), drawn] += 0.6
    return HeldOutPredictions(odds / odds.sum(axis=1, keepdims=True), drawn.astype(np.float64))


LABELS: dict[Task, tuple[str, ...]] = {
    Task.regression: (),
    Task.binary: ("no", "yes"),
    Task.multiclass: ("a", "b", "c"),
}
METRICS = {
    Task.regression: {"rmse": 1.25, "mae": 1.0, "r2": 0.95},
    Task.binary: {"log_loss": 0.3, "accuracy": 0.9, "balanced_accuracy": 0.88, "roc_auc": 0.95},
    Task.multiclass: {"log_loss": 0.5, "accuracy": 0.8, "balanced_accuracy": 0.78},
}


def some_baselines(
    task: Task, factor: float = 1.5, difference: dict[str, tuple[float, float]] | None = None
) -> tuple[Baseline, ...]:
    """Baselines whose errors are as many times as large as the model's."""
    worse = {
        name: value * factor if name in {"rmse", "mae", "log_loss"} else 1 - (1 - value) * factor
        for name, value in METRICS[task].items()
    }
    return tuple(
        Baseline(name=name, metrics=worse, test_metrics=worse, difference=difference)
        for name in ("mean", "gradient_boosting")
    )


def some_insights(**given: Any) -> SearchInsights:
    consumed = Consumed(epochs=300, trial_seconds=80.0, rows=216_000, cpu_seconds=90.0)
    return SearchInsights(consumed=consumed, **given)


def some_improvements() -> tuple[Improvement, ...]:
    return tuple(
        Improvement(trial=n, score=1.0 / n, ended=n, epochs=30 * n, seconds=10.0 * n)
        for n in (1, 2, 5)
    )


def some_facts(
    task: Task = Task.regression,
    *,
    target: str = "price",
    labels: tuple[str, ...] | None = None,
    columns: tuple[Column, ...] | None = None,
    outcome: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    **given: Any,
) -> Facts:
    """The facts of a job over `columns`; `predictions` are summed up, and the rest of `given` are
    fields of Facts.
    """
    if labels is None:
        labels = LABELS[task]
    columns = some_columns() if columns is None else columns
    aim = a_number(target) if task is Task.regression else a_category(target, labels)
    trials = given.pop("trials", some_trials())
    predictions = given.pop("predictions", None) or some_answers(task, len(labels))
    test_predictions = summarise_predictions(predictions, labels)
    values: dict[str, Any] = {
        "job": a_job(
            JobSpec(dataset="ds_1", target=target, **spec or {}),
            task,
            an_outcome(task, columns, **{"test_predictions": test_predictions} | (outcome or {})),
        ),
        "dataset": Dataset(
            id="ds_1",
            name="houses",
            sha256="ab" * 32,
            format=TableFormat.csv,
            size_bytes=1000,
            rows=1200,
            columns=len(columns) + 1,
            created_at=START,
            profile=(*columns, aim),
        ),
        "trials": trials,
        "curves": {t.number: a_curve(t.score, t.epochs) for t in trials if t.score is not None},
        "metadata": a_description(task, target, labels, columns),
    }
    return Facts(**values | given)


def an_outcome(task: Task, columns: tuple[Column, ...], **changed: Any) -> Outcome:
    """The outcome of a finished search over `columns`."""
    values: dict[str, Any] = {
        "rows": {"train": 720, "validation": 240, "test": TEST_ROWS},
        "excluded": (ExcludedColumn(column="id", reason="text or an identifier"),),
        "baselines": some_baselines(task),
        "confirmations": (
            Confirmation(trial=1, scores=(0.2, 0.22), mean=0.21, sd=0.01),
            Confirmation(trial=2, scores=(0.3, 0.31), mean=0.305, sd=0.01),
        ),
        "within_noise": False,
        "winner": 1,
        "metrics": METRICS[task] | {"val_loss": 0.2},
        "test_metrics": METRICS[task],
        "importances": tuple(
            Importance(column=column.name, increase=1.0 / rank, sd=0.01)
            for rank, column in enumerate(columns, start=1)
        ),
    }
    return Outcome(**values | changed)


def a_job(spec: JobSpec, task: Task, outcome: Outcome) -> Job:
    return Job(
        id="job_1",
        name="",
        state=JobState.running,
        reason=None,
        requested=Requested.none,
        dataset="ds_1",
        task=task,
        spec=spec,
        attempt=1,
        failures=0,
        errors=(),
        created_at=START,
        started_at=START,
        finished_at=None,
        progress=Progress(
            trials=12, trials_done=12, trials_running=0, trials_failed=1, epochs=300, seconds=95.0,
            seconds_left=None,
        ),
        best=None,
        outcome=outcome,
        links=Links(self="/", trials="/", events="/", artifacts="/", best_model="/"),
    )  # fmt: skip


def a_description(
    task: Task, target: str, labels: tuple[str, ...], columns: Sequence[Column]
) -> dict[str, Any]:
    """What `describe_model` answers."""
    inputs = [
        {
            "input": column.name if column.name.isidentifier() else f"column_{place}",
            "column": column.name,
            "dtype": "string" if column.kind is ColumnKind.categorical else "float32",
            "kind": column.kind.value,
        }
        for place, column in enumerate(columns)
    ]
    return {
        "lowloss": "0.1.0",
        "task": task.value,
        "target": target,
        "labels": list(labels),
        "matrix_columns": None,
        "inputs": inputs,
        "plan": dataclasses.asdict(a_plan()),
        "best_epoch": 30,
        "rows": {"train": 720, "validation": 240, "test": TEST_ROWS},
        "test_metrics": METRICS[task],
    }


def some_matrix_facts() -> Facts:
    """The facts of a job over an NPZ whose matrix has four columns, of which three are used."""
    facts = some_facts(target="y", columns=tuple(a_number(f"X[{i}]") for i in (0, 1, 3)))
    inputs = [
        {"input": "X", "column": f"X[{i}]", "dtype": "float32", "kind": "numeric", "position": i}
        for i in (0, 1, 3)
    ]
    metadata = dict(facts.metadata) | {"matrix_columns": 4, "inputs": inputs}
    return dataclasses.replace(facts, metadata=metadata)
