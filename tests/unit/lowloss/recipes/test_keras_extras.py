"""From the layers that Keras describes between Dense ones to those of a Recipe."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.spec import Recipe, RecipeLayer
from tests.builders.keras_descriptions import (
    Description,
    a_dense,
    a_layer,
    a_network,
    an_initializer,
    read_model,
)


def recipe_of(*layers: Description, **fit: Any) -> Recipe:
    return read_model(a_network(*layers), **fit).recipe


BATCH = a_layer(
    "BatchNormalization",
    axis=-1,
    momentum=0.9900000095367432,
    epsilon=0.001,
    center=True,
    scale=True,
    beta_initializer=an_initializer("Zeros"),
    gamma_initializer=an_initializer("Ones"),
    moving_mean_initializer=an_initializer("Zeros"),
    moving_variance_initializer=an_initializer("Ones"),
    beta_regularizer=None,
    synchronized=False,
)
RELU = a_layer("Activation", activation="relu")
TANH = a_layer("Activation", activation="tanh")
DROP = a_layer("Dropout", rate=0.5)
NORM = {"name": "batch_normalization"}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([a_dense(3), BATCH, RELU, DROP], {"after_dense": [NORM], "dropout": 0.5}),
        (
            [a_dense(3, activation="relu"), BATCH, DROP],
            {"after_activation": [NORM], "dropout": 0.5},
        ),
        ([a_dense(3), RELU, DROP, BATCH], {"after_dropout": [NORM], "dropout": 0.5}),
        (
            [a_dense(3), BATCH, RELU, BATCH, DROP],
            {"after_dense": [NORM], "after_activation": [NORM], "dropout": 0.5},
        ),
        (
            [a_dense(3, activation="relu"), TANH],
            {"after_activation": [{"name": "activation", "activation": "tanh"}]},
        ),
        (
            [a_dense(3, activation="relu"), BATCH, RELU],
            {"after_activation": [NORM, {"name": "activation", "activation": "relu"}]},
        ),
        (
            [a_dense(3, activation="relu"), DROP, TANH],
            {"after_dropout": [{"name": "activation", "activation": "tanh"}], "dropout": 0.5},
        ),
        (
            [a_dense(3, activation="relu"), DROP, BATCH, DROP],
            {"after_dropout": [NORM, {"name": "dropout", "rate": 0.5}], "dropout": 0.5},
        ),
        (
            [a_dense(3, activation="relu"), a_layer("GaussianNoise", stddev=0.1)],
            {"after_activation": [{"name": "gaussian_noise", "stddev": 0.1}]},
        ),
    ],
)
def test_further_layers_stand_where_the_model_has_them(
    layers: list[Description], expected: Description
) -> None:
    layer = {"units": 3, "activation": "relu", **expected}

    assert recipe_of(*layers).layers[0] == RecipeLayer.model_validate(layer)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (a_layer("PReLU", alpha_initializer="zeros", shared_axes=None), {"name": "prelu"}),
        (a_layer("LeakyReLU", negative_slope=0.5), {"name": "leaky_relu", "negative_slope": 0.5}),
        (a_layer("LeakyReLU", alpha=0.5), {"name": "leaky_relu", "negative_slope": 0.5}),
        (a_layer("ELU", alpha=0.5), {"name": "elu", "alpha": 0.5}),
        (
            a_layer("ReLU", max_value=1.0, threshold=0.5),
            {"name": "relu", "max_value": 1.0, "threshold": 0.5},
        ),
    ],
)
def test_an_activation_with_arguments_is_a_layer(layer: Description, expected: Description) -> None:
    expected_layer = RecipeLayer.model_validate({"units": 3, "after_dense": [expected]})

    assert recipe_of(a_dense(3), layer).layers[0] == expected_layer
    assert recipe_of(a_dense(3, activation=layer)).layers[0] == expected_layer


def test_layers_before_the_first_dense_layer_are_kept() -> None:
    recipe = recipe_of(BATCH, DROP, a_layer("GaussianNoise", stddev=0.1), TANH, a_dense(3))

    assert [layer.name for layer in recipe.front_layers] == [
        "batch_normalization",
        "dropout",
        "gaussian_noise",
        "activation",
    ]
    assert recipe.noise == 0


def test_a_dense_layer_without_biases_is_read() -> None:
    recipe = recipe_of(a_dense(3, use_bias=False), BATCH)

    assert not recipe.layers[0].use_bias
    assert recipe.output.use_bias
    assert recipe.keras_parts == ("BatchNormalization", "Dense layers without biases")
