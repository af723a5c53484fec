"""Layers that no cohort has: the engine of stock Keras trains them to the numbers of Keras itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from lowloss.recipes import network_calls, read_recipe
from lowloss.spec import Recipe
from tests.builders.trainings import a_plan, holdout, some_arrays
from worker.diagnosis.training.recipe_plans import plan_of_recipe
from worker.engine.arrays import Arrays
from worker.engine.draws import initial_weights
from worker.engine.keras.keras_engine import KerasEngine
from worker.engine.keras.network import build_call, build_network, predict
from worker.engine.plans import Plan
from worker.engine.protocol import train_plans
from worker.engine.results import FailedPlan, TrainedPlan
from worker.engine.weights import unflatten_weights

NORM = "batch_normalization"


def a_recipe(*layers: dict[str, Any], **fields: Any) -> Recipe:
    values = {"layers": [*layers, {"units": 1}], "loss": "mse", "optimizer": "adam", "epochs": 4}
    return Recipe.model_validate(values | fields)


def plan_of(recipe: Recipe, **fields: Any) -> Plan:
    return dataclasses.replace(plan_of_recipe(recipe, number=1, seed=5, fold=0), **fields)


def trained(engine: KerasEngine, plan: Plan) -> TrainedPlan:
    (result,) = train_plans(engine, [plan], lambda: True)
    assert not isinstance(result, FailedPlan), result
    return result


def with_keras(recipe: Recipe, plan: Plan, arrays: Arrays, optimizer: Any) -> list[Any]:
    """Train the network by hand on all rows at once, and return its weights."""
    rows = arrays.rows()
    model = keras.Sequential(
        [keras.Input((arrays.features,)), *map(build_call, network_calls(recipe))]
    )
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    start = unflatten_weights(initial_weights(plan, arrays)).layers
    for layer, (kernel, bias) in zip(dense, start, strict=True):
        layer.set_weights([kernel, bias] if layer.use_bias else [kernel])
    model.compile(optimizer=optimizer, loss="mse")
    model.fit(
        rows.x_train_ND,
        rows.y_train_N[:, None],
        batch_size=len(rows.x_train_ND),
        epochs=recipe.epochs,
        shuffle=False,
        verbose=0,
    )
    return [np.asarray(weight) for weight in model.weights]


@pytest.mark.parametrize(
    "layer",
    [
        # A bias before batch normalisation has no gradient but rounding.
        {"after_dense": [NORM], "use_bias": False},
        {"after_activation": [{"name": NORM, "momentum": 0.5}], "l2": 0.1},
        {"after_dense": ["layer_normalization"], "use_bias": False},
        {"activation": "linear", "after_dense": ["prelu"]},
        {"activation": "linear", "after_dense": [{"name": "elu", "alpha": 0.5}]},
        {"after_dropout": [{"name": "rescaling", "scale": 2.0}, "tanh"]},
    ],
)
def test_the_engine_trains_what_keras_trains(layer: dict[str, Any]) -> None:
    recipe = a_recipe({"units": 6, "activation": "relu", **layer}, batch_size=1000)
    arrays, plan = some_arrays(), plan_of(recipe)

    result = trained(KerasEngine(arrays), plan)

    assert result.checkpoint is not None
    by_hand = with_keras(recipe, plan, arrays, keras.optimizers.Adam())
    for weight, expected in zip(result.checkpoint.weights, by_hand, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "by_hand"),
    [
        (
            {"name": "adam", "beta_1": 0.5, "epsilon": 0.1},
            lambda: keras.optimizers.Adam(beta_1=0.5, epsilon=0.1),
        ),
        (
            {"name": "sgd", "learning_rate": 0.1, "decay": 0.5},
            lambda: keras.optimizers.SGD(
                keras.optimizers.schedules.InverseTimeDecay(0.1, decay_steps=1, decay_rate=0.5)
            ),
        ),
        (
            {"name": "rmsprop", "momentum": 0.9, "clipvalue": 0.01},
            lambda: keras.optimizers.RMSprop(momentum=0.9, clipvalue=0.01),
        ),
    ],
)
def test_the_engine_takes_the_steps_of_the_optimizer_with_its_arguments(
    optimizer: dict[str, Any], by_hand: Callable[[], Any]
) -> None:
    recipe = a_recipe({"units": 6, "activation": "tanh"}, optimizer=optimizer, batch_size=1000)
    arrays, plan = some_arrays(), plan_of(recipe)
    engine = KerasEngine(arrays)

    trained(engine, plan)
    result = trained(engine, plan)

    assert result.checkpoint is not None
    expected = with_keras(recipe, plan, arrays, by_hand())
    for weight, other in zip(result.checkpoint.weights, expected, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-5)


def test_a_shared_network_begins_anew_with_every_plan() -> None:
    noisy = {"units": 6, "activation": "relu", "dropout": 0.5, "after_dense": [NORM]}
    arrays, plan = some_arrays(), plan_of(a_recipe(noisy))
    engine = KerasEngine(arrays)

    first = trained(engine, plan)
    other = trained(engine, dataclasses.replace(plan, seed=6, learning_rate=0.1))
    again = trained(engine, plan)

    assert [epoch.loss for epoch in again.epochs] == [epoch.loss for epoch in first.epochs]
    assert [epoch.loss for epoch in other.epochs] != [epoch.loss for epoch in first.epochs]
    for weight, expected in zip(again.weights, first.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_predictions_are_by_the_running_means() -> None:
    arrays, plan = some_arrays(), plan_of(a_recipe({"units": 6, "after_dense": [NORM]}))
    result = trained(KerasEngine(arrays), plan)

    rows = arrays.rows().x_val_MD
    together = predict(plan, arrays, result.weights, rows)
    one_by_one = [predict(plan, arrays, result.weights, rows[[n]])[0] for n in range(3)]

    np.testing.assert_allclose(together[:3], one_by_one, rtol=1e-5)
    np.testing.assert_array_equal(together, result.val_output_MC)


def test_best_weights_include_the_running_means() -> None:
    recipe = a_recipe(
        {"units": 6, "activation": "relu", "after_dense": [NORM]},
        epochs=30,
        optimizer={"name": "adam", "learning_rate": 0.3},
    )
    arrays, plan = some_arrays(), plan_of(recipe, patience=3)

    result = trained(KerasEngine(arrays), plan)

    assert result.best_epoch is not None
    assert result.checkpoint is not None
    assert result.best_epoch < len(result.epochs)
    output_M = predict(plan, arrays, result.weights, arrays.rows().x_val_MD)[:, 0]
    best = float(np.mean((output_M - arrays.rows().y_val_M) ** 2))
    assert best == pytest.approx(result.epochs[result.best_epoch - 1].val_loss, rel=1e-4)


def test_without_validation_rows_the_last_weights_are_kept() -> None:
    rows = some_arrays().rows()
    arrays = holdout(rows.x_train_ND, rows.y_train_N, rows.x_val_MD[:0], rows.y_val_M[:0])

    result = trained(KerasEngine(arrays), plan_of(a_recipe({"units": 6, "after_dense": [NORM]})))

    assert result.reason == "max_epochs"
    assert len(result.epochs) == 4


def test_a_plan_without_such_layers_is_that_of_a_cohort() -> None:
    assert plan_of(a_recipe({"units": 6})).layers == ()
    assert a_plan().layers == ()


def residual(inputs: Any) -> Any:
    h = keras.layers.Dense(6, activation="relu")(inputs)
    for _ in range(2):
        inner = keras.layers.Dense(5, activation="relu")(h)
        inner = keras.layers.Dense(6)(inner)
        h = keras.layers.Activation("relu")(h + inner)
    return h


def normalised_before(inputs: Any) -> Any:
    """Residual blocks that begin with their normalisation."""
    h = keras.layers.Dense(6)(inputs)
    for _ in range(2):
        inner = keras.layers.Dense(8, activation="relu")(keras.layers.LayerNormalization()(h))
        h = keras.layers.Add()([h, keras.layers.Dense(6)(inner)])
    return keras.layers.ReLU()(keras.layers.LayerNormalization()(h))


def wide_and_deep(inputs: Any) -> Any:
    deep = keras.layers.Dense(5, activation="relu")(keras.layers.BatchNormalization()(inputs))
    return keras.layers.Concatenate()([inputs, keras.layers.Dense(4, activation="tanh")(deep)])


def densely_connected(inputs: Any) -> Any:
    outputs = [inputs]
    for units in (3, 4, 5):
        together = outputs[0] if len(outputs) == 1 else keras.layers.Concatenate()(outputs)
        outputs.append(keras.layers.Dense(units, activation="elu")(together))
    return keras.layers.Concatenate()(outputs)


@pytest.mark.parametrize("body", [residual, normalised_before, wide_and_deep, densely_connected])
def test_a_network_with_skips_answers_as_the_functional_model_that_was_written(
    body: Callable[[Any], Any],
) -> None:
    arrays = some_arrays()
    inputs = keras.Input((arrays.features,))
    written = keras.Model(inputs, keras.layers.Dense(1)(body(inputs)))
    written.compile(loss="mse")
    recipe = read_recipe(written.to_json().encode(), {"epochs": 2}).recipe
    plan = plan_of(recipe)

    network = build_network(plan, arrays)
    network.set_weights(written.get_weights())

    x_ND = arrays.rows().x_train_ND
    np.testing.assert_allclose(network(x_ND), written(x_ND), rtol=1e-5, atol=1e-6)
    kernels = [w for w in network.trainable_variables if len(w.shape) == 2]
    assert tuple(kernel.shape[0] for kernel in kernels) == recipe.count_inputs(arrays.features)
    assert len(trained(KerasEngine(arrays), plan).epochs) == 2
