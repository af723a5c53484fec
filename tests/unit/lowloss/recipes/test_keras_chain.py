"""Whose layers follow which in a model that Keras describes."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.errors import RecipeUnsupported
from lowloss.spec import Recipe
from tests.builders.keras_descriptions import (
    Description,
    a_dense,
    a_functional,
    a_layer,
    a_model,
    a_network,
    an_initializer,
    an_input,
    an_object,
    called_on,
    read_model,
)


def test_a_sequential_model_is_read_layer_by_layer() -> None:
    model = a_model(
        a_dense(
            64,
            activation="relu",
            kernel_initializer=an_initializer("HeNormal", seed=None),
            kernel_regularizer=an_object("keras.regularizers", "L1L2", l1=0.001, l2=0.0001),
        ),
        a_layer("Dropout", rate=0.3, seed=None, noise_shape=None),
        a_dense(1, built_on=64),
    )

    imported = read_model(model)

    assert imported.notes == ()
    assert imported.recipe == Recipe.model_validate(
        {
            "layers": [
                {
                    "units": 64,
                    "activation": "relu",
                    "kernel_initializer": "he_normal",
                    "l1": 0.001,
                    "l2": 0.0001,
                    "dropout": 0.3,
                },
                {"units": 1},
            ],
            "loss": "mse",
            "optimizer": {"name": "adam", "learning_rate": 0.001},
            "epochs": 10,
            "inputs": 4,
        }
    )


def test_a_functional_chain_is_followed_whatever_the_order_of_its_list() -> None:
    model = a_functional(
        called_on(an_input()),
        called_on(a_dense(1, name="last"), "drop"),
        called_on(a_dense(3, name="first"), "input_layer"),
        called_on(a_layer("Dropout", name="drop", rate=0.2), "first", training=False),
        inputs=["input_layer", 0, 0],
        outputs=["last", 0, 0],
    )

    layers = read_model(model).recipe.layers

    assert [(each.units, each.dropout) for each in layers] == [(3, 0.2), (1, 0.0)]


def test_a_functional_model_with_lists_of_ends_is_a_chain_too() -> None:
    model = a_functional(
        called_on(an_input()),
        called_on(a_dense(1, name="last"), "input_layer"),
        inputs=[["input_layer", 0, 0]],
        outputs={"price": ["last", 0, 0]},
    )

    assert len(read_model(model).recipe.layers) == 1


def test_what_keras_2_wrote_is_read() -> None:
    nodes = [[["input_layer", 0, 0, {}]]]
    inputs = {
        "class_name": "InputLayer",
        "config": {"batch_input_shape": [None, 4], "name": "input_layer"},
        "name": "input_layer",
        "inbound_nodes": [],
    }
    output = {
        "class_name": "Dense",
        "config": {"name": "last", "units": 1, "activation": "linear", "use_bias": True},
        "name": "last",
        "inbound_nodes": nodes,
    }
    config = {
        "name": "model",
        "layers": [inputs, output],
        "input_layers": [["input_layer", 0, 0]],
        "output_layers": [["last", 0, 0]],
    }
    model = {"class_name": "Functional", "config": config, "keras_version": "2.15.0"}

    assert read_model(model, loss="mse", optimizer="adam").recipe.output.units == 1


def test_a_model_inside_a_model_is_read_in_its_place() -> None:
    inner = a_model(a_dense(3), a_layer("Dropout", rate=0.1))

    layers = read_model(a_network(a_dense(5), inner)).recipe.layers

    assert [each.units for each in layers] == [5, 3, 1]
    assert layers[1].dropout == 0.1


def branching(**ends: Any) -> Description:
    return a_functional(
        called_on(an_input()),
        called_on(a_dense(3, name="left"), "input_layer"),
        called_on(a_dense(3, name="right"), "input_layer"),
        called_on(a_layer("Concatenate", name="both"), "left", "right"),
        **({"inputs": ["input_layer", 0, 0], "outputs": ["both", 0, 0]} | ends),
    )


def test_a_model_with_branches_is_refused() -> None:
    with pytest.raises(RecipeUnsupported, match="no chain: 'left' and 'right' both go on from"):
        read_model(branching())


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            a_functional(
                called_on(an_input()),
                called_on(a_dense(1, name="a"), "input_layer"),
                called_on(a_dense(1, name="b"), "a"),
                inputs=["input_layer", 0, 0],
                outputs=[["a", 0, 0], ["b", 0, 0]],
            ),
            "has 2 outputs",
        ),
        (
            a_functional(
                called_on(an_input()),
                called_on(an_input(name="other")),
                called_on(a_dense(1, name="a"), "input_layer", "other"),
                inputs=[["input_layer", 0, 0], ["other", 0, 0]],
                outputs=["a", 0, 0],
            ),
            "takes 2 inputs",
        ),
        (
            a_functional(
                called_on(an_input()),
                called_on(a_dense(1, name="a"), "input_layer"),
                called_on(a_dense(1, name="b"), "a"),
                inputs=["input_layer", 0, 0],
                outputs=["a", 0, 0],
            ),
            "not the last layer",
        ),
        (
            a_functional(
                called_on(an_input()),
                called_on(a_dense(1, name="a"), "a"),
                inputs=["input_layer", 0, 0],
                outputs=["a", 0, 0],
            ),
            "on no way",
        ),
        (
            a_functional(
                called_on(an_input()),
                called_on(a_layer("Dropout", name="a", rate=0.1), "input_layer", training=True),
                inputs=["input_layer", 0, 0],
                outputs=["a", 0, 0],
            ),
            "training=True",
        ),
    ],
)
def test_a_functional_model_that_is_no_chain_is_refused(model: Description, words: str) -> None:
    with pytest.raises(RecipeUnsupported, match=words):
        read_model(model)


def test_a_layer_that_is_used_twice_is_refused() -> None:
    layer = called_on(a_dense(4, name="twice"), "input_layer")
    layer["inbound_nodes"] *= 2

    with pytest.raises(RecipeUnsupported, match="is used 2 times"):
        read_model(
            a_functional(
                called_on(an_input()),
                layer,
                inputs=["input_layer", 0, 0],
                outputs=["twice", 0, 0],
            )
        )


def test_a_model_of_too_many_layers_is_refused() -> None:
    with pytest.raises(RecipeUnsupported, match="more than 100 layers"):
        read_model(a_network(*[a_dense(4)] * 100))
