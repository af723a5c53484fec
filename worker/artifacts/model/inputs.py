"""Raw columns as the exported model's inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.artifacts.model.content import MATRIX_INPUT
from worker.data.columns import RawColumns
from worker.data.features import FittedFeatures
from worker.engine.array_types import FloatArray


def model_inputs(features: FittedFeatures, raw: RawColumns) -> dict[str, Any]:
    """Build the tensors that an exported model takes: [rows, 1] each, or one [rows, D] `X`."""
    if features.matrix_columns is not None:
        matrix = np.zeros((len(raw.numeric_NR), features.matrix_columns), dtype=np.float32)
        matrix[:, features.positions] = raw.numeric_NR
        return {MATRIX_INPUT: tf.constant(matrix)}
    inputs: dict[str, Any] = {
        feature.input: tf.constant(_add_offset(raw.numeric_NR[:, [position]], feature.offset))
        for position, feature in enumerate(features.numeric)
    }
    for feature, strings in zip(features.categorical, raw.strings, strict=True):
        inputs[feature.input] = tf.constant(strings.to_list(), dtype=tf.string)[:, tf.newaxis]
    return inputs


def _add_offset(values_N: FloatArray, offset: float | None) -> NDArray[np.floating[Any]]:
    """Return numbers as their user has them: in float64 where something was subtracted."""
    return values_N if offset is None else values_N.astype(np.float64) + offset


def onnx_inputs(features: FittedFeatures, raw: RawColumns) -> dict[str, Any]:
    """Build the arrays that onnxruntime takes: strings are objects."""
    tensors = {name: tensor.numpy() for name, tensor in model_inputs(features, raw).items()}
    for feature, strings in zip(features.categorical, raw.strings, strict=True):
        tensors[feature.input] = np.array(strings.to_list(), dtype=object)[:, None]
    return tensors
