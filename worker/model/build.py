"""The exported model: raw named columns in, target units or class probabilities out.

Stock Keras layers and `keras.ops` only, so that any Keras with TensorFlow loads it in safe mode.
The layers repeat what `worker.data.features.design_matrix` and the engine do, step by step.

The outer model holds the inputs, named after their columns, and one inner model: the names that
Keras gives to operations (`where`, `take`, …) must be unique, and a column may have any of them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from lowloss.spec import Task
from worker.data.features import CategoricalFeature, Features
from worker.data.prepare import Prepared
from worker.data.target import Target
from worker.engine.keras_fit import HEADS
from worker.engine.plans import TrainedTrial

# Names of our layers have a dot, which names of inputs never have: they cannot collide.
MODEL_NAME = "lowloss.model"
INNER_NAME = "lowloss.network"
MATRIX_INPUT = "X"


def build_model(prepared: Prepared, trained: TrainedTrial) -> keras.Model:
    """Put a trained network between its fitted transforms and the target's inverse."""
    features = prepared.features
    inputs = {
        name: keras.Input((width,), dtype=dtype, name=name)
        for name, width, dtype in _input_shapes(features)
    }
    raw = [
        keras.Input((width,), dtype=dtype, name=f"raw.{number}")
        for number, (_, width, dtype) in enumerate(_input_shapes(features), start=1)
    ]
    plan, weights = trained.plan, trained.weights
    activations = [plan.activation] * len(plan.widths) + [HEADS[prepared.arrays.loss]]
    x = _design_matrix(features, raw)
    dense = []
    for number, activation in enumerate(activations, start=1):
        units = len(weights[2 * number - 1])
        dense.append(keras.layers.Dense(units, activation=activation, name=f"dense.{number}"))
        x = dense[-1](x)
    inner = keras.Model(raw, _answer(prepared.target, x), name=INNER_NAME)
    for layer, kernel, bias in zip(dense, weights[::2], weights[1::2], strict=True):
        layer.set_weights([kernel, bias])
    return keras.Model(inputs, inner(list(inputs.values())), name=MODEL_NAME)


def _input_shapes(features: Features) -> list[tuple[str, int, str]]:
    """The name, width and type of each input, numbers first."""
    if features.matrix_columns is not None:
        return [(MATRIX_INPUT, features.matrix_columns, "float32")]
    numbers = [(feature.input, 1, "float32") for feature in features.numeric]
    return numbers + [(feature.input, 1, "string") for feature in features.categorical]


def _design_matrix(features: Features, raw: list[Any]) -> Any:
    numbers = raw[: len(raw) - len(features.categorical)]
    strings = raw[len(numbers) :]
    parts = []
    if features.matrix_columns is not None:
        parts += _numeric(features, keras.ops.take(numbers[0], list(features.positions), axis=1))
    elif numbers:
        parts += _numeric(features, _joined(numbers, "numbers.join"))
    for number, (category, column) in enumerate(
        zip(features.categorical, strings, strict=True), start=1
    ):
        parts.append(_one_hot(category, column, number))
    return _joined(parts, "features.join")


def _numeric(features: Features, raw: Any) -> list[Any]:
    """The scaled numbers, and the indicators of missing values.

    Operations and no Normalization layer: that would take spreads below 1e-7 for 1e-7, and squares
    them, which overflows.
    """
    is_present = keras.ops.isfinite(raw)
    scaled = keras.ops.where(is_present, raw, features.means)
    if features.is_scaled:
        scaled = keras.ops.divide(keras.ops.subtract(scaled, features.means), features.sds)
    if not features.missing_positions:
        return [scaled]
    watched = keras.ops.take(is_present, list(features.missing_positions), axis=1)
    return [scaled, keras.ops.cast(keras.ops.logical_not(watched), "float32")]


def _one_hot(category: CategoricalFeature, raw: Any, number: int) -> Any:
    """[rows, levels]; all zeros for a value that is not a level."""
    oov = "[OOV]"
    while oov in category.levels:
        oov = f"[{oov}]"
    lookup = keras.layers.StringLookup(
        vocabulary=list(category.levels),
        num_oov_indices=1,
        oov_token=oov,
        name=f"category.{number}.lookup",
    )
    # Index 0 is an unknown value; moved to -1 it is no column's.
    index = keras.ops.subtract(lookup(raw), 1)
    one_hot = keras.ops.one_hot(index, len(category.levels), dtype="float32")
    return keras.layers.Reshape((len(category.levels),), name=f"category.{number}.levels")(one_hot)


def _answer(target: Target, output: Any) -> Any:
    match target.task:
        case Task.regression:
            # In float64: float32 would round away a small spread beside a large mean.
            sd, mean = np.array([target.sd]), np.array([target.mean])
            return keras.ops.add(keras.ops.multiply(keras.ops.cast(output, "float64"), sd), mean)
        case Task.binary:
            return _joined([keras.ops.subtract(1.0, output), output], "probabilities.join")
        case Task.multiclass:
            return output


def _joined(parts: list[Any], name: str) -> Any:
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate(name=name)(parts)
