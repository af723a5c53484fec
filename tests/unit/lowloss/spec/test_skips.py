"""A recipe's skips: which fit, and what each Dense layer takes with them."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.errors import InvalidRequest
from lowloss.spec import Recipe
from lowloss.validation import validate

Fields = dict[str, Any]


def a_layer(units: int, *behind: Any) -> Fields:
    return {"units": units, "after_dropout": list(behind)}


def a_recipe(*layers: Fields, front: tuple[Any, ...] = ()) -> Recipe:
    fields = {"layers": layers, "front_layers": front, "loss": "mse"}
    return validate(Recipe, fields, field="recipe")


def merge(name: str, skip: int) -> Fields:
    return {"name": name, "skip": skip}


@pytest.mark.parametrize(
    ("recipe", "inputs"),
    [
        (a_recipe(a_layer(8), a_layer(1)), (10, 8)),
        (a_recipe(a_layer(8, "skip_start"), a_layer(8, "add"), a_layer(1)), (10, 8, 8)),
        (a_recipe(a_layer(8, "concatenate"), a_layer(1), front=("skip_start",)), (10, 18)),
        (
            a_recipe(
                a_layer(8, "concatenate", "skip_start"),
                a_layer(4, "concatenate"),
                a_layer(1),
                front=("skip_start",),
            ),
            (10, 18, 22),
        ),
        (
            a_recipe(
                a_layer(8, merge("skip_start", 2)),
                a_layer(4, merge("concatenate", 1), merge("concatenate", 2)),
                a_layer(1),
                front=("skip_start", "skip_start", "concatenate"),
            ),
            (20, 8, 22),
        ),
    ],
    ids=["no skip", "residual", "wide and deep", "dense", "two skips at once"],
)
def test_a_layer_takes_what_is_concatenated_before_it(
    recipe: Recipe, inputs: tuple[int, ...]
) -> None:
    assert recipe.count_inputs(10) == inputs


def test_of_two_skips_of_one_number_the_last_counts() -> None:
    recipe = a_recipe(a_layer(8, "skip_start"), a_layer(4, "skip_start", "add"), a_layer(1))

    assert recipe.has_skips


@pytest.mark.parametrize(
    ("layers", "detail", "fix"),
    [
        (
            (a_layer(8, "add"), a_layer(1)),
            "add behind layer 1 takes skip 1, which does not start before it",
            'put {"name": "skip_start", "skip": 1} where it starts',
        ),
        (
            (a_layer(8, merge("concatenate", 2), merge("skip_start", 2)), a_layer(1)),
            "concatenate behind layer 1 takes skip 2, which does not start before it",
            'put {"name": "skip_start", "skip": 2} where it starts',
        ),
        (
            (a_layer(8, "skip_start"), a_layer(4, "add"), a_layer(1)),
            "add behind layer 2 takes skip 1 of 8 units, and has 4 units itself",
            "give both as many units, or concatenate them",
        ),
        (
            (a_layer(8, "skip_start"), a_layer(1, "concatenate")),
            "concatenate behind the output layer gives it further outputs",
            "concatenate before the output layer",
        ),
    ],
)
def test_a_merge_that_does_not_fit_is_refused_with_its_layer(
    layers: tuple[Fields, ...], detail: str, fix: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        a_recipe(*layers)

    assert (refused.value.field, refused.value.detail) == ("recipe.layers", detail)
    assert refused.value.fix == fix


def test_a_merge_before_the_first_layer_needs_a_skip_too() -> None:
    with pytest.raises(InvalidRequest, match="add before the first layer takes skip 1, which"):
        a_recipe(a_layer(1), front=("add",))


def test_wrong_layers_at_the_front_are_told_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        a_recipe(a_layer(8, "add"), a_layer(1), front=("skip_starts",))

    assert refused.value.field == "recipe.front_layers.0"


def test_units_may_be_as_many_as_the_columns_are() -> None:
    """How many columns a network sees is known once the table is read."""
    recipe = a_recipe(a_layer(8, "add"), a_layer(1), front=("skip_start",))

    assert recipe.has_skips


def test_merges_are_parts_that_only_keras_trains() -> None:
    recipe = a_recipe(a_layer(8, "skip_start"), a_layer(8, "add"), a_layer(1))

    assert recipe.keras_parts == ("Add",)
    assert not a_recipe(a_layer(8, "skip_start"), a_layer(1)).needs_keras
