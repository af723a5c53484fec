"""What a diagnosis is refused for, and what it takes its target for."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest

from lowloss.errors import (
    InvalidRequest,
    LimitExceeded,
    NoFeatures,
    Problem,
    TargetConstant,
    TaskDoesNotFitTarget,
    UnknownFeature,
    UnknownTarget,
)
from lowloss.results import TableFormat
from lowloss.spec import DiagnosisSpec, Task
from lowloss.tables.table import Table
from service.settings import Limits
from service.tables.check import CheckedJob
from service.tables.check_recipe import check_diagnosis
from tests.builders.diagnoses import a_recipe
from tests.builders.tables import a_dataset_of

ROWS = 60
NUMBERS = [i * 0.5 for i in range(ROWS)]
SOFTMAX = {"layers": [{"units": 3, "activation": "softmax"}]}
SPARSE = SOFTMAX | {"loss": "sparse_categorical_crossentropy"}
BINARY = {"layers": [{"units": 1, "activation": "sigmoid"}], "loss": "binary_crossentropy"}


def check(
    y: list[Any],
    recipe: dict[str, Any] | None = None,
    *,
    extra: dict[str, Any] | None = None,
    limits: Limits | None = None,
    **given: Any,
) -> CheckedJob:
    """Check a diagnosis on a table of one useful feature `x`, and of `y`."""
    frame = pl.DataFrame({"x": [i * 0.5 for i in range(len(y))], "y": y} | (extra or {}))
    values = {"dataset": "ds_1", "target": "y", "recipe": a_recipe(**recipe or {})}
    spec = DiagnosisSpec.model_validate(values | given)
    dataset = a_dataset_of(Table(frame), TableFormat.csv)
    return check_diagnosis(spec, dataset, limits=limits or Limits())


@pytest.mark.parametrize(
    ("y", "recipe", "task"),
    [
        (NUMBERS, {}, Task.regression),
        (NUMBERS, SPARSE, Task.regression),
        ([0.25, 0.75] * 30, BINARY, Task.regression),
        (list(range(ROWS * 2)), BINARY, Task.regression),
        ([10, 20, 30] * 20, {}, Task.regression),
        ([10, 20, 30] * 20, SPARSE, Task.multiclass),
        ([10, 20, 30] * 20, SOFTMAX, Task.multiclass),
        ([10, 20, 30] * 20, {"layers": [{"units": 4}]}, Task.regression),
        ([10.0, 20.0] * 30, BINARY, Task.binary),
        ([10, 20] * 30, {"layers": [{"units": 2}]}, Task.binary),
        ([5, 8, 9] * 20, BINARY, Task.multiclass),
        (["a", "b"] * 30, {}, Task.binary),
        (["a", "b", "c"] * 20, BINARY, Task.multiclass),
        ([True, False] * 30, SPARSE, Task.binary),
        ([0, 1, 2] * 20, {}, Task.multiclass),
        ([1, 2, 3] * 20, {}, Task.multiclass),
        ([1, 2, 3, 4, 5] * 12, {}, Task.regression),
        ([1, 2, 3, 4, 5] * 12, BINARY, Task.multiclass),
        ([0, 1, 2, 3, 4] * 12, {}, Task.multiclass),
    ],
    ids=str,
)
def test_task_follows_from_the_recipe_and_the_target(
    y: list[Any], recipe: dict[str, Any], task: Task
) -> None:
    assert check(y, recipe).task is task


def test_task_that_is_given_is_taken() -> None:
    assert check([10, 20, 30] * 20, SPARSE, task="regression").task is Task.regression


def test_numbers_that_look_like_an_identifier_are_features() -> None:
    extra = {
        "row": list(range(ROWS)),
        "name": [f"user {i}" for i in range(ROWS)],
        "same": [1] * ROWS,
    }

    checked = check(NUMBERS, extra=extra)
    fewer = check(NUMBERS, extra=extra, features={"exclude": ["row"]})
    asked = check(NUMBERS, extra=extra, features={"include": ["x", "same"]})

    assert [column.name for column in checked.features] == ["x", "row"]
    assert [column.column for column in checked.excluded] == ["name", "same"]
    assert [column.name for column in fewer.features] == ["x"]
    assert [column.name for column in asked.features] == ["x"]


def test_columns_that_the_recipe_excludes_are_features_all_the_same() -> None:
    checked = check(NUMBERS, {"exclude": ["row"]}, extra={"row": list(range(ROWS))})

    assert [column.name for column in checked.features] == ["x", "row"]


@pytest.mark.parametrize(
    ("given", "kind", "field"),
    [
        ({"recipe": {"layers": [{"units": 1}] * 12}}, LimitExceeded, "recipe.layers"),
        (
            {"recipe": {"layers": [{"units": 8}, {"units": 5000}]}},
            LimitExceeded,
            "recipe.layers.1.units",
        ),
        ({"recipe": {"batch_size": 10**6}}, LimitExceeded, "recipe.batch_size"),
        ({"recipe": {"epochs": 10**6}}, LimitExceeded, "recipe.epochs"),
        (
            {"recipe": {"early_stopping": {"patience": 10**6}}},
            LimitExceeded,
            "recipe.early_stopping.patience",
        ),
        ({"budget": {"max_seconds": 1e9}}, LimitExceeded, "budget.max_seconds"),
        ({"recipe": {"exclude": ["xx"]}}, UnknownFeature, "recipe.exclude"),
        ({"recipe": {"exclude": ["x"]}}, NoFeatures, "recipe.exclude"),
        ({"target": "z"}, UnknownTarget, "target"),
        ({"task": "binary"}, TaskDoesNotFitTarget, "task"),
    ],
    ids=str,
)
def test_what_cannot_be_run_is_refused(
    given: dict[str, Any], kind: type[Problem], field: str
) -> None:
    with pytest.raises(kind) as caught:
        check(NUMBERS, given.pop("recipe", None), **given)

    assert caught.value.field == field
    assert caught.value.fix


@pytest.mark.parametrize(
    ("y", "recipe", "task"),
    [
        ([1, 3], {}, Task.regression),
        ([0.5, 1.5, 2.5], {}, Task.regression),
        ([0, 1, 1, 0], BINARY, Task.binary),
        (["a", "b"], SPARSE, Task.binary),
    ],
    ids=["two numbers", "three numbers", "exclusive or", "two labels"],
)
def test_few_rows_are_enough(y: list[Any], recipe: dict[str, Any], task: Task) -> None:
    assert check(y, recipe).task is task


def test_classes_of_too_few_rows_are_left_out_with_a_warning() -> None:
    checked = check(["a"] * 30 + ["b"] * 30 + ["c"], SPARSE)

    assert checked.labels == ("a", "b")
    (warning,) = checked.warnings
    assert "'c'" in warning.detail


def test_limits_of_searches_do_not_matter() -> None:
    small = Limits(max_trials=1, max_width=64)

    assert check(NUMBERS, limits=small).task is Task.regression


def test_concatenations_are_bounded_as_units_are() -> None:
    starts_and_ends = ["skip_start", "concatenate"]
    doubled = [{"units": 8, "after_dense": starts_and_ends * count} for count in (3, 10)]

    with pytest.raises(LimitExceeded) as refused:
        check(NUMBERS, {"layers": [*doubled, {"units": 1}]})

    assert refused.value.field == "recipe.layers.2"
    assert check(NUMBERS, {"layers": [doubled[0], {"units": 1}]}).task is Task.regression


def test_columns_that_are_doubled_are_bounded_by_what_a_network_sees_of_them() -> None:
    front = ["skip_start", "concatenate"] * 10

    with pytest.raises(LimitExceeded) as refused:
        check(NUMBERS, {"front_layers": front}, limits=Limits(max_width=2_000))

    assert refused.value.field == "recipe.layers.0"
    assert check(NUMBERS, {"front_layers": front[:6]}).task is Task.regression


@pytest.mark.parametrize(
    "recipe",
    [
        {"layers": [{"units": 1, "activation": "softmax"}]},
        {"epochs": 0},
        {"early_stopping": {"patience": 3}},
        {"optimizer": {"name": "sgd", "learning_rate": 100.0}},
        {"loss": "mean_squared_logarithmic_error"},
    ],
    ids=str,
)
def test_recipe_that_cannot_learn_is_taken(recipe: dict[str, Any]) -> None:
    assert check([-1.5 - value for value in NUMBERS], recipe).task is Task.regression


def check_several(
    columns: dict[str, list[Any]], recipe: dict[str, Any] | None = None, **given: Any
) -> CheckedJob:
    """Check a diagnosis of all these columns on a table that has a feature `x` and `y`, too."""
    extra = {"y": NUMBERS} | columns
    return check(NUMBERS, recipe, extra=extra, target=list(columns), **given)


TEXTS = ["no", "yes"] * 30
CODES = [0, 1] * 30


@pytest.mark.parametrize(
    ("columns", "task", "labels"),
    [
        ({"a": NUMBERS, "b": [1e5 * n for n in NUMBERS]}, Task.regression, ((), ())),
        ({"a": CODES, "b": TEXTS}, Task.binary, (("0", "1"), ("no", "yes"))),
        ({"a": [True, False] * 30, "b": [1, 2] * 30}, Task.binary, (("false", "true"), ("1", "2"))),
    ],
)
def test_several_targets_are_all_numbers_or_all_labels(
    columns: dict[str, list[Any]], task: Task, labels: tuple[tuple[str, ...], ...]
) -> None:
    checked = check_several(columns, {"layers": [{"units": 2}]})

    assert checked.task is task
    assert tuple(target.name for target in checked.targets) == tuple(columns)
    assert tuple(target.labels for target in checked.targets) == labels
    assert [column.name for column in checked.features] == ["x", "y"]


def test_codes_are_numbers_to_a_regression_that_is_asked_for() -> None:
    checked = check_several({"a": CODES, "b": NUMBERS}, task="regression")

    assert checked.task is Task.regression


@pytest.mark.parametrize(
    ("columns", "given", "kind", "text"),
    [
        (
            {"a": CODES, "b": NUMBERS},
            {},
            TaskDoesNotFitTarget,
            "'b' holds numbers, and 'a' holds labels",
        ),
        ({"a": ["x", "y", "z"] * 20, "b": CODES}, {}, TaskDoesNotFitTarget, "'a' holds texts"),
        ({"a": CODES, "b": CODES}, {"task": "multiclass"}, TaskDoesNotFitTarget, "one network"),
        ({"a": NUMBERS, "b": NUMBERS}, {"task": "binary"}, TaskDoesNotFitTarget, "hold numbers"),
        ({"a": [1] * ROWS, "b": NUMBERS}, {}, TargetConstant, "'a' has only one value"),
        ({"a": NUMBERS, "b": NUMBERS}, {"target": ["a", "c"]}, UnknownTarget, "no column 'c'"),
        (
            {"a": NUMBERS, "b": NUMBERS},
            {"features": {"include": ["x", "b"]}},
            UnknownFeature,
            "'b' is the target",
        ),
        (
            {"a": CODES, "b": CODES},
            {"recipe": BINARY | {"class_weight": "balanced"}},
            InvalidRequest,
            "class weights",
        ),
        ({"a": CODES, "b": CODES}, {"limits": Limits(max_classes=2)}, LimitExceeded, "limit of 2"),
    ],
)
def test_several_targets_are_refused_with_the_columns_that_do_not_fit(
    columns: dict[str, list[Any]], given: dict[str, Any], kind: type[Problem], text: str
) -> None:
    if "limits" in given:
        columns = columns | {"c": CODES}

    with pytest.raises(kind, match=re.escape(text)):
        check(NUMBERS, extra=columns, **({"target": list(columns)} | given))


def test_ratings_are_said_to_be_taken_as_numbers() -> None:
    ratings = [1, 2, 3, 4, 5] * 12

    assert [w.code for w in check(ratings).warnings] == ["counts_as_regression"]
    assert check(ratings, task="regression").warnings == ()


CODED = {
    "user": [i % 12 for i in range(ROWS)],
    "share": [i / 7 for i in range(ROWS)],
    "is_old": [i % 3 == 0 for i in range(ROWS)],
}


@pytest.mark.parametrize("categories", [["user"], ["is_old"], "all", []], ids=str)
def test_columns_of_whole_numbers_may_be_categories_of_a_recipe(categories: Any) -> None:
    assert check(NUMBERS, {"categorical": categories}, extra=CODED).task is Task.regression


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("input_1", "takes 'input_1' as a category, and the table has no such feature"),
        ("share", "takes 'share' as a category, and its values are no whole numbers"),
    ],
)
def test_other_columns_as_categories_are_refused(name: str, words: str) -> None:
    with pytest.raises(UnknownFeature, match=words) as refused:
        check(NUMBERS, {"categorical": [name]}, extra=CODED)

    assert refused.value.field == "recipe.categorical"
