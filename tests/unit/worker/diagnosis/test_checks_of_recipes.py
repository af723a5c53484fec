"""Each cause in a recipe's own words: named where it is, and not where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from lowloss.results import Cause
from lowloss.spec import Recipe
from tests.builders.recipes import SOUND, a_network, data_of, some_classes, some_numbers
from worker.diagnosis.checks.data import check_data
from worker.diagnosis.checks.recipe import check_recipe
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.training.variants import count_weights

THOUSANDS = some_numbers(scale=300) | {"y": some_numbers(scale=300)["y"] + 3000}
MANY = some_classes(690, classes=69)
SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"


def named(columns: dict[str, Any], recipe: Recipe) -> dict[Cause, Suspect]:
    data, _ = data_of(columns, recipe)
    return {suspect.cause: suspect for suspect in check_recipe(data, recipe)}


def ending(activation: str, units: int = 1, **given: Any) -> Recipe:
    return a_network(32, output={"units": units, "activation": activation}, **given)


def hidden(*units: int, **fields: Any) -> Recipe:
    return a_network(*units, hidden=fields)


def labelled(*labels: float) -> dict[str, Any]:
    columns = some_classes(classes=len(labels))
    return columns | {"y": np.array(labels)[columns["y"]]}


def a_decay(form: str, **given: Any) -> dict[str, Any]:
    decay = {"form": form, "decay_rate": 0.5} | given
    return {"name": "adam", "learning_rate": 0.001, "decay": decay}


PRESENT: list[tuple[Cause, dict[str, Any], Recipe]] = [
    (Cause.wrong_output, some_numbers(), ending("softmax")),
    (Cause.wrong_output, THOUSANDS, ending("sigmoid")),
    (Cause.wrong_output, some_numbers(), ending("relu")),
    (Cause.wrong_output, some_numbers(), ending("linear", 3)),
    (Cause.wrong_output, MANY, ending("sigmoid", 69, loss=BINARY)),
    (Cause.wrong_output, MANY, ending("sigmoid", loss=BINARY)),
    (Cause.wrong_output, some_classes(), ending("linear", 3, loss=SPARSE)),
    (Cause.wrong_output, some_classes(), ending("softmax", 2, loss=SPARSE)),
    (Cause.labels_not_encoded, labelled(1, 2), ending("sigmoid", loss=BINARY)),
    (Cause.labels_not_encoded, labelled(-1, 1), ending("sigmoid", loss=BINARY)),
    (Cause.labels_not_encoded, labelled(0, 255), ending("sigmoid")),
    (Cause.labels_not_encoded, labelled(1, 2), ending("softmax", 2, loss=SPARSE)),
    (Cause.wrong_loss, MANY, ending("sigmoid", 69, loss=BINARY)),
    (Cause.wrong_loss, some_classes(), ending("softmax", 3)),
    (Cause.wrong_loss, some_numbers(), ending("sigmoid", loss=BINARY)),
    (Cause.wrong_loss, some_numbers(), ending("linear", loss="poisson")),
    (Cause.wrong_loss, some_numbers(), ending("linear", loss="hinge")),
    (Cause.wrong_loss, some_classes(classes=2), ending("sigmoid", loss="kl_divergence")),
    (Cause.wrong_loss, some_classes(classes=2), ending("sigmoid", loss="hinge")),
    (Cause.wrong_output, some_classes(classes=2), ending("relu", loss="hinge")),
    (Cause.labels_not_encoded, labelled(1, 2), ending("linear", loss="hinge")),
    (Cause.wrong_activation, some_numbers(), hidden(32, 32, activation="linear")),
    (Cause.wrong_activation, some_numbers(), hidden(16, 16, 16, 16, activation="sigmoid")),
    (Cause.too_complex, some_numbers(60), hidden(512, 512)),
    (Cause.too_simple, some_numbers(), hidden(2)),
    (Cause.too_simple, some_numbers(), hidden()),
    (Cause.poor_initialisation, some_numbers(), hidden(32, kernel_initializer="zeros")),
    (
        Cause.poor_initialisation,
        some_numbers(),
        hidden(32, kernel_initializer={"name": "random_normal", "scale": 50}),
    ),
    (Cause.too_few_epochs, some_numbers(), a_network(32, epochs=0)),
    (Cause.too_few_epochs, some_numbers(), a_network(32, epochs=2)),
    (Cause.batch_size, some_numbers(), a_network(32, batch_size=300)),
    (Cause.batch_size, some_numbers(), a_network(32, batch_size=1)),
    (
        Cause.learning_rate_too_high,
        some_numbers(),
        a_network(32, optimizer={"name": "adam", "learning_rate": 1.0}),
    ),
    (
        Cause.learning_rate_too_low,
        some_numbers(),
        a_network(32, optimizer={"name": "sgd", "learning_rate": 1e-6}),
    ),
    (
        Cause.learning_rate_too_low,
        some_numbers(),
        a_network(32, epochs=40, optimizer=a_decay("exponential", decay_steps=5)),
    ),
    (
        Cause.learning_rate_too_low,
        some_numbers(),
        a_network(32, epochs=100, optimizer=a_decay("inverse_time", decay_steps=1)),
    ),
    (Cause.optimizer, some_numbers(), a_network(32, optimizer="sgd")),
    (
        Cause.optimizer,
        some_numbers(),
        a_network(32, optimizer={"name": "adam", "epsilon": 1.0}),
    ),
    (Cause.l1_too_strong, some_numbers(), hidden(32, l1=1.0)),
    (Cause.l2_too_strong, some_numbers(), hidden(32, l2=1.0)),
    # No large L2, and 16,384 weights in a layer that it is on.
    (
        Cause.l2_too_strong,
        some_classes(),
        a_network(128, 128, hidden={"l2": 0.004}, output={"units": 3}, loss=SPARSE),
    ),
    (Cause.dropout_too_strong, some_numbers(), hidden(32, dropout=0.9)),
    (Cause.no_validation_split, some_numbers(), a_network(32)),
    (
        Cause.harmful_layers,
        some_numbers(),
        a_network(32, hidden={"after_dense": ["batch_normalization"]}, batch_size=2),
    ),
    (Cause.harmful_layers, some_numbers(), a_network(32, output={"units": 1, "dropout": 0.5})),
    (
        Cause.harmful_layers,
        some_numbers(),
        a_network(32, output={"units": 1, "after_dense": ["batch_normalization"]}),
    ),
]


def test_a_rate_that_falls_late_is_no_suspect() -> None:
    """Of 320 steps half leave a quarter; in a stair none is left of the first stair."""
    late = a_network(32, epochs=40, optimizer=a_decay("exponential", decay_steps=80))
    stairs = a_decay("exponential", decay_steps=200, decay_rate=1e-6, staircase=True)

    assert Cause.learning_rate_too_low not in named(some_numbers(), late)
    one_stair = a_network(32, epochs=40, optimizer=stairs)
    assert Cause.learning_rate_too_low not in named(some_numbers(), one_stair)


def test_a_small_l2_on_few_weights_is_no_suspect() -> None:
    few = a_network(8, hidden={"l2": 0.004}, output={"units": 3}, loss=SPARSE)

    assert Cause.l2_too_strong not in named(some_classes(), few)


SOUND_NETWORK = a_network(32, 32, **SOUND)
SOUND_CLASSES = a_network(
    32,
    output={"units": 3, "activation": "softmax"},
    **(SOUND | {"loss": SPARSE, "scale_target": "none"}),
)


def test_the_layer_behind_a_concatenation_has_more_weights() -> None:
    layers = [{"units": 16}, {"units": 64, "after_dense": ["concatenate"]}, {"units": 1}]
    fields = {"layers": layers, "front_layers": ["skip_start"], "loss": "mse"}

    weights = count_weights(4, Recipe.model_validate(fields))

    assert weights == (4 + 1) * 16 + (16 + 1) * 64 + (64 + 4 + 1)


def test_weights_are_of_the_usual_size_for_all_that_a_layer_takes() -> None:
    """Of 32 numbers a deviation of 0.01 is 25 times too small; of 1,032 it is not."""
    narrow = {"name": "random_normal", "scale": 0.01}
    begun = {"units": 32, "activation": "relu", "kernel_initializer": narrow}
    wide = {"units": 1000, "activation": "relu", "after_activation": ["skip_start"]}
    layer = {"units": 32, "activation": "relu"}
    both = layer | {"after_activation": ["concatenate"]}
    plain, concatenated = (
        Recipe.model_validate({"layers": [wide, second, begun, {"units": 1}], "loss": "mse"})
        for second in (layer, both)
    )

    assert Cause.poor_initialisation in named(some_numbers(), plain)
    assert Cause.poor_initialisation not in named(some_numbers(), concatenated)


def test_units_that_are_not_as_many_as_the_columns_are_certain_to_be_refused() -> None:
    added = a_network(8, hidden={"after_dense": ["add"]}, front_layers=["skip_start"])

    suspects = named(some_numbers(), added)

    assert Cause.wrong_output not in suspects
    suspect = suspects[Cause.harmful_layers]
    assert suspect.is_certain
    assert "skip 1 of 4 units, and has 8 units itself; the network sees 4 columns" in (
        suspect.sentence
    )


def test_a_skip_to_the_output_is_no_layer_that_changes_the_answers() -> None:
    behind = {"units": 4, "after_dense": ["add"]}
    recipe = a_network(4, hidden={"after_activation": ["skip_start"]}, output=behind)

    assert Cause.harmful_layers not in named(some_numbers(), recipe)


@pytest.mark.parametrize(("cause", "columns", "recipe"), PRESENT)
def test_cause_is_suspect_where_it_is(
    cause: Cause, columns: dict[str, Any], recipe: Recipe
) -> None:
    suspects = named(columns, recipe)

    assert cause in suspects
    assert suspects[cause].evidence


@pytest.mark.parametrize("cause", sorted({cause for cause, *_ in PRESENT}))
def test_cause_is_not_suspect_in_sound_recipes(cause: Cause) -> None:
    assert cause not in named(some_numbers(), SOUND_NETWORK)
    assert cause not in named(some_classes(), SOUND_CLASSES)


@pytest.mark.parametrize(
    ("labels", "recipe"),
    [
        ((0, 1), ending("sigmoid", loss=BINARY)),
        ((-1, 1), ending("tanh")),
        ((1, 2), ending("sigmoid", loss=BINARY, encode_labels=True)),
        ((1, 2), ending("softmax", 3, loss=SPARSE)),
        (range(5), ending("sigmoid", loss=BINARY)),
    ],
    ids=["from 0", "of a tanh", "encoded", "a unit too many", "many classes"],
)
def test_labels_that_fit_are_not_suspect(labels: Sequence[int], recipe: Recipe) -> None:
    assert Cause.labels_not_encoded not in named(labelled(*labels), recipe)


@pytest.mark.parametrize(
    ("columns", "recipe"),
    [
        (some_numbers(), ending("softmax")),
        (THOUSANDS, ending("sigmoid")),
        (some_numbers(), ending("relu")),
        (MANY, ending("sigmoid", loss=BINARY)),
    ],
)
def test_output_that_cannot_answer_the_target_is_certain(
    columns: dict[str, Any], recipe: Recipe
) -> None:
    assert named(columns, recipe)[Cause.wrong_output].is_certain


def test_sigmoid_suits_a_target_between_0_and_1() -> None:
    recipe = ending("sigmoid", scale_target="minmax")

    assert Cause.wrong_output not in named(THOUSANDS, recipe)


@pytest.mark.parametrize("head", ["linear", "tanh"])
def test_hinge_suits_two_classes(head: str) -> None:
    suspects = named(labelled(-1, 1), ending(head, loss="hinge"))

    wrong = {Cause.wrong_loss, Cause.wrong_output, Cause.labels_not_encoded}
    assert suspects.keys() & wrong == set()


@pytest.mark.parametrize("layer", ["prelu", {"name": "elu", "alpha": 0.5}, "tanh"])
def test_an_activation_that_is_a_layer_is_one(layer: Any) -> None:
    recipe = hidden(32, activation="linear", after_dense=["batch_normalization", layer])

    assert Cause.wrong_activation not in named(some_numbers(), recipe)


def test_binary_crossentropy_suits_two_classes() -> None:
    recipe = ending("sigmoid", loss=BINARY)

    suspects = named(some_classes(classes=2), recipe)

    assert suspects.keys() & {Cause.wrong_loss, Cause.wrong_output} == set()


def test_what_keras_refuses_stands_before_what_would_harm_a_training() -> None:
    columns, recipe = some_numbers(), ending("linear", 3)
    columns["x0"] = np.where(np.arange(len(columns["x0"])) == 5, np.nan, columns["x0"])
    data, excluded = data_of(columns, recipe)

    suspects = [*check_data(data, recipe, excluded), *check_recipe(data, recipe)]

    assert Cause.missing_values in {suspect.cause for suspect in suspects}
    assert max(suspects, key=lambda suspect: suspect.strength).cause is Cause.wrong_output


@pytest.mark.parametrize(
    ("loss", "is_certain"), [("binary_crossentropy", True), ("mean_squared_error", False)]
)
def test_crossentropy_of_what_is_no_probability_is_certainly_wrong(
    loss: str, is_certain: bool
) -> None:
    suspects = named(some_classes(classes=2), ending("linear", loss=loss))

    assert suspects[Cause.wrong_output].is_certain is is_certain
