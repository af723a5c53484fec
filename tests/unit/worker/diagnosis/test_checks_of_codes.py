"""Columns of codes: told from numbers by what their order says of the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lowloss.results import Cause
from lowloss.spec import Recipe
from tests.builders.recipes import a_network, data_of
from worker.diagnosis.checks.codes import check_codes
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.training.data import DiagnosisData

ROWS = 400
RNG = np.random.default_rng(3)
SHOP = RNG.integers(0, 20, ROWS)
WORTH = RNG.normal(size=20)
NOISE = 0.3 * RNG.normal(size=ROWS)
Y = WORTH[SHOP] + NOISE


def suspected(columns: dict[str, Any], recipe: Recipe | None = None) -> list[Suspect]:
    data, _ = data_of(columns, recipe or a_network(16))
    return list(check_codes(data, recipe or a_network(16)))


def of_shop(y: Any, shop: Any = SHOP) -> dict[str, Any]:
    return {"shop": shop, "x": NOISE[::-1], "y": y}


def test_codes_are_named_with_what_they_explain() -> None:
    (suspect,) = suspected(of_shop(Y))

    assert suspect.cause is Cause.codes_as_numbers
    assert suspect.columns == ("shop",)
    assert "'shop' is seen as numbers, but its order says little of the target" in suspect.sentence
    share = 1 - NOISE.var() / Y.var()
    assert [one.value for one in suspect.evidence] == [
        pytest.approx(1.0, abs=0.5),
        pytest.approx(share, abs=0.03),
    ]


def test_codes_of_classes_are_named_too() -> None:
    labels = np.where(WORTH[SHOP] > 0, "good", "bad")

    assert suspected(of_shop(labels), a_network(16, loss="binary_crossentropy"))


@pytest.mark.parametrize(
    "columns",
    [
        of_shop(SHOP + NOISE),
        of_shop((SHOP - 10.0) ** 2 + NOISE),
        of_shop(np.sin(SHOP / 5) + NOISE),
        of_shop(NOISE),
        of_shop(Y, SHOP + 0.5),
        of_shop(WORTH[SHOP % 4] + NOISE, SHOP % 4),
        of_shop((SHOP % 5 - 2.0) ** 2 + NOISE, SHOP % 5),
        of_shop(Y[:60], SHOP[:60]) | {"x": NOISE[:60]},
    ],
    ids=[
        "line",
        "parabola",
        "wave",
        "noise",
        "fractions",
        "four values",
        "five",
        "few rows",
    ],
)
def test_numbers_whose_order_tells_are_no_codes(columns: dict[str, Any]) -> None:
    assert suspected(columns) == []


@pytest.mark.parametrize(
    "recipe",
    [
        a_network(16, categorical=["shop"]),
        a_network(16, categorical="all"),
        a_network(16, exclude=["shop"]),
        a_network(16, front_layers=["batch_normalization"]),
    ],
    ids=["named", "all", "excluded", "front"],
)
def test_codes_that_the_network_does_not_see_as_numbers_are_none(recipe: Recipe) -> None:
    assert suspected(of_shop(Y), recipe) == []


def test_categories_of_a_recipe_have_a_column_for_each_value() -> None:
    recipe = a_network(16, categorical=["shop"])
    data, _ = data_of(of_shop(Y), a_network(16))

    seen = data.seen_by(recipe)

    assert data.inputs(recipe) == data.inputs(a_network(16)) - 1 + 20
    assert seen.categories == ("shop",)
    assert seen is data.seen_by(recipe)
    assert seen.numeric_names == ["x"]
    assert set(seen.sources(seen.draws[0])) == {"x", "shop"}


def test_other_categories_keep_their_columns_beside_codes() -> None:
    cities = [f"city {i % 90}" for i in range(ROWS)]
    data, _ = data_of(of_shop(Y) | {"city": cities}, a_network(16))

    seen = data.seen_by(a_network(16, categorical=["shop"]))
    of_all = data.seen_by(a_network(16, categorical="all"))

    def count_columns(of_data: DiagnosisData) -> int:
        return of_data.sources(of_data.draws[0]).count("city")

    assert count_columns(data) == count_columns(seen) == 65
    assert count_columns(of_all) > 70
    assert seen.merged_columns == data.merged_columns
    assert [levels for levels, _ in data.merged_columns.values()] == [64]
    assert of_all.merged_columns == {}


def test_data_of_one_of_several_targets_see_categories_as_their_own() -> None:
    recipe = a_network(16, output={"units": 2})
    columns = of_shop(Y) | {"z": NOISE[::-1] + Y}
    data, _ = data_of(columns, recipe, targets=("y", "z"))

    coded = recipe.with_changes({"categorical": ["shop"]})

    assert data.seen_by(coded).y.shape == (ROWS, 2)
    assert data.by_target[0].seen_by(coded).y.shape == (ROWS,)
