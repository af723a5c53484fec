"""From what a Keras model was compiled with to the optimizer and the loss of a Recipe."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.errors import InvalidRequest, RecipeUnsupported
from lowloss.recipes import ImportedRecipe, read_recipe
from lowloss.spec import RecipeOptimizer
from lowloss.spec.recipe_optimizer import RateDecay
from tests.builders.keras_descriptions import (
    Description,
    a_dense,
    a_loss,
    a_model,
    a_network,
    an_object,
    an_optimizer,
    written,
)

FIT = {"epochs": 10, "batch_size": 32, "validation_split": 0.0}


def compiled(*, optimizer: Any = "adam", loss: Any = "mse", **output: Any) -> ImportedRecipe:
    model = a_model(a_dense(3, **output), optimizer=optimizer, loss=loss)
    return read_recipe(written(model), FIT)


def cosine(**config: Any) -> Description:
    given = {
        "initial_learning_rate": 0.1,
        "decay_steps": 100,
        "alpha": 0.0,
        "name": "CosineDecay",
        "warmup_target": None,
        "warmup_steps": 0,
    }
    return an_object("keras.optimizers.schedules", "CosineDecay", **(given | config))


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (an_optimizer("Adam"), {"name": "adam", "learning_rate": 0.001}),
        (an_optimizer("AdamW"), {"name": "adamw", "learning_rate": 0.001, "weight_decay": 0.004}),
        (
            an_optimizer("AdamW", weight_decay=0.01),
            {"name": "adamw", "learning_rate": 0.001, "weight_decay": 0.01},
        ),
        (
            an_optimizer("RMSprop", rho=0.9, momentum=0.0, centered=False),
            {"name": "rmsprop", "learning_rate": 0.001},
        ),
        (
            an_optimizer("SGD", learning_rate=0.009999999776482582, momentum=0.9, nesterov=False),
            {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9},
        ),
        (
            an_optimizer("Adam", global_clipnorm=1.0),
            {"name": "adam", "learning_rate": 0.001, "clip_norm": 1.0},
        ),
        (
            an_optimizer("SGD", momentum=0.9, nesterov=True),
            {"name": "sgd_nesterov", "learning_rate": 0.001, "momentum": 0.9},
        ),
        *(
            (an_optimizer(name), {"name": name.lower(), "learning_rate": 0.001})
            for name in ("Nadam", "Adamax", "Lion", "Adagrad", "Adadelta")
        ),
        ("sgd", {"name": "sgd"}),
        ("Nadam", {"name": "nadam"}),
    ],
)
def test_an_optimizer_is_read(optimizer: Any, expected: dict[str, Any]) -> None:
    imported = compiled(optimizer=optimizer)

    assert imported.recipe.optimizer == RecipeOptimizer.model_validate(expected)
    assert imported.notes == ()


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (
            an_optimizer("Adagrad", initial_accumulator_value=10.0),
            ("initial_accumulator_value", 10),
        ),
        (an_optimizer("Lion", beta_2=0.5), ("beta_2", 0.5)),
        (an_optimizer("RMSprop", momentum=0.9), ("momentum", 0.9)),
        (an_optimizer("Adam", clipvalue=1), ("clipvalue", 1)),
        (an_optimizer("Adam", gradient_accumulation_steps=4), ("gradient_accumulation_steps", 4)),
        (an_optimizer("Adam", beta_1=0.5), ("beta_1", 0.5)),
        (an_optimizer("Adam", epsilon=1.0), ("epsilon", 1.0)),
    ],
)
def test_an_argument_that_matters_is_read(optimizer: Any, expected: tuple[str, float]) -> None:
    recipe = compiled(optimizer=optimizer).recipe

    assert recipe.optimizer.keras_arguments == (expected,)
    assert recipe.needs_keras


def falling(class_name: str, **config: Any) -> Description:
    given = {"initial_learning_rate": 0.1, "decay_steps": 100, "decay_rate": 0.96}
    return an_object("keras.optimizers.schedules", class_name, **(given | config))


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (
            an_optimizer("SGD", learning_rate=falling("ExponentialDecay", staircase=True)),
            {"form": "exponential", "decay_steps": 100, "decay_rate": 0.96, "staircase": True},
        ),
        (
            an_optimizer("SGD", learning_rate=falling("InverseTimeDecay")),
            {"form": "inverse_time", "decay_steps": 100, "decay_rate": 0.96},
        ),
        (an_optimizer("SGD", learning_rate=0.1, decay=0.001), {"decay_rate": 0.001}),
    ],
)
def test_a_learning_rate_that_falls_is_read(optimizer: Any, expected: Description) -> None:
    recipe = compiled(optimizer=optimizer).recipe

    assert recipe.optimizer.decay == RateDecay.model_validate(expected)
    assert recipe.optimizer.rate == 0.1


def test_a_cosine_decay_is_a_schedule_over_all_epochs() -> None:
    imported = compiled(optimizer=an_optimizer("SGD", learning_rate=cosine()))

    assert imported.recipe.optimizer.schedule == "cosine"
    assert imported.recipe.optimizer.learning_rate == 0.1
    assert "not over the 100 steps" in imported.notes[0]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"beta_2": 0.95}, "beta_2 is taken as 0.999, not as 0.95"),
        ({"epsilon": 1e-8}, "epsilon is taken as 1e-07, not as 1e-08"),
        ({"amsgrad": True}, "amsgrad is not reproduced"),
        ({"clipnorm": 1.0}, "clipnorm is taken as global_clipnorm"),
        ({"learning_rate": cosine(alpha=0.01)}, "not to 0.01"),
    ],
)
def test_what_hardly_matters_is_noted(config: dict[str, Any], words: str) -> None:
    assert words in compiled(optimizer=an_optimizer("Adam", **config)).notes[0]


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (an_optimizer("Ftrl"), 'is "Ftrl"'),
        (an_optimizer("Adam") | {"registered_name": "mine>Adam"}, 'is "Adam"'),
        (an_optimizer("Adam", use_ema=True), "use_ema=true"),
        (an_optimizer("Adam", learning_rate=cosine(warmup_steps=10)), "warms up"),
        (an_optimizer("Adam", learning_rate=cosine(alpha=0.5)), "ends at 0.5"),
        (
            an_optimizer(
                "Adam", learning_rate=an_object("keras.optimizers.schedules", "PolynomialDecay")
            ),
            'the schedule "PolynomialDecay"',
        ),
    ],
)
def test_an_optimizer_that_is_not_reproduced_is_refused(optimizer: Any, words: str) -> None:
    with pytest.raises(RecipeUnsupported) as caught:
        compiled(optimizer=optimizer)

    assert words in caught.value.detail
    assert caught.value.field == "recipe.optimizer"


def test_a_learning_rate_of_zero_is_a_wrong_field() -> None:
    with pytest.raises(InvalidRequest) as caught:
        compiled(optimizer=an_optimizer("Adam", learning_rate=0.0))

    assert caught.value.field == "recipe.optimizer.learning_rate"


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("mse", "mean_squared_error"),
        ("MAE", "mean_absolute_error"),
        ("mean_squared_logarithmic_error", "mean_squared_logarithmic_error"),
        (a_loss("MeanSquaredError"), "mean_squared_error"),
        (a_loss("LogCosh"), "log_cosh"),
        (a_loss("Poisson"), "poisson"),
        (a_loss("CategoricalCrossentropy", from_logits=False), "categorical_crossentropy"),
        (
            {
                "module": "builtins",
                "class_name": "function",
                "config": "mean_squared_error",
                "registered_name": "function",
            },
            "mean_squared_error",
        ),
    ],
)
def test_a_loss_is_read(loss: Any, name: str) -> None:
    imported = compiled(loss=loss)

    assert imported.recipe.loss == name
    assert imported.notes == ()


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("hinge", "hinge"),
        ("kld", "kl_divergence"),
        (a_loss("KLDivergence"), "kl_divergence"),
        (a_loss("SquaredHinge"), "squared_hinge"),
        (a_loss("CategoricalHinge"), "categorical_hinge"),
        (
            a_loss("BinaryFocalCrossentropy", alpha=0.25, gamma=2.0, apply_class_balancing=False),
            "binary_focal_crossentropy",
        ),
    ],
)
def test_a_loss_of_classes_is_read(loss: Any, name: str) -> None:
    recipe = compiled(loss=loss).recipe

    assert recipe.loss == name
    assert recipe.is_classifier


def test_the_arguments_of_a_loss_are_read() -> None:
    smoothed = a_loss("CategoricalCrossentropy", label_smoothing=0.10000000149011612)

    assert compiled(loss=smoothed).recipe.loss_arguments == (("label_smoothing", 0.1),)
    assert compiled(loss=a_loss("Huber", delta=2.0)).recipe.loss_arguments == (("delta", 2.0),)


def test_the_delta_that_keras_does_not_save_is_noted() -> None:
    assert "delta of a Huber loss" in compiled(loss=a_loss("Huber")).notes[0]


@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        ("BinaryCrossentropy", "sigmoid"),
        ("CategoricalCrossentropy", "softmax"),
        ("SparseCategoricalCrossentropy", "softmax"),
    ],
)
def test_a_loss_of_logits_gives_its_activation_to_the_output(loss: str, activation: str) -> None:
    imported = compiled(loss=a_loss(loss, from_logits=True, label_smoothing=0.0))

    assert imported.recipe.output.activation == activation
    assert f"on a {activation} output" in imported.notes[0]


def test_a_loss_of_logits_on_probabilities_is_refused_and_said_to_be_the_likely_fault() -> None:
    loss = a_loss("BinaryCrossentropy", from_logits=True)

    with pytest.raises(RecipeUnsupported, match="Keras applies sigmoid on top of it") as caught:
        compiled(loss=loss, activation="sigmoid")

    assert "may be why the loss is high" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (["mse"], "are several"),
        ({"output": "mse"}, "are several"),
        ("dice", 'is "dice"'),
        (a_loss("CosineSimilarity"), 'is "CosineSimilarity"'),
        (a_loss("BinaryFocalCrossentropy", gamma=1.0), "gamma=1.0"),
        (a_loss("BinaryFocalCrossentropy", apply_class_balancing=True), "weighs its classes"),
        (a_loss("Mine") | {"module": None, "registered_name": "Mine"}, 'is "Mine"'),
        ({"class_name": "__lambda__", "config": {"value": ["4wIA", None, None]}}, "__lambda__"),
        (a_loss("MeanSquaredError", reduction="sum"), 'reduction="sum"'),
        (a_loss("SparseCategoricalCrossentropy", ignore_class=1), "ignores a class"),
    ],
)
def test_a_loss_that_is_not_reproduced_is_refused(loss: Any, words: str) -> None:
    with pytest.raises(RecipeUnsupported) as caught:
        compiled(loss=loss)

    assert words in caught.value.detail
    assert caught.value.field == "recipe.loss"


def test_weights_of_losses_are_refused() -> None:
    model = a_network()
    model["compile_config"]["loss_weights"] = [0.5]

    with pytest.raises(RecipeUnsupported, match="weighted by"):
        read_recipe(written(model), FIT)


@pytest.mark.parametrize("compile_config", [{}, None])
def test_a_model_that_was_not_compiled_needs_a_loss(compile_config: Any) -> None:
    model = written(a_network(compile_config=compile_config))

    with pytest.raises(InvalidRequest) as caught:
        read_recipe(model, FIT)
    imported = read_recipe(model, FIT | {"loss": "mse"})

    assert caught.value.field == "recipe.loss"
    assert imported.recipe.loss == "mean_squared_error"
    assert imported.notes == (
        "the model was saved without an optimizer: taken as Keras's, rmsprop",
    )


def test_a_loss_and_an_optimizer_that_are_given_stand_in_for_the_models_own() -> None:
    model = a_network(optimizer=an_optimizer("Nadam"), loss="hinge")
    given = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "loss": "mae"}

    imported = read_recipe(written(model), FIT | given)

    assert imported.recipe.loss == "mean_absolute_error"
    assert imported.recipe.optimizer.learning_rate == 0.01
    assert len(imported.notes) == 2
