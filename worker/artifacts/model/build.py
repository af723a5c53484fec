"""The exported model: raw named columns in, target units or class probabilities out.

Stock Keras layers and `keras.ops` only, so that any Keras with TensorFlow loads it in safe mode.
The layers repeat what `worker.data.features.design_matrix` and the engine do, step by step.

The outer model holds the inputs, named after their columns, and one inner model: the names that
Keras gives to operations (`where`, `take`, …) must be unique, and a column may have any of them.

Q steps between quantiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lowloss.spec import Task
from worker.artifacts.model.content import Content, Member, ramps
from worker.data.columns import split_offset
from worker.data.features import CLIP, FAR, CategoricalFeature, FittedFeatures
from worker.data.target import Target
from worker.engine.array_types import FloatArray
from worker.engine.arrays import HEADS

# Names of our layers have a dot, which names of inputs never have: they cannot collide.
MODEL_NAME = "lowloss.model"
INNER_NAME = "lowloss.network"


@dataclass(frozen=True)
class _Parts:
    """Tensors of the design matrix: numbers by how they are scaled, levels, and codes."""

    numbers: dict[FittedFeatures, list[Any]]
    levels: list[Any]
    codes: list[Any]


def build_model(content: Content) -> keras.Model:
    """Put trained networks between their fitted transforms and the target's inverse."""
    inputs = {
        name: keras.Input((width,), dtype=dtype, name=name) for name, width, dtype in content.inputs
    }
    raw = [
        keras.Input(
            (width,), dtype="string" if dtype == "string" else "float32", name=f"raw.{number}"
        )
        for number, (_, width, dtype) in enumerate(content.inputs, start=1)
    ]
    parts = _parts(content, raw)
    outputs = [
        _network(content.target, member, number, parts)
        for number, member in enumerate(content.members, 1)
    ]
    mean = outputs[0] if len(outputs) == 1 else _mean(outputs)
    inner = keras.Model(raw, _predictions(content.target, mean), name=INNER_NAME)
    return keras.Model(inputs, inner(_subtract_offsets(content.features, inputs)), name=MODEL_NAME)


def _subtract_offsets(features: FittedFeatures, inputs: dict[str, Any]) -> list[Any]:
    """Return the inputs; those that float32 cannot hold are less their offsets, in float64.

    Outside of the inner model, which casts to float32 first. A layer holds its offset as float32
    (Keras 3.15), so there are two of them.
    """
    offsets = {feature.input: feature.offset for feature in features.numeric}
    numbers = []
    for position, (name, tensor) in enumerate(inputs.items(), start=1):
        offset, number = offsets.get(name), tensor
        for part, value in enumerate(() if offset is None else split_offset(offset), start=1):
            layer = f"offset.{position}.{part}"
            number = keras.layers.Rescaling(1.0, -value, dtype="float64", name=layer)(number)
        numbers.append(number)
    return numbers


def _network(target: Target, member: Member, number: int, parts: _Parts) -> Any:
    activations = [*member.trained.plan.activations, HEADS[target.loss]]
    weights = member.weights
    learned = [
        _embedded(table, code, f"member.{number}.embedding.{index}")
        for index, (table, code) in enumerate(zip(weights.tables, parts.codes, strict=True), 1)
    ]
    numbers = parts.numbers[member.features] + parts.levels
    x = _joined(numbers + learned, f"member.{number}.join")
    pairs = zip(weights.layers, activations, strict=True)
    for layer, ((kernel, bias), activation) in enumerate(pairs, start=1):
        name = f"member.{number}.dense.{layer}"
        dense = keras.layers.Dense(len(bias), activation=activation, name=name)
        x = dense(x)
        dense.set_weights([kernel, bias])
    return x


def _embedded(table: FloatArray, code: Any, name: str) -> Any:
    embedding = keras.layers.Embedding(*table.shape, name=name)
    learned = keras.layers.Reshape((table.shape[1],), name=f"{name}.flat")(embedding(code))
    embedding.set_weights([table])
    return learned


def _parts(content: Content, raw: list[Any]) -> _Parts:
    features = content.features
    inputs = raw[: len(raw) - len(features.categorical)]
    strings = raw[len(inputs) :]
    levels: list[Any] = []
    codes: list[Any] = []
    if features.matrix_columns is not None:
        joined = keras.ops.take(inputs[0], list(features.positions), axis=1)
    elif inputs:
        joined = _joined(inputs, "numbers.join")
    numbers = {
        scaled: _numeric(scaled, joined, number) if inputs else []
        for number, scaled in enumerate(content.scaled_features, start=1)
    }
    for number, (category, column) in enumerate(
        zip(features.categorical, strings, strict=True), start=1
    ):
        # Index 0 is of a value that is no level.
        index = _lookup(category, number)(column)
        if category.is_embedded:
            codes.append(index)
        else:
            levels.append(_one_hot(category, index, number))
    return _Parts(numbers, levels, codes)


def _numeric(features: FittedFeatures, raw: Any, number: int) -> list[Any]:
    """Return scaled numbers, the seasons of dates, and the indicators of missing values.

    These are operations and no Normalization layer: that would take spreads below 1e-7 for 1e-7,
    and squares them, which overflows.
    """
    ops = keras.ops
    is_present = ops.isfinite(raw)
    filled = ops.where(is_present, raw, features.centers)
    parts = [_scaled(features, filled, number)]
    if features.seasons:
        dates, periods = zip(*features.seasons, strict=True)
        days = ops.take(filled, list(dates), axis=1)
        period = np.array(periods, dtype=np.float32)
        angle = ops.multiply(ops.mod(days, period), 2 * math.pi / period)
        # Sine and cosine of each season in turn.
        waves = ops.stack([ops.sin(angle), ops.cos(angle)], axis=2)
        parts.append(keras.layers.Reshape((2 * len(dates),), name=f"dates.seasons.{number}")(waves))
    if features.missing_positions:
        watched = ops.take(is_present, list(features.missing_positions), axis=1)
        parts.append(ops.cast(ops.logical_not(watched), "float32"))
    return parts


def _scaled(features: FittedFeatures, filled: Any, number: int) -> Any:
    ops = keras.ops
    if features.scaling == "none":
        return filled
    scaled = ops.divide(ops.subtract(filled, features.centers), features.scales)
    match features.scaling:
        case "standard":
            lows_R, highs_R = features.limits
            return ops.minimum(ops.maximum(scaled, lows_R), highs_R)
        case "robust":
            share = ops.divide(ops.clip(scaled, -float(FAR), float(FAR)), CLIP)
            root = ops.sqrt(ops.add(ops.multiply(share, share), 1.0))
            return ops.divide(ops.multiply(share, CLIP), root)
        case "piecewise":
            bins = features.bins
            assert bins is not None
            cut = ops.clip(scaled, -float(FAR), float(FAR))
            wide = ops.take(cut, bins.column_J.tolist(), axis=1)
            share = ops.divide(ops.subtract(wide, bins.start_J), bins.width_J)
            return ops.subtract(ops.multiply(ops.clip(share, 0.0, 1.0), 2.0), 1.0)
        case "quantile":
            steps = ramps(features)
            name = f"quantiles.ramps.{number}"
            wide = keras.layers.Reshape((len(features.numeric), 1), name=name)(scaled)
            share = ops.divide(ops.subtract(wide, steps.starts_RQ), steps.widths_RQ)
            risen = ops.multiply(ops.clip(share, 0.0, 1.0), steps.rises_RQ)
            return ops.add(ops.sum(risen, axis=2), steps.floor_R)


def _lookup(category: CategoricalFeature, number: int) -> keras.layers.Layer:
    oov = "[OOV]"
    while oov in category.levels:
        oov = f"[{oov}]"
    return keras.layers.StringLookup(
        vocabulary=list(category.levels),
        num_oov_indices=1,
        oov_token=oov,
        name=f"category.{number}.lookup",
    )


def _one_hot(category: CategoricalFeature, index: Any, number: int) -> Any:
    """Return one-hot codes [rows, width].

    A value that is no level is in the column of other levels, or in none.
    """
    index = keras.ops.subtract(index, 1)
    if category.has_other:
        index = keras.ops.where(keras.ops.less(index, 0), len(category.levels), index)
    one_hot = keras.ops.one_hot(index, category.width, dtype="float32")
    return keras.layers.Reshape((category.width,), name=f"category.{number}.levels")(one_hot)


def _predictions(target: Target, output: Any) -> Any:
    ops = keras.ops
    match target.task:
        case Task.regression:
            if target.log is not None:
                output = ops.clip(output, target.log.low, target.log.high)
            # In float64: float32 would round away a small spread beside a large mean.
            sd, mean = np.array([target.sd]), np.array([target.mean])
            seen = ops.add(ops.multiply(ops.cast(output, "float64"), sd), mean)
            if target.log is None:
                return seen
            return ops.subtract(ops.exp(seen), np.array([target.log.offset]))
        case Task.binary:
            return _joined([ops.subtract(1.0, output), output], "probabilities.join")
        case Task.multiclass:
            return output


def _joined(parts: list[Any], name: str) -> Any:
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate(name=name)(parts)


def _mean(outputs: list[Any]) -> Any:
    # No Average layer: Keras 3.15's fails on a batch of no rows.
    return keras.ops.mean(keras.ops.stack(outputs, axis=1), axis=1)
