"""The exported model: raw named columns in, target units or class probabilities out.

Stock Keras layers and `keras.ops` only, so that any Keras with TensorFlow loads it in safe mode.
The layers repeat what `worker.data.features.design_matrix` and the engine do, step by step.
"""

from __future__ import annotations

from typing import Any

import keras

from lowloss.spec import Task
from worker.data.features import CategoricalFeature, Features
from worker.data.prepare import Prepared
from worker.data.target import Target
from worker.engine.keras_fit import HEADS
from worker.engine.plans import TrainedTrial

# Names of our layers have a dot, which names of inputs never have: they cannot collide.
MATRIX_INPUT = "X"


def build_model(prepared: Prepared, trained: TrainedTrial) -> keras.Model:
    """Put a trained network between its fitted transforms and the target's inverse."""
    inputs, x = _features(prepared.features)
    plan, weights = trained.plan, trained.weights
    head = HEADS[prepared.arrays.loss]
    activations = [plan.activation] * len(plan.widths) + [head]
    layers = list(zip(weights[::2], weights[1::2], activations, strict=True))
    dense = []
    for number, (_, bias, activation) in enumerate(layers, start=1):
        name = f"dense.{number}" if number < len(layers) else "head.dense"
        dense.append(keras.layers.Dense(len(bias), activation=activation, name=name))
        x = dense[-1](x)
    model = keras.Model(inputs, _answer(prepared.target, x), name="lowloss")
    for layer, (kernel, bias, _) in zip(dense, layers, strict=True):
        layer.set_weights([kernel, bias])
    return model


def _features(features: Features) -> tuple[dict[str, Any], Any]:
    """The inputs by name, and the design matrix made from them."""
    inputs: dict[str, Any] = {}
    parts = []
    if features.matrix_columns is not None:
        matrix = keras.Input((features.matrix_columns,), dtype="float32", name=MATRIX_INPUT)
        inputs[MATRIX_INPUT] = matrix
        parts += _numeric(features, keras.ops.take(matrix, list(features.positions), axis=1))
    elif features.numeric:
        columns = []
        for feature in features.numeric:
            inputs[feature.input] = keras.Input((1,), dtype="float32", name=feature.input)
            columns.append(inputs[feature.input])
        parts += _numeric(features, _joined(columns, "numbers.join"))
    for number, category in enumerate(features.categorical, start=1):
        inputs[category.input] = keras.Input((1,), dtype="string", name=category.input)
        parts.append(_one_hot(category, inputs[category.input], number))
    return inputs, _joined(parts, "features.join")


def _numeric(features: Features, raw: Any) -> list[Any]:
    """The scaled numbers, and the indicators of missing values."""
    is_present = keras.ops.isfinite(raw)
    means, sds = features.means, features.sds
    variances = sds.astype("float64") ** 2 if features.is_scaled else sds * 0.0 + 1.0
    centre = keras.layers.Normalization(
        mean=means.tolist(), variance=variances.tolist(), name="numbers.standardise"
    )
    # Where a value is missing the mean stands in, which is 0 once it is subtracted.
    scaled = keras.ops.where(is_present, centre(raw), 0.0)
    if not features.is_scaled:
        ones = [1.0] * len(means)
        restore = keras.layers.Rescaling(ones, offset=means.tolist(), name="numbers.restore")
        scaled = restore(scaled)
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
            restore = keras.layers.Rescaling(target.sd, offset=target.mean, name=_safe(target.name))
            return restore(output)
        case Task.binary:
            return _joined([1.0 - output, output], "probabilities.join")
        case Task.multiclass:
            return output


def _safe(name: str) -> str:
    """A layer's name for the target: it is what the model's output is called."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)
    return f"target.{plain}"


def _joined(parts: list[Any], name: str) -> Any:
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate(name=name)(parts)
