"""From the merges of a functional Keras model to the skips of a Recipe."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.errors import InvalidRequest, RecipeUnsupported
from lowloss.spec import Recipe
from tests.builders.keras_descriptions import (
    Description,
    a_dense,
    a_functional,
    a_layer,
    a_model,
    an_input,
    an_object,
    called_on,
    read_model,
)


def dense(name: str, source: str, units: int = 4, **config: Any) -> Description:
    return called_on(a_dense(units, name=name, **config), source)


def merge(class_name: str, name: str, *sources: str, **config: Any) -> Description:
    return called_on(a_layer(class_name, name=name, **config), *sources)


def a_functional_of(*layers: Description) -> Description:
    """A functional model from `x` to a Dense layer of one unit on the last of these layers."""
    last = dense("y", layers[-1]["name"], units=1)
    inputs = called_on(an_input(name="x"))
    return a_functional(inputs, *layers, last, inputs=["x", 0, 0], outputs=["y", 0, 0])


def recipe_of(*layers: Description) -> Recipe:
    return read_model(a_functional_of(*layers)).recipe


def further(recipe: Recipe) -> list[list[Any]]:
    """What stands before the first Dense layer, and behind each: merges with their skips."""
    lists = [recipe.front_layers, *(layer.extra_layers for layer in recipe.layers)]
    return [
        [(extra.name, extra.skip) if hasattr(extra, "skip") else extra.name for extra in extras]
        for extras in lists
    ]


def test_a_residual_block_is_an_add_of_what_it_begins_with() -> None:
    recipe = recipe_of(
        dense("a", "x"), dense("b", "a", activation="relu"), dense("c", "b"),
        merge("Add", "sum", "a", "c"), called_on(a_layer("Activation", activation="relu"), "sum"),
    )  # fmt: skip

    assert further(recipe) == [[], [("skip_start", 1)], [], [("add", 1)], []]
    assert recipe.layers[2].activation == "relu"


def test_a_wide_and_deep_network_concatenates_its_inputs() -> None:
    recipe = recipe_of(
        dense("a", "x", activation="relu"), merge("Concatenate", "both", "x", "a", axis=-1)
    )

    assert further(recipe) == [[("skip_start", 1)], [("concatenate", 1)], []]


def test_operations_are_the_layers_of_their_names() -> None:
    operation = {"module": "keras.src.ops.numpy", "registered_name": "Add"}
    recipe = recipe_of(dense("a", "x"), dense("b", "a"), merge("Add", "add", "a", "b") | operation)

    assert further(recipe)[2] == [("add", 1)]


def test_a_skip_may_start_inside_a_block_and_be_taken_twice() -> None:
    """Normalised before each block; both blocks begin with the same sum."""
    recipe = recipe_of(
        dense("a", "x"),
        called_on(a_layer("LayerNormalization", name="norm"), "a"),
        dense("b", "norm", activation="relu"),
        merge("Add", "sum", "a", "b"),
        dense("c", "sum"),
        merge("Concatenate", "both", "c", "a", axis=1),
    )

    assert further(recipe)[1:4] == [
        [("skip_start", 1), "layer_normalization"],
        [("add", 1)],
        [("concatenate", 1)],
    ]


def test_a_merge_of_three_is_two_merges_in_the_same_order() -> None:
    recipe = recipe_of(dense("a", "x"), dense("b", "a"), merge("Concatenate", "all", "x", "a", "b"))

    assert further(recipe) == [
        [("skip_start", 1)],
        [("skip_start", 2)],
        [("concatenate", 2), ("concatenate", 1)],
        [],
    ]


def test_a_skip_may_go_past_a_model_inside_the_model() -> None:
    block = a_model(a_dense(4), a_dense(4, activation="relu"))
    block["config"]["name"] = "block"

    recipe = recipe_of(dense("a", "x"), called_on(block, "a"), merge("Add", "sum", "block", "a"))

    assert further(recipe) == [[], [("skip_start", 1)], [], [("add", 1)], []]


def test_a_skip_may_be_inside_a_model_inside_the_model() -> None:
    block = a_functional(
        called_on(an_input(name="x")),
        dense("a", "x"),
        merge("Add", "sum", "x", "a"),
        inputs=["x", 0, 0],
        outputs=["sum", 0, 0],
    )

    recipe = recipe_of(dense("a", "x"), called_on(block, "a"))

    assert further(recipe) == [[], [("skip_start", 1)], [("add", 1)], []]


def of_keras_2(class_name: str, name: str, *nodes: Any, **config: Any) -> Description:
    return {
        "class_name": class_name,
        "config": {"name": name, **config},
        "name": name,
        "inbound_nodes": list(nodes),
    }


def test_what_keras_2_wrote_is_read() -> None:
    units = {"units": 4, "activation": "linear", "use_bias": True}
    second = {"y": ["b", 0, 0], "name": None}
    sources = [["x", 0, 0, {}], ["tf.__operators__.add", 0, 0, {}]]
    layers = [
        of_keras_2("InputLayer", "x", batch_input_shape=[None, 4]),
        of_keras_2("Dense", "a", [["x", 0, 0, {}]], **units),
        of_keras_2("Dense", "b", [["a", 0, 0, {}]], **units),
        of_keras_2(
            "TFOpLambda", "tf.__operators__.add", ["a", 0, 0, second], function="__operators__.add"
        ),
        of_keras_2("Concatenate", "both", sources, axis=-1),
        of_keras_2("Dense", "y", [["both", 0, 0, {}]], **(units | {"units": 1})),
    ]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["y", 0, 0]]}
    model = {"class_name": "Functional", "config": {"name": "model", "layers": layers, **ends}}

    recipe = read_model(model, loss="mse", optimizer="adam").recipe

    assert further(recipe) == [
        [("skip_start", 1)],
        [("skip_start", 2)],
        [("add", 2), ("concatenate", 1)],
        [],
    ]


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (
            [dense("a", "x"), dense("b", "x"), merge("Add", "sum", "a", "b")],
            "no chain: 'a' and 'b' both go on from what 'x' gives .*straight to an Add",
        ),
        (
            [
                dense("a", "x"),
                dense("b", "a"),
                called_on(a_layer("ReLU", name="relu"), "a"),
                merge("Add", "sum", "relu", "b"),
            ],
            "'b' and 'relu' both go on from what 'a' gives",
        ),
        (
            [dense("a", "x"), dense("b", "a"), merge("Multiply", "gate", "a", "b")],
            r"layer 'gate' \(Multiply\) takes 2 inputs",
        ),
        (
            [dense("a", "x"), merge("Concatenate", "both", "x", "a", axis=0)],
            r"layer 'both' \(Concatenate\) does not put units beside units",
        ),
        (
            [dense("a", "x"), merge("Add", "more", "a")],
            r"layer 'more' \(Add\) takes no other layer's output",
        ),
        (
            [
                called_on(an_object("keras.layers", "Add", name="sum"), "x", "x")
                | {"module": "mine", "registered_name": "Add"}
            ],
            r"layer 'sum' \(Add\) is a class of your own",
        ),
        (
            [
                called_on(a_layer("Normalization", name="norm"), "x"),
                dense("a", "norm"),
                merge("Concatenate", "both", "x", "a"),
            ],
            "layer 'norm' .Normalization. is not the first layer",
        ),
    ],
    ids=[
        "shortcut with a layer",
        "shortcut with an activation",
        "other merge",
        "other axis",
        "a number",
        "own class",
        "skip of unscaled columns",
    ],
)
def test_what_is_no_chain_with_skips_is_refused(layers: list[Description], words: str) -> None:
    with pytest.raises(RecipeUnsupported, match=words):
        recipe_of(*layers)


def test_an_add_that_repeats_one_unit_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="add behind layer 2 takes skip 1 of 1 unit, and"):
        recipe_of(dense("a", "x", units=1), dense("b", "a"), merge("Add", "sum", "a", "b"))
