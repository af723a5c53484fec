"""Models that real Keras builds and writes are read as the recipes that they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from lowloss.errors import RecipeUnsupported
from lowloss.recipes import network_calls, read_recipe, recipe_from_hdf5_attributes
from lowloss.recipes.keras_hdf5 import read_attributes
from lowloss.spec import Recipe
from worker.engine.keras.network import build_call

FIT = {"epochs": 7, "batch_size": 16, "validation_split": 0.1}
layers, regularizers = keras.layers, keras.regularizers

NETWORK = [
    {
        "units": 16,
        "activation": "relu",
        "kernel_initializer": "he_normal",
        "l1": 0.001,
        "l2": 0.01,
        "dropout": 0.25,
    },
    {"units": 8, "activation": "leaky_relu", "l2": 0.1},
    {"units": 1},
]


def sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(
                16,
                activation="relu",
                kernel_initializer="he_normal",
                kernel_regularizer=regularizers.L1L2(0.001, 0.01),
            ),
            layers.Dropout(0.25),
            layers.Dense(
                8,
                activation=layers.LeakyReLU(negative_slope=0.2),
                kernel_regularizer=regularizers.L2(0.1),
            ),
            layers.Dense(1),
        ]
    )


def functional() -> keras.Model:
    inputs = keras.Input((4,))
    x = layers.Dense(
        16,
        kernel_initializer=keras.initializers.HeNormal(seed=3),
        kernel_regularizer=regularizers.L1L2(0.001, 0.01),
    )(inputs)
    x = layers.Dropout(0.25)(layers.ReLU()(x))
    x = layers.Dense(8, kernel_regularizer=regularizers.L2(0.1))(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    return keras.Model(inputs, layers.Dense(1)(x))


def unbuilt() -> keras.Model:
    return keras.Sequential(sequential().layers)


def nested() -> keras.Model:
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.Sequential(functional().layers[1:])(inputs))


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
@pytest.mark.parametrize("build", [sequential, functional, unbuilt, nested])
@pytest.mark.parametrize(
    ("optimizer", "loss", "expected"),
    [
        (
            lambda: keras.optimizers.SGD(0.05, momentum=0.9, global_clipnorm=1.0),
            "mse",
            {
                "optimizer": {
                    "name": "sgd",
                    "learning_rate": 0.05,
                    "momentum": 0.9,
                    "clip_norm": 1.0,
                },
                "loss": "mean_squared_error",
            },
        ),
        (
            lambda: keras.optimizers.AdamW(
                keras.optimizers.schedules.CosineDecay(0.01, decay_steps=100)
            ),
            keras.losses.LogCosh(),
            {
                "optimizer": {
                    "name": "adamw",
                    "learning_rate": 0.01,
                    "schedule": "cosine",
                    "weight_decay": 0.004,
                },
                "loss": "log_cosh",
            },
        ),
        (
            lambda: "rmsprop",
            keras.losses.mean_absolute_error,
            {
                "optimizer": {"name": "rmsprop", "learning_rate": 0.001},
                "loss": "mean_absolute_error",
            },
        ),
    ],
)
def test_json_and_file_are_the_recipe_that_was_built(
    tmp_path: Path,
    build: Callable[[], keras.Model],
    optimizer: Callable[[], Any],
    loss: Any,
    expected: dict[str, Any],
) -> None:
    model = build()
    model.compile(optimizer=optimizer(), loss=loss, metrics=["mae"])
    path = tmp_path / "model.keras"
    model.save(path)

    from_json = read_recipe(model.to_json().encode(), FIT)
    from_file = read_recipe(path.read_bytes(), FIT)

    fields = {"layers": NETWORK, "inputs": 4, **expected, **FIT}
    assert from_json.recipe == Recipe.model_validate(fields)
    assert from_file == from_json


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: layers.GroupNormalization(1, name="norm"), "'norm' .GroupNormalization"),
        (lambda: layers.Lambda(lambda x: x, name="mine"), "'mine' .Lambda"),
    ],
)
def test_a_model_with_another_layer_is_refused(layer: Callable[[], Any], words: str) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layer(), layers.Dense(1)])
    model.compile(loss="mse")

    with pytest.raises(RecipeUnsupported, match=words):
        read_recipe(model.to_json().encode(), FIT)


def test_every_further_layer_is_read_as_keras_writes_it(tmp_path: Path) -> None:
    further = [
        layers.BatchNormalization(momentum=0.9),
        layers.LayerNormalization(epsilon=1e-6, center=False),
        layers.UnitNormalization(),
        layers.PReLU(),
        layers.LeakyReLU(negative_slope=0.5),
        layers.ReLU(max_value=2.0),
        layers.ELU(alpha=0.5),
        layers.Activation("tanh"),
        layers.Dropout(0.25),
        layers.AlphaDropout(0.1),
        layers.GaussianDropout(0.1),
        layers.GaussianNoise(0.5),
    ]
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, use_bias=False),
            *(layer for each in further for layer in (layers.Dense(3, "relu"), each)),
            layers.Dense(1),
        ]
    )
    model.compile(loss="mse")
    path = tmp_path / "model.keras"
    model.save(path)

    recipe = read_recipe(path.read_bytes(), FIT).recipe

    assert not recipe.layers[0].use_bias
    assert recipe == read_recipe(model.to_json().encode(), FIT).recipe
    again = keras.Sequential([keras.Input((4,)), *map(build_call, network_calls(recipe))])
    kinds = [(type(each), _arguments(each)) for each in model.layers]
    assert [(type(each), _arguments(each)) for each in again.layers] == kinds


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_an_hdf5_file_is_the_recipe_that_was_built(tmp_path: Path) -> None:
    model = functional()
    model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9), loss="mae")
    as_json = model.to_json().encode()
    model.save(tmp_path / "model.h5")

    from_file = recipe_from_hdf5_attributes(read_attributes(tmp_path / "model.h5"), fit=FIT)

    assert from_file == read_recipe(as_json, FIT)


def _arguments(layer: Any) -> dict[str, Any]:
    config = layer.get_config()
    return {key: config[key] for key in config if key not in {"name", "seed"}}


def test_a_model_that_branches_is_refused() -> None:
    inputs = keras.Input((4,))
    both = layers.add([layers.Dense(4)(inputs), layers.Dense(4, name="shortcut")(inputs)])
    model = keras.Model(inputs, layers.Dense(1)(both))
    model.compile(loss="mse")

    with pytest.raises(RecipeUnsupported, match=r"'dense.*' and 'shortcut' both go on"):
        read_recipe(model.to_json().encode(), FIT)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_skips_are_read_alike_from_every_file(tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    h = layers.Dense(8, activation="relu")(inputs)
    h = layers.Add()([h, layers.Dropout(0.1)(layers.Dense(8)(h))])
    h = h + layers.Dense(8, activation="tanh")(layers.BatchNormalization()(h))
    model = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()([inputs, h])))
    model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse")
    as_json = model.to_json().encode()
    model.save(tmp_path / "model.keras")
    model.save(tmp_path / "model.h5")

    read = read_recipe(as_json, FIT)

    first, second, third, _ = read.recipe.layers
    assert [layer.name for layer in read.recipe.front_layers] == ["skip_start"]
    assert [layer.name for layer in first.after_activation] == ["skip_start"]
    assert [layer.name for layer in second.after_dropout] == [
        "add",
        "skip_start",
        "batch_normalization",
    ]
    assert [layer.name for layer in third.after_activation] == ["add", "concatenate"]
    assert read.recipe.count_inputs(4) == (4, 8, 8, 12)
    assert read_recipe((tmp_path / "model.keras").read_bytes(), FIT) == read
    attributes = read_attributes(tmp_path / "model.h5")
    assert recipe_from_hdf5_attributes(attributes, fit=FIT) == read


def test_a_normalization_that_was_adapted_is_scaling() -> None:
    normalization = layers.Normalization()
    normalization.adapt(np.array([[1.0, 2.0], [3.0, 4.0]]))
    model = keras.Sequential([keras.Input((2,)), normalization, layers.Dense(3)])
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    recipe = read_recipe(model.to_json().encode(), FIT).recipe

    assert recipe.scale_features == "standard"
    assert recipe.output.activation == "softmax"
