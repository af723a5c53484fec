"""What a job's specification is refused for, from the dataset's profile alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from lowloss.errors import (
    ClassTooSmall,
    LimitExceeded,
    NoFeatures,
    ObjectiveDoesNotFitTask,
    Problem,
    TargetConstant,
    TargetMissing,
    TaskDoesNotFitTarget,
    TooFewRows,
    TooManyClasses,
    UnknownFeature,
    UnknownTarget,
)
from lowloss.results import TableFormat
from lowloss.spec import JobSpec, Task
from service.settings import Limits
from service.tables.check import Checked, check_job
from service.tables.table import Table
from tests.tables import a_dataset_of

ROWS = 60


def check(y: list[Any], *, limits: Limits | None = None, **given: Any) -> Checked:
    """Check a job on a table of one useful feature `x`, and of `y`."""
    extra = given.pop("extra", {})
    frame = pl.DataFrame({"x": [i * 0.5 for i in range(len(y))], "y": y} | extra)
    format = given.pop("format", TableFormat.csv)  # noqa: A001
    spec = JobSpec.model_validate({"dataset": "ds_1", "target": "y"} | given)
    return check_job(spec, a_dataset_of(Table(frame), format), limits=limits or Limits())


@pytest.mark.parametrize(
    ("y", "task", "labels"),
    [
        ([i * 0.5 for i in range(ROWS)], Task.regression, ()),
        (list(range(ROWS)), Task.regression, ()),
        ([3, 7] * 30, Task.binary, ("3", "7")),
        ([0, 1, 2] * 20, Task.multiclass, ("0", "1", "2")),
        ([1, 2, 3] * 20, Task.multiclass, ("1", "2", "3")),
        ([10, 20, 30] * 20, Task.regression, ()),
        ([0.0, 1.0] * 30, Task.binary, ("0", "1")),
        ([0.5, 1.5] * 30, Task.regression, ()),
        (["b", "a"] * 30, Task.binary, ("a", "b")),
        (["10", "9", "z"] * 20, Task.multiclass, ("9", "10", "z")),
        ([True, False] * 30, Task.binary, ("false", "true")),
    ],
    ids=lambda v: str(v)[:24],
)
def test_task_follows_from_the_target(y: list[Any], task: Task, labels: tuple[str, ...]) -> None:
    checked = check(y)

    assert (checked.task, checked.labels) == (task, labels)


def test_explicit_task_is_taken_where_it_fits() -> None:
    assert check([0, 1, 2] * 20, task="regression").task is Task.regression
    assert check([10, 20, 30] * 20, task="multiclass").labels == ("10", "20", "30")


WHOLE = [float(i) + 0.5 for i in range(ROWS)]


@pytest.mark.parametrize(
    ("y", "given", "kind", "field", "said"),
    [
        (WHOLE, {"target": "yy"}, UnknownTarget, "target", "did you mean 'y'"),
        (WHOLE, {"target": "price"}, UnknownTarget, "target", "x, y"),
        (WHOLE, {"features": {"include": ["z"]}}, UnknownFeature, "features.include", "'z'"),
        (WHOLE, {"features": {"exclude": ["z"]}}, UnknownFeature, "features.exclude", "'z'"),
        (WHOLE, {"features": {"include": ["y"]}}, UnknownFeature, "features.include", "target"),
        (WHOLE, {"features": {"exclude": ["x"]}}, NoFeatures, "features", "none was chosen"),
        (WHOLE, {"target": "x", "format": TableFormat.npz}, UnknownTarget, "target", "'y'"),
        ([None] * ROWS, {}, TargetMissing, "target", "missing"),
        ([5] * ROWS, {}, TargetConstant, "target", "'5'"),
        (
            [f"c{i % 30}" for i in range(90)],
            {"limits": Limits(max_classes=20)},
            TooManyClasses,
            "target",
            "30 classes",
        ),
        (["a"] * 59 + ["b"], {}, ClassTooSmall, "target", "one row"),
        (["a"] * 58 + ["b"] * 2, {}, ClassTooSmall, "target", "2 rows"),
        (WHOLE[:9], {}, TooFewRows, "validation", "9 rows"),
        (
            WHOLE,
            {"validation": {"fraction": 0.5, "test_fraction": 0.45}},
            TooFewRows,
            "validation",
            "training",
        ),
        (WHOLE, {"objective": "val_accuracy"}, ObjectiveDoesNotFitTask, "objective", "regression"),
        (
            ["a", "b"] * 30,
            {"objective": "val_rmse"},
            ObjectiveDoesNotFitTask,
            "objective",
            "binary",
        ),
        (
            ["a", "b", "c"] * 20,
            {"objective": "val_rmse"},
            ObjectiveDoesNotFitTask,
            "objective",
            "multiclass",
        ),
        (["a", "b"] * 30, {"task": "regression"}, TaskDoesNotFitTarget, "task", "text"),
        (["a", "b", "c"] * 20, {"task": "binary"}, TaskDoesNotFitTarget, "task", "3 values"),
        (
            [datetime(2024, 1, 1 + i % 28, tzinfo=UTC) for i in range(ROWS)],
            {},
            TaskDoesNotFitTarget,
            "target",
            "dates",
        ),
        (WHOLE, {"search_space": {"layers": 99}}, LimitExceeded, "search_space.layers", "99"),
        (
            WHOLE,
            {"search_space": {"width": {"choices": [8, 10**6]}}},
            LimitExceeded,
            "search_space.width",
            "1e+06",
        ),
        (
            WHOLE,
            {"search_space": {"batch_size": {"min": 1, "max": 10**6}}},
            LimitExceeded,
            "search_space.batch_size",
            "",
        ),
        (WHOLE, {"budget": {"max_trials": 10**6}}, LimitExceeded, "budget.max_trials", ""),
        (WHOLE, {"budget": {"max_epochs": 10**6}}, LimitExceeded, "budget.max_epochs", ""),
        (WHOLE, {"budget": {"max_seconds": 1e9}}, LimitExceeded, "budget.max_seconds", ""),
    ],
    ids=lambda v: str(v)[:40],
)
def test_unfit_job_is_refused_with_the_field_and_the_fix(
    y: list[Any], given: dict[str, Any], kind: type[Problem], field: str, said: str
) -> None:
    with pytest.raises(kind) as caught:
        check(y, **given)

    problem = caught.value
    assert problem.field == field
    assert problem.fix
    assert said in str(problem)


def test_useless_columns_are_left_out_and_said_so() -> None:
    extra = {
        "same": [1] * ROWS,
        "nothing": pl.Series([None] * ROWS, dtype=pl.String),
        "id": [f"user {i}" for i in range(ROWS)],
        "kind": ["a", "b"] * 30,
    }

    checked = check(WHOLE, extra=extra)

    assert [column.name for column in checked.features] == ["x", "kind"]
    reasons = {column.column: column.reason for column in checked.excluded}
    assert reasons["same"] == "every value is '1'"
    assert reasons["nothing"] == "every value is missing"
    assert "identifier" in reasons["id"]


def test_number_that_looks_like_an_identifier_is_a_feature_where_it_is_named() -> None:
    extra = {
        "id": list(range(ROWS)),
        "key": [f"user {i}" for i in range(ROWS)],
        "code": [0, 1, 2] * 20,
    }

    default = check(WHOLE, extra=extra)
    named = check(WHOLE, extra=extra, features={"include": ["id", "key"]})

    assert [column.name for column in default.features] == ["x", "code"]
    assert [column.name for column in named.features] == ["id"]
    assert [column.column for column in named.excluded] == ["key"]
