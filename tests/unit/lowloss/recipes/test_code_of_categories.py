"""Codes of categories in a Keras script: read, encoded, and left as they are by scalers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lowloss.recipes import ScriptTable, change_code, training_code
from lowloss.spec import PredictedTargets, Recipe, TargetColumn, Task
from worker.data.fit import MAX_BINS, MAX_BINS_OF_TABLE, MIN_BIN_ROWS

BEFORE = Recipe.model_validate({"layers": [{"units": 1}], "loss": "mse"})


def a_table(*, numbers: tuple[str, ...] = ("rooms", "area"), **given: Any) -> ScriptTable:
    return ScriptTable("table.csv", (TargetColumn("price"),), Task.regression, numbers, **given)


def shown(change: dict[str, Any]) -> str:
    return change_code(BEFORE, BEFORE.with_changes(change), PredictedTargets(Task.regression))


@pytest.mark.parametrize(
    ("categories", "numbers", "coded"),
    [
        (["shop"], ["rooms", "year"], ["shop", "city"]),
        ("all", ["rooms"], ["shop", "year", "city"]),
    ],
    ids=["named", "all"],
)
def test_codes_of_categories_are_read_as_such(
    categories: Any, numbers: list[str], coded: list[str]
) -> None:
    table = a_table(numbers=("rooms", "shop", "year"), categories=("city",), codes=("shop", "year"))

    code = training_code(BEFORE.with_changes({"categorical": categories}), table)

    assert f"NUMBERS = {json.dumps(numbers)}" in code
    assert f"CATEGORIES = {json.dumps(coded)}" in code


@pytest.mark.parametrize("categories", [(), ("city",)])
def test_bins_are_counted_by_the_numbers_of_a_table(categories: tuple[str, ...]) -> None:
    recipe = BEFORE.with_changes({"scale_features": "piecewise", "missing": "mean"})

    code = training_code(recipe, a_table(categories=categories))

    columns = "len(NUMBERS)" if categories else "x.shape[1]"
    assert (
        f"bins = max(1, min({MAX_BINS}, len(x_train) // {MIN_BIN_ROWS}, "
        f"{MAX_BINS_OF_TABLE} // max(1, {columns})))"
    ) in code


def test_columns_of_categories_are_not_scaled() -> None:
    recipe = BEFORE.with_changes({"scale_features": "standard"})

    code = training_code(recipe, a_table(categories=("city",)))

    assert '[("numbers", StandardScaler(), slice(len(NUMBERS)))]' in code
    assert "from sklearn.compose import ColumnTransformer" in code
    assert "ColumnTransformer" not in training_code(recipe, a_table())


def test_codes_of_categories_are_shown_with_their_encoder() -> None:
    code = shown({"categorical": ["shop"]})

    assert 'is_code = np.array([name in ("shop",) for name in columns])' in code
    assert "encoder.fit_transform(x[:, is_code])" in code
    assert "(np.isnan(column) | (column % 1 == 0)).all() for column in x.T" in shown(
        {"categorical": "all"}
    )


def test_scaling_beside_categories_is_shown_for_the_numbers_alone() -> None:
    before = BEFORE.with_changes({"categorical": ["shop"]})
    after = before.with_changes({"scale_features": "standard"})

    code = change_code(before, after, PredictedTargets(Task.regression))

    assert '[("numbers", StandardScaler(), slice((~is_code).sum()))]' in code


def test_table_of_categories_alone_is_not_scaled() -> None:
    recipe = BEFORE.with_changes({"scale_features": "standard"})

    code = training_code(recipe, a_table(numbers=(), categories=("city",)))

    assert "Scaler" not in code
