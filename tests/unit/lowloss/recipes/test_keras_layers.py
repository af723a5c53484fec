"""From the layers that Keras describes to those of a Recipe."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.errors import Problem, RecipeUnreadable, RecipeUnsupported
from lowloss.recipes import ImportedRecipe, read_recipe
from lowloss.spec import Recipe
from tests.builders.keras_descriptions import (
    POLICY,
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
    written,
)

FIT = {"epochs": 10, "batch_size": 32, "validation_split": 0.0}


def read(description: Description, **fit: Any) -> ImportedRecipe:
    return read_recipe(written(description), FIT | fit)


def recipe_of(*layers: Description, **fit: Any) -> Recipe:
    return read(a_network(*layers), **fit).recipe


def refusal(*layers: Description) -> Problem:
    with pytest.raises(RecipeUnsupported) as caught:
        read(a_network(*layers))
    assert caught.value.field == "recipe.layers"
    assert caught.value.fix
    return caught.value


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

    imported = read(model)

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

    layers = read(model).recipe.layers

    assert [(each.units, each.dropout) for each in layers] == [(3, 0.2), (1, 0.0)]


def test_a_functional_model_with_lists_of_ends_is_a_chain_too() -> None:
    model = a_functional(
        called_on(an_input()),
        called_on(a_dense(1, name="last"), "input_layer"),
        inputs=[["input_layer", 0, 0]],
        outputs={"price": ["last", 0, 0]},
    )

    assert len(read(model).recipe.layers) == 1


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

    assert read(model, loss="mse", optimizer="adam").recipe.output.units == 1


def test_a_model_inside_a_model_is_read_in_its_place() -> None:
    inner = a_model(a_dense(3), a_layer("Dropout", rate=0.1))

    layers = recipe_of(a_dense(5), inner).layers

    assert [each.units for each in layers] == [5, 3, 1]
    assert layers[1].dropout == 0.1


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
    imported = read(a_network(a_dense(3), a_layer("LeakyReLU", negative_slope=0.3)))

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

    imported = read(a_network(layer, a_layer("GaussianNoise", stddev=0.1, seed=None)))

    assert imported.recipe.scale_features == "standard"
    assert imported.recipe.noise == 0.1
    assert "scale_features 'standard'" in imported.notes[0]


def test_a_normalization_undoes_every_scaling_before_it_but_that_by_quantiles() -> None:
    model = a_network(a_layer("Normalization", axis=[-1]))

    assert read(model, scale_features="minmax").recipe.scale_features == "standard"
    assert read(model, scale_features="quantile").recipe.scale_features == "quantile"


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

    imported = read(a_network(a_dense(3, dtype=policy)))

    assert imported.notes == ('computed in float32, not in "mixed_float16"',)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (a_dense(3, use_bias=False), "has no bias"),
        (a_dense(3, bias_initializer=an_initializer("Ones")), "biases that do not begin at zero"),
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
        (a_dense(3, activation=a_layer("PReLU")), 'the activation "PReLU"'),
        (a_dense(3, kernel_initializer=an_initializer("Orthogonal")), "Orthogonal"),
        (
            a_dense(3, kernel_initializer=an_initializer("RandomUniform", minval=0.0, maxval=1.0)),
            "a uniform from 0 to 1",
        ),
        (
            a_dense(3, kernel_initializer=an_initializer("RandomNormal", mean=1.0)),
            "a normal around 1",
        ),
        (
            a_dense(3, kernel_regularizer=an_object("keras.regularizers", "OrthogonalRegularizer")),
            "OrthogonalRegularizer",
        ),
        (
            a_dense(3, kernel_regularizer=an_object("keras.regularizers", "L2", l2=-1.0)),
            "negative penalty, l2=-1",
        ),
        (a_layer("Dropout", rate=0.2), "before the first Dense layer"),
        (a_layer("Activation", activation="relu"), "before the first Dense layer"),
        (a_layer("Conv1D", filters=8), "is not reproduced"),
        (a_layer("LSTM", units=8), "is not reproduced"),
        (a_layer("BatchNormalization"), "is not reproduced"),
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
        (a_layer("GaussianNoise", stddev=0.1), "is not at the input"),
        (a_layer("Normalization", axis=[-1]), "is not the first layer"),
        (a_layer("Activation", activation="tanh"), "comes after a Dropout"),
        (a_layer("Dropout", rate=1.0), "has a rate of 1"),
        (a_layer("Dropout", rate=0.2, noise_shape=[1, 3]), "noise_shape"),
        (a_layer("LeakyReLU", negative_slope=0.9), "negative slope of 0.9"),
        (a_layer("ELU", alpha=0.5), "alpha"),
    ],
)
def test_a_layer_in_the_wrong_place_is_refused(layer: Description, words: str) -> None:
    assert words in refusal(a_dense(3), a_layer("Dropout", rate=0.1), layer).detail


def test_two_activations_in_a_row_are_refused() -> None:
    tanh = a_layer("Activation", activation="tanh")

    assert (
        "comes after the activation sigmoid"
        in refusal(a_dense(3, activation="sigmoid"), tanh).detail
    )


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
        read(a_network() | {"class_name": "MyModel", "module": None, "registered_name": "MyModel"})


def test_rows_of_several_axes_need_a_flatten() -> None:
    pixels = an_input(batch_shape=[None, 28, 28])
    dense = a_dense(3, built_on=None)

    assert "rows of 2 axes" in refusal(pixels, dense).detail
    assert recipe_of(pixels, a_layer("Flatten"), dense).layers[0].units == 3


def branching(**ends: Any) -> Description:
    return a_functional(
        called_on(an_input()),
        called_on(a_dense(3, name="left"), "input_layer"),
        called_on(a_dense(3, name="right"), "input_layer"),
        called_on(a_layer("Concatenate", name="both"), "left", "right"),
        **({"inputs": ["input_layer", 0, 0], "outputs": ["both", 0, 0]} | ends),
    )


def test_a_model_with_branches_is_refused() -> None:
    with pytest.raises(RecipeUnsupported, match="no chain: two layers take what 'input_layer'"):
        read(branching())


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
        read(model)


def test_a_layer_that_is_used_twice_is_refused() -> None:
    layer = called_on(a_dense(4, name="twice"), "input_layer")
    layer["inbound_nodes"] *= 2

    with pytest.raises(RecipeUnsupported, match="is used 2 times"):
        read(
            a_functional(
                called_on(an_input()),
                layer,
                inputs=["input_layer", 0, 0],
                outputs=["twice", 0, 0],
            )
        )


def test_a_model_of_too_many_layers_is_refused() -> None:
    with pytest.raises(RecipeUnsupported, match="more than 100 layers"):
        read(a_network(*[a_dense(4)] * 100))


def test_a_model_without_a_dense_layer_is_refused() -> None:
    with pytest.raises(RecipeUnsupported, match="no Dense layer"):
        read(a_model(a_layer("Flatten")))


def test_a_frozen_model_is_refused() -> None:
    model = a_network()
    model["config"]["trainable"] = False

    with pytest.raises(RecipeUnsupported, match="is frozen"):
        read(model)


@pytest.mark.parametrize(
    "layer",
    [
        7,
        {"class_name": "Dense"},
        {"class_name": "Dense", "config": []},
        a_layer("Dropout", rate="much"),
        a_layer("GaussianNoise", stddev=True),
        a_dense(3, kernel_initializer=[1]),
    ],
)
def test_a_layer_that_keras_would_not_write_is_unreadable(layer: Any) -> None:
    with pytest.raises(RecipeUnreadable):
        read(a_network(a_dense(3), layer))
