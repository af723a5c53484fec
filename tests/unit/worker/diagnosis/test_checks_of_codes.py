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
    assert "'shop' is seen as numbers, but its order says nothing of the target" in suspect.sentence
    assert [one.value is not None and one.value > 0.05 for one in suspect.evidence] == [True, True]


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
        of_shop(Y[:60], SHOP[:60]) | {"x": NOISE[:60]},
    ],
    ids=["line", "parabola", "wave", "noise", "fractions", "four values", "few rows"],
)
def test_numbers_whose_order_tells_are_no_codes(columns: dict[str, Any]) -> None:
    assert suspected(columns) == []


@pytest.mark.parametrize(
    "recipe",
    [
        a_network(16, categories=["shop"]),
        a_network(16, categories="all"),
        a_network(16, exclude=["shop"]),
        a_network(16, front_layers=["batch_normalization"]),
    ],
    ids=["named", "all", "excluded", "front"],
)
def test_codes_that_the_network_does_not_see_as_numbers_are_none(recipe: Recipe) -> None:
    assert suspected(of_shop(Y), recipe) == []


def test_categories_of_a_recipe_have_a_column_for_each_value() -> None:
    recipe = a_network(16, categories=["shop"])
    data, _ = data_of(of_shop(Y), a_network(16))

    seen = data.seen_by(recipe)

    assert data.inputs(recipe) == data.inputs(a_network(16)) - 1 + 20
    assert seen.categories == ("shop",)
    assert seen is data.seen_by(recipe)
    assert seen.numeric_names == ["x"]
    assert set(seen.sources(seen.draws[0])) == {"x", "shop"}
