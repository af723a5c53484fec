"""From the layers that Keras describes to those of a Recipe."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.errors import Problem, RecipeUnreadable, RecipeUnsupported
from lowloss.spec import Initializer, Recipe
from tests.builders.keras_descriptions import (
    POLICY,
    Description,
    a_dense,
    a_layer,
    a_model,
    a_network,
    an_initializer,
    an_input,
    an_object,
    read_model,
)


def recipe_of(*layers: Description, **fit: Any) -> Recipe:
    return read_model(a_network(*layers), **fit).recipe


def refusal(*layers: Description) -> Problem:
    with pytest.raises(RecipeUnsupported) as caught:
        read_model(a_network(*layers))
    assert caught.value.field == "recipe.layers"
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize(
    ("layer", "activation"),
    [
        (a_layer("Activation", activation="tanh"), "tanh"),
        (a_layer("Activation", activation="swish"), "silu"),
        (a_layer("ReLU", max_value=None, negative_slope=0.0, threshold=0.0), "relu"),
        (a_layer("ReLU", max_value=6.0, negative_slope=0.0, threshold=0.0), "relu6"),
        (a_layer("ReLU", max_value=None, negative_slope=0.2, threshold=0.0), "leaky_relu"),
        (a_layer("LeakyReLU", negative_slope=0.2), "leaky_relu"),
        (a_layer("ELU", alpha=1.0), "elu"),
        (a_layer("Softmax", axis=-1), "softmax"),
    ],
)
def test_an_activation_layer_is_the_activation_of_the_dense_layer_before_it(
    layer: Description, activation: str
) -> None:
    assert recipe_of(a_dense(3), layer).layers[0].activation == activation
    assert recipe_of(a_dense(3, activation=layer)).layers[0].activation == activation


def test_a_function_is_an_activation_by_its_name() -> None:
    function = an_object("builtins", "function") | {
        "config": "gelu",
        "registered_name": "function",
    }

    assert recipe_of(a_dense(3, activation=function)).layers[0].activation == "gelu"


def test_another_slope_of_a_leaky_relu_is_noted() -> None:
    imported = read_model(a_network(a_dense(3), a_layer("LeakyReLU", negative_slope=0.3)))

    assert imported.recipe.layers[0].activation == "leaky_relu"
    assert imported.notes == ("a leaky ReLU's negative slope is taken as 0.2, not as 0.3",)


def test_a_relu_after_dropout_does_what_it_does_before() -> None:
    layers = recipe_of(
        a_dense(3), a_layer("Dropout", rate=0.5), a_layer("Activation", activation="relu")
    ).layers

    assert (layers[0].activation, layers[0].dropout) == ("relu", 0.5)


def test_two_dropouts_in_a_row_are_one_of_their_joint_rate() -> None:
    drop = a_layer("Dropout", rate=0.5)

    assert recipe_of(a_dense(3), drop, drop).layers[0].dropout == 0.75


def test_a_second_relu_changes_nothing() -> None:
    layers = recipe_of(a_dense(3, activation="relu"), a_layer("ReLU")).layers

    assert layers[0].activation == "relu"


def test_layers_that_change_nothing_are_left_out() -> None:
    recipe = recipe_of(
        a_layer("Flatten"), a_layer("Identity"), a_dense(3), a_layer("Dropout", rate=0.0)
    )

    assert [each.units for each in recipe.layers] == [3, 1]


def test_a_normalization_at_the_front_scales_the_features() -> None:
    layer = a_layer("Normalization", axis=[-1], invert=False, mean=None, variance=None)

    imported = read_model(a_network(layer, a_layer("GaussianNoise", stddev=0.1, seed=None)))

    assert imported.recipe.scale_features == "standard"
    assert imported.recipe.noise == 0.1
    assert "scale_features 'standard'" in imported.notes[0]


def test_a_normalization_undoes_every_scaling_before_it_but_that_by_quantiles() -> None:
    model = a_network(a_layer("Normalization", axis=[-1]))

    assert read_model(model, scale_features="minmax").recipe.scale_features == "standard"
    assert read_model(model, scale_features="quantile").recipe.scale_features == "quantile"


def test_a_rescaling_of_pixels_is_minmax_scaling() -> None:
    recipe = recipe_of(a_layer("Rescaling", scale=1 / 255, offset=0.0))

    assert recipe.scale_features == "minmax"


@pytest.mark.parametrize(
    ("initializer", "expected"),
    [
        (an_initializer("RandomNormal", mean=0.0, stddev=0.05), ("random_normal", 0.05)),
        (an_initializer("RandomUniform", minval=-0.5, maxval=0.5), ("random_uniform", 0.5)),
        (an_initializer("TruncatedNormal", mean=0.0, stddev=1.0), ("truncated_normal", 1.0)),
        (an_initializer("Constant", value=0.3), ("constant", 0.3)),
        (an_initializer("Zeros"), ("zeros", None)),
        ("he_uniform", ("he_uniform", None)),
        (None, ("glorot_uniform", None)),
        (
            an_initializer(
                "VarianceScaling", scale=2.0, mode="fan_in", distribution="truncated_normal"
            ),
            ("he_normal", None),
        ),
    ],
)
def test_an_initializer_is_read_with_its_scale(
    initializer: Any, expected: tuple[str, float | None]
) -> None:
    layer = recipe_of(a_dense(3, kernel_initializer=initializer)).layers[0]

    assert (layer.kernel_initializer.name, layer.kernel_initializer.scale) == expected


@pytest.mark.parametrize(
    ("initializer", "expected"),
    [
        (
            an_initializer("RandomUniform", minval=0.0, maxval=1.0),
            {"name": "random_uniform", "scale": 0.5, "mean": 0.5},
        ),
        (
            an_initializer("RandomNormal", mean=1.0, stddev=0.1),
            {"name": "random_normal", "scale": 0.1, "mean": 1.0},
        ),
        (an_initializer("Orthogonal", gain=0.5), {"name": "orthogonal", "scale": 0.5}),
        (an_initializer("OrthogonalInitializer", gain=1.0), {"name": "orthogonal", "scale": 1.0}),
        (an_initializer("Identity", gain=1.0), {"name": "identity", "scale": 1.0}),
        (
            an_initializer(
                "VarianceScaling", scale=0.5, mode="fan_out", distribution="untruncated_normal"
            ),
            {
                "name": "variance_scaling",
                "scale": 0.5,
                "mode": "fan_out",
                "distribution": "untruncated_normal",
            },
        ),
    ],
)
def test_an_initializer_is_read_with_all_arguments(initializer: Any, expected: Description) -> None:
    layer = recipe_of(a_dense(3, kernel_initializer=initializer, bias_initializer=initializer))

    assert layer.layers[0].kernel_initializer == Initializer.model_validate(expected)
    assert layer.layers[0].bias_initializer == Initializer.model_validate(expected)
    assert not layer.needs_keras


def test_a_rescaling_of_other_numbers_is_a_layer() -> None:
    recipe = recipe_of(a_layer("Rescaling", scale=0.5, offset=-1.0))

    assert recipe.scale_features == "none"
    assert [layer.arguments for layer in recipe.front_layers] == [{"scale": 0.5, "offset": -1.0}]


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        (an_object("keras.regularizers", "L1", l1=0.10000000149011612), (0.1, 0.0)),
        (an_object("keras.regularizers", "L2", l2=0.5), (0.0, 0.5)),
        ("l2", (0.0, 0.01)),
        ("l1", (0.01, 0.0)),
        ("l1_l2", (0.01, 0.01)),
    ],
)
def test_a_regularizer_is_read_as_strengths(
    regularizer: Any, expected: tuple[float, float]
) -> None:
    layer = recipe_of(a_dense(3, kernel_regularizer=regularizer)).layers[0]

    assert (layer.l1, layer.l2) == expected


def test_another_precision_is_noted() -> None:
    policy = POLICY | {"config": {"name": "mixed_float16"}}

    imported = read_model(a_network(a_dense(3, dtype=policy)))

    assert imported.notes == ('computed in float32, not in "mixed_float16"',)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (a_dense(3, kernel_initializer="stft"), 'the kernel_initializer "stft"'),
        (
            a_dense(3, bias_initializer=an_initializer("VarianceScaling", mode="fan")),
            'the bias_initializer "VarianceScaling"',
        ),
        (a_dense(3, bias_regularizer="l2"), "bias_regularizer"),
        (a_dense(3, activity_regularizer="l2"), "activity_regularizer"),
        (a_dense(3, kernel_constraint=an_object("keras", "NonNeg")), "kernel_constraint"),
        (a_dense(3, trainable=False), "is frozen"),
        (a_dense(0), "has 0 units"),
        (a_dense(2_000_000_000), "has 2000000000 units"),
        (a_dense(8.5), "has 8.5 units"),
        (a_dense(True), "has true units"),
        (a_dense("8"), 'has "8" units'),
        (a_dense(3, activation="sin"), 'the activation "sin"'),
        (
            a_dense(3, kernel_regularizer=an_object("keras.regularizers", "OrthogonalRegularizer")),
            "OrthogonalRegularizer",
        ),
        (
            a_dense(3, kernel_regularizer=an_object("keras.regularizers", "L2", l2=-1.0)),
            "negative penalty, l2=-1",
        ),
        (a_layer("Conv1D", filters=8), "is not reproduced"),
        (a_layer("LSTM", units=8), "is not reproduced"),
        (a_layer("BatchNormalization", axis=1, renorm=True), "has renorm=true"),
        (a_layer("BatchNormalization", gamma_initializer="zeros"), "has gamma_initializer"),
        (a_layer("BatchNormalization", momentum=1.5), "has momentum=1.5"),
        (a_layer("BatchNormalization", trainable=False), "is frozen"),
        (a_layer("LayerNormalization", axis=[1, 2]), "has axis=[1, 2]"),
        (a_layer("PReLU", alpha_initializer="ones"), "has alpha_initializer"),
        (a_layer("Rescaling", scale=1.0, offset=1.0) | {"module": "mine.layers"}, "your own"),
        (a_layer("Lambda", function={"class_name": "__lambda__"}), "holds code"),
    ],
)
def test_a_layer_that_is_not_reproduced_is_refused_by_name(layer: Description, words: str) -> None:
    detail = refusal(layer).detail

    assert words in detail
    assert detail.startswith(f"layer '{layer['config']['name']}' ({layer['class_name']})")


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (a_layer("GaussianNoise", stddev=-0.1), "has a stddev of -0.1"),
        (a_layer("Normalization", axis=[-1]), "is not the first layer"),
        (a_layer("Dropout", rate=1.0), "has a rate of 1"),
        (a_layer("Dropout", rate=0.2, noise_shape=[1, 3]), "noise_shape"),
        (a_layer("LeakyReLU", negative_slope=-0.9), "negative_slope=-0.9"),
    ],
)
def test_a_layer_in_the_wrong_place_is_refused(layer: Description, words: str) -> None:
    assert words in refusal(a_dense(3), a_layer("Dropout", rate=0.1), layer).detail


@pytest.mark.parametrize(
    "custom",
    [
        {"module": None, "registered_name": "Mine"},
        {"module": "__main__", "registered_name": "Mine"},
        {"module": "builtins", "registered_name": None},
        {"registered_name": "package>Dense"},
        {"module": 7},
    ],
)
def test_a_class_of_the_users_own_is_refused_even_if_it_has_keras_names(
    custom: Description,
) -> None:
    assert "a class of your own" in refusal(a_dense(3) | custom).detail


def test_a_model_of_the_users_own_class_is_refused() -> None:
    with pytest.raises(RecipeUnsupported, match="a class of your own"):
        read_model(
            a_network() | {"class_name": "MyModel", "module": None, "registered_name": "MyModel"}
        )


def test_rows_of_several_axes_need_a_flatten() -> None:
    pixels = an_input(batch_shape=[None, 28, 28])
    dense = a_dense(3, built_on=None)

    assert "rows of 2 axes" in refusal(pixels, dense).detail
    assert recipe_of(pixels, a_layer("Flatten"), dense).layers[0].units == 3


@pytest.mark.parametrize(
    ("first", "inputs"),
    [
        (an_input(9), 9),
        (an_input(batch_shape=[None, 28, 28]), 784),
        (an_input(batch_shape=[None, None]), None),
        (a_dense(3, built_on=7), 7),
        (a_dense(3, built_on=None, batch_input_shape=[None, 5]), 5),
        (a_dense(3, built_on=None), None),
    ],
)
def test_the_first_layer_says_how_many_numbers_a_row_has(
    first: Description, inputs: int | None
) -> None:
    model = a_network(a_layer("Flatten"), a_dense(3, built_on=None))
    model["config"]["layers"][0] = first

    assert read_model(model).recipe.inputs == inputs


def test_a_model_without_a_dense_layer_is_refused() -> None:
    with pytest.raises(RecipeUnsupported, match="no Dense layer"):
        read_model(a_model(a_layer("Flatten")))


def test_a_frozen_model_is_refused() -> None:
    model = a_network()
    model["config"]["trainable"] = False

    with pytest.raises(RecipeUnsupported, match="is frozen"):
        read_model(model)


@pytest.mark.parametrize(
    "layer",
    [
        7,
        {"class_name": "Dense"},
        {"class_name": "Dense", "config": []},
        a_layer("Dropout", rate="much"),
        a_layer("GaussianNoise", stddev=True),
        a_dense(3, kernel_initializer=[1]),
        a_dense(3, activation={"class_name": []}),
    ],
)
def test_a_layer_that_keras_would_not_write_is_unreadable(layer: Any) -> None:
    with pytest.raises(RecipeUnreadable):
        read_model(a_network(a_dense(3), layer))
