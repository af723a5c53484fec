"""The calls of Keras that a recipe stands for, as its code has them."""

from __future__ import annotations

from tests.unit.lowloss.recipes.test_keras_code import changed


def test_further_layers_stand_behind_what_they_follow() -> None:
    layer = {
        "units": 8,
        "use_bias": False,
        "activation": "relu",
        "dropout": 0.5,
        "after_dense": [{"name": "batch_normalization", "momentum": 0.9}],
        "after_activation": ["prelu"],
        "after_dropout": [{"name": "gaussian_noise", "stddev": 0.1}],
    }

    assert changed({"layers": [layer, {"units": 1}]}).splitlines()[-6:] == [
        "keras.layers.Dense(8, use_bias=False),",
        "keras.layers.BatchNormalization(momentum=0.9),",
        'keras.layers.Activation("relu"),',
        "keras.layers.PReLU(),",
        "keras.layers.Dropout(0.5),",
        "keras.layers.GaussianNoise(stddev=0.1),",
    ]


def test_other_layers_at_the_front_show_the_whole_network() -> None:
    code = changed({"front_layers": ["layer_normalization"]})

    assert "keras.layers.LayerNormalization()," in code
    assert "keras.Sequential(" in code


def test_the_arguments_of_a_loss_are_written() -> None:
    code = changed({"loss": "huber", "huber_delta": 0.5})

    assert "loss=keras.losses.Huber(delta=0.5)" in code


def test_the_arguments_of_an_optimizer_are_written() -> None:
    optimizer = {"name": "sgd", "learning_rate": 0.1, "decay": 0.001, "clipvalue": 0.5}

    code = changed({"optimizer": optimizer})

    assert "InverseTimeDecay(0.1, decay_steps=1, decay_rate=0.001)" in code
    assert "keras.optimizers.SGD(learning_rate=schedule, clipvalue=0.5)" in code


def test_initializers_are_written_with_their_arguments() -> None:
    layer = {
        "units": 8,
        "kernel_initializer": {"name": "random_uniform", "scale": 0.5, "mean": 0.5},
        "bias_initializer": "ones",
    }
    scaling = {"name": "variance_scaling", "scale": 2.0, "mode": "fan_out"}

    code = changed({"layers": [layer, {"units": 1, "kernel_initializer": scaling}]})

    assert "kernel_initializer=keras.initializers.RandomUniform(minval=0.0, maxval=1.0)" in code
    assert 'bias_initializer="ones"' in code
    assert 'VarianceScaling(mode="fan_out", scale=2.0)' in code
