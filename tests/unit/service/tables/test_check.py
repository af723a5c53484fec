"""What a job's specification is refused for, from the dataset's profile alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from lowloss.errors import (
    ClassTooSmall,
    InvalidRequest,
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
from lowloss.tables.table import Table
from service.settings import Limits
from service.tables.check import CheckedJob, check_job
from tests.builders.tables import a_dataset_of

ROWS = 60
DAYS = [datetime(2024, 1, 1 + i % 28, tzinfo=UTC) for i in range(ROWS)]
GROUPED = {"strategy": "grouped", "column": "g"}
ORDERED = {"strategy": "ordered", "column": "t"}


def check(y: list[Any], *, limits: Limits | None = None, **given: Any) -> CheckedJob:
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


@pytest.mark.parametrize(
    ("space", "codes"),
    [
        ({}, []),
        ({"patience": 8}, ["rate_never_falls"]),
        ({"patience": {"choices": [2, 8]}, "schedule": "plateau"}, ["rate_never_falls"]),
        ({"patience": {"min": 2, "max": 9}}, []),
        ({"patience": 5, "schedule": "cosine"}, []),
    ],
    ids=str,
)
def test_rate_that_never_falls_is_told(space: dict[str, Any], codes: list[str]) -> None:
    checked = check([i * 0.5 for i in range(ROWS)], search_space=space)

    assert [warning.code for warning in checked.warnings] == codes


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
            {"objective": "val_r2"},
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


BLOCKS = {"strategy": "ordered", "column": "x", "folds": 3}
NAMES = [f"user {i}" for i in range(150)]


@pytest.mark.parametrize(
    ("y", "task", "fix"),
    [
        ([i * 0.5 for i in range(150)], "binary", "use task regression, or auto"),
        ([7 * i % 151 for i in range(150)], "binary", "use task regression, or auto"),
        ([10, 20, 30] * 50, "binary", "use task regression or multiclass, or auto"),
        (["a", "b", "c"] * 50, "binary", "use task multiclass, or auto"),
        (NAMES, "binary", "name another column as the target, or merge its values into two"),
        (NAMES, "multiclass", "name another column as the target, or merge its texts"),
        (NAMES, "regression", "name a column of numbers as the target"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_advised_task_is_one_that_the_target_takes(y: list[Any], task: str, fix: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(y, task=task)

    advice = caught.value.fix or ""
    advised = [*(task for task in Task if task in advice), *(["auto"] if "auto" in advice else [])]
    assert advice.startswith(fix)
    assert all(check(y, task=task).task for task in advised)


def test_target_that_names_the_rows_is_warned_of() -> None:
    counting, quantity = check(list(range(ROWS))), check([i * 0.5 for i in range(ROWS)])

    assert [warning.code for warning in counting.warnings] == ["identifier_as_target"]
    assert "holds 60 distinct numbers in 60 rows" in counting.warnings[0].detail
    assert not quantity.warnings


@pytest.mark.parametrize(
    ("rows", "validation", "parts"),
    [
        (8, {}, "4 or 5 for training, 2 or 1 for validation and 2 for test"),
        (7, {}, "4 or 5 for training, 2 or 1 for validation and 1 for test"),
        (6, {}, "4 for training, 1 for validation and 1 for test"),
        (8, {"strategy": "holdout"}, "4 for training, 2 for validation and 2 for test"),
        (10, BLOCKS, "2 for test and 4 blocks of 2, the first of which trains"),
        (12, BLOCKS, "2 for test and 4 blocks of 3 or 2, the first of which trains"),
    ],
)
def test_parts_of_too_few_rows_add_up(rows: int, validation: dict[str, Any], parts: str) -> None:
    with pytest.raises(TooFewRows) as caught:
        check(WHOLE[:rows], validation=validation)

    assert f"{rows} rows with a target split into {parts}; 8 for" in caught.value.detail


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


GAPS = [None, *range(ROWS - 1)]


@pytest.mark.parametrize(
    ("validation", "extra", "kind", "said"),
    [
        (GROUPED, {}, UnknownFeature, "'g' is not in the table"),
        (GROUPED | {"column": "y"}, {}, UnknownFeature, "'y' is the target"),
        (GROUPED | {"column": "xx"}, {}, UnknownFeature, "did you mean 'x'"),
        (GROUPED, {"g": ["a", "b"] * 30}, TooFewRows, "2 groups; 3 are needed"),
        (GROUPED | {"folds": 3}, {"g": [0, 1, 2] * 20}, TooFewRows, "3 groups; 4 are needed"),
        (ORDERED, {"t": ["a", "b"] * 30}, UnknownFeature, "no numbers or dates"),
        (ORDERED, {"t": GAPS}, UnknownFeature, "1 missing values"),
    ],
    ids=str,
)
def test_column_that_rows_cannot_be_split_by_is_refused(
    validation: dict[str, Any], extra: dict[str, Any], kind: type[Problem], said: str
) -> None:
    with pytest.raises(kind) as caught:
        check(WHOLE, validation=validation, extra=extra)

    assert caught.value.field == "validation.column"
    assert caught.value.fix
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("validation", "extra"),
    [
        (GROUPED, {"g": ["a", "b", "c"] * 20}),
        (GROUPED | {"folds": 2}, {"g": [0.5, 1.5, 2.5] * 20}),
        (ORDERED, {"t": DAYS}),
        (ORDERED, {"t": [True, False] * 30}),
        (ORDERED | {"column": "x"}, {}),
    ],
    ids=str,
)
def test_column_that_rows_can_be_split_by_is_taken(
    validation: dict[str, Any], extra: dict[str, Any]
) -> None:
    assert check(WHOLE, validation=validation, extra=extra).task is Task.regression


def test_groups_are_no_feature_unless_they_are_asked_for() -> None:
    extra = {"g": ["a", "b", "c"] * 20}

    checked = check(WHOLE, validation=GROUPED, extra=extra)
    asked = check(WHOLE, validation=GROUPED, extra=extra, features={"include": ["x", "g"]})

    assert [column.name for column in checked.features] == ["x"]
    assert "grouped by it" in checked.excluded[0].reason
    assert [column.name for column in asked.features] == ["x", "g"]


@pytest.mark.parametrize(
    ("rows", "validation"),
    [
        (12, {"strategy": "kfold", "folds": 4}),
        (13, {"strategy": "kfold", "folds": 4}),
        (49, {"strategy": "ordered", "column": "x", "folds": 4}),
        (24, {"strategy": "kfold", "folds": 12}),
    ],
    ids=str,
)
def test_folds_of_too_few_rows_are_refused(rows: int, validation: dict[str, Any]) -> None:
    with pytest.raises(TooFewRows) as caught:
        check(WHOLE[:rows], validation=validation)

    assert caught.value.field == "validation"
    assert "folds" in str(caught.value.fix)
    more = [i + 0.5 for i in range(rows + 6)]
    assert check(more, validation=validation).task is Task.regression


def test_class_needs_a_row_for_every_fold_and_the_test() -> None:
    y = ["a"] * 40 + ["b"] * 5

    assert check(y, validation={"strategy": "kfold", "folds": 4}).labels == ("a", "b")
    assert check(y, validation={"strategy": "repeated", "folds": 9}).labels == ("a", "b")
    with pytest.raises(ClassTooSmall, match="5 folds and the test need one each"):
        check(y, validation={"strategy": "kfold", "folds": 5})


@pytest.mark.parametrize("y", [[-1.5, *WHOLE[1:]], [0.0, *WHOLE[1:]]], ids=["negative", "zero"])
def test_share_of_a_target_around_zero_is_no_objective(y: list[float]) -> None:
    with pytest.raises(ObjectiveDoesNotFitTask) as caught:
        check(y, objective="val_mape")

    assert caught.value.field == "objective"
    assert "val_mae" in str(caught.value)
    assert check(WHOLE, objective="val_mape").task is Task.regression
    assert check([-v for v in WHOLE], objective="val_mape").task is Task.regression


def test_logarithm_of_a_negative_target_is_refused() -> None:
    negative = [-1.5, *WHOLE[1:]]

    with pytest.raises(TaskDoesNotFitTarget) as caught:
        check(negative, preprocessing={"log_target": True})

    assert caught.value.field == "preprocessing.log_target"
    assert "-1.5" in str(caught.value)
    assert check(negative, preprocessing={"log_target": "auto"}).task is Task.regression
    assert check([0.0, *WHOLE[1:]], preprocessing={"log_target": True}).task is Task.regression


def test_numbers_are_codes_where_the_user_says_so() -> None:
    extra = {"code": [i % 7 for i in range(ROWS)], "flag": [True, False] * 30}

    checked = check(WHOLE, extra=extra, features={"categorical": ["code", "flag"]})

    kinds = {column.name: column.kind.value for column in checked.features}
    assert kinds == {"x": "numeric", "code": "categorical", "flag": "categorical"}


@pytest.mark.parametrize(
    ("name", "said"), [("z", "no column 'z'"), ("y", "the target"), ("day", "holds dates")]
)
def test_column_that_holds_no_codes_is_refused(name: str, said: str) -> None:
    with pytest.raises(UnknownFeature) as caught:
        check(WHOLE, extra={"day": DAYS}, features={"categorical": [name]})

    assert caught.value.field == "features.categorical"
    assert said in str(caught.value)


@pytest.mark.parametrize("objective", ["val_roc_auc", "val_average_precision", "val_f1"])
def test_ranking_is_an_objective_of_several_classes_too(objective: str) -> None:
    assert check(["a", "b", "c"] * 20, objective=objective).task is Task.multiclass


def test_number_that_looks_like_an_identifier_is_a_feature_where_it_is_named() -> None:
    extra = {
        "id": list(range(ROWS)),
        "key": [f"user {i}" for i in range(ROWS)],
        "code": [0, 1, 2] * 20,
        "card": [4 * 10**15 + i * i * 97_003_007 + i for i in range(ROWS)],
    }

    default = check(WHOLE, extra=extra)
    named = check(WHOLE, extra=extra, features={"include": ["id", "key", "card"]})

    assert [column.name for column in default.features] == ["x", "code"]
    assert [column.name for column in named.features] == ["id", "card"]
    assert [column.column for column in named.excluded] == ["key"]
