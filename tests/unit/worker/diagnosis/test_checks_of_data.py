"""Each cause in the data: named where it is, and not where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lowloss.results import Cause
from lowloss.spec import Recipe
from tests.builders.recipes import a_network, data_of, some_classes, some_numbers
from worker.diagnosis.checks.data import check_data
from worker.diagnosis.checks.suspects import Suspect

Columns = dict[str, Any]


def named(columns: Columns, recipe: Recipe) -> dict[Cause, Suspect]:
    data, excluded = data_of(columns, recipe)
    return {suspect.cause: suspect for suspect in check_data(data, recipe, excluded)}


def raw(**given: Any) -> Recipe:
    return a_network(16, **given)


def holed() -> Columns:
    columns = some_numbers()
    columns["x0"] = columns["x0"].copy()
    columns["x0"][5] = np.nan
    return columns


def far_out(column: str) -> Columns:
    columns = some_numbers()
    columns[column] = columns[column].copy()
    columns[column][:2] = 1e3
    return columns


def doubled_rows() -> Columns:
    return {name: np.concatenate([v, v[:30]]) for name, v in some_numbers().items()}


def of_rare_class(rows: int) -> Columns:
    columns = some_classes(300, 2)
    columns["y"] = np.where(np.arange(300) < rows, 1, 0)
    return columns


PRESENT: list[tuple[Cause, Columns, Recipe]] = [
    (Cause.features_not_scaled, some_numbers() | {"x0": some_numbers()["x0"] * 1e4}, raw()),
    (Cause.features_not_scaled, some_numbers() | {"x0": some_numbers()["x0"] + 1e3}, raw()),
    (Cause.target_not_scaled, some_numbers(scale=1e4), raw()),
    (Cause.target_not_scaled, some_numbers(scale=1e-4), raw()),
    (Cause.missing_values, holed(), raw()),
    (Cause.constant_column, some_numbers() | {"always": np.ones(300)}, raw()),
    (Cause.identifier_column, some_numbers() | {"number": np.arange(300)}, raw()),
    (Cause.duplicate_column, some_numbers() | {"twin": some_numbers()["x1"]}, raw()),
    (Cause.duplicate_rows, doubled_rows(), raw()),
    (Cause.outliers, far_out("x1"), raw()),
    (Cause.outliers, far_out("y"), raw(scale_target="standard")),
    (Cause.class_imbalance, of_rare_class(10), raw(loss="binary_crossentropy")),
]
ABSENT: list[tuple[Cause, Columns, Recipe]] = [
    (Cause.features_not_scaled, some_numbers(), raw()),
    (
        Cause.features_not_scaled,
        some_numbers() | {"x0": some_numbers()["x0"] * 1e4},
        raw(scale_features="standard"),
    ),
    (Cause.target_not_scaled, some_numbers(), raw()),
    (Cause.target_not_scaled, some_numbers(scale=1e4), raw(scale_target="standard")),
    (Cause.target_not_scaled, some_classes(), raw(loss="sparse_categorical_crossentropy")),
    (Cause.missing_values, holed(), raw(missing="mean")),
    (Cause.missing_values, holed(), raw(exclude=["x0"])),
    (Cause.constant_column, some_numbers(), raw()),
    (Cause.identifier_column, some_numbers(), raw()),
    (Cause.duplicate_column, some_numbers(), raw()),
    (Cause.duplicate_rows, some_numbers(), raw()),
    (Cause.outliers, some_numbers(), raw()),
    (Cause.outliers, far_out("x1"), raw(scale_features="robust")),
    (Cause.class_imbalance, of_rare_class(100), raw(loss="binary_crossentropy")),
    (
        Cause.class_imbalance,
        of_rare_class(10),
        raw(loss="binary_crossentropy", class_weight="balanced"),
    ),
]


@pytest.mark.parametrize(("cause", "columns", "recipe"), PRESENT)
def test_cause_is_suspect_where_it_is(cause: Cause, columns: Columns, recipe: Recipe) -> None:
    suspects = named(columns, recipe)

    assert cause in suspects
    assert suspects[cause].evidence


@pytest.mark.parametrize(("cause", "columns", "recipe"), ABSENT)
def test_cause_is_not_suspect_where_it_is_not(
    cause: Cause, columns: Columns, recipe: Recipe
) -> None:
    assert cause not in named(columns, recipe)


def test_missing_values_name_their_columns_and_rows() -> None:
    suspect = named(holed(), raw())[Cause.missing_values]

    assert suspect.columns == ("x0",)
    assert suspect.rows == (5,)
    assert suspect.is_certain


def test_rows_without_a_target_keep_the_others_numbers() -> None:
    columns = holed()
    columns["y"] = columns["y"].copy()
    columns["y"][2] = np.nan

    suspect = named(columns, raw())[Cause.missing_values]

    assert suspect.rows == (5,)


def test_widest_and_narrowest_columns_are_named() -> None:
    columns = some_numbers() | {"x0": some_numbers()["x0"] * 1e4}

    suspect = named(columns, raw())[Cause.features_not_scaled]

    assert suspect.columns[0] == "x0"
    assert "'x0'" in suspect.sentence
