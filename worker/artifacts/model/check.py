"""Holds an exported file against the training engine's predictions of the test rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tensorflow as tf

from worker.artifacts.model.content import Content
from worker.artifacts.model.inputs import model_inputs, onnx_inputs
from worker.artifacts.model.save import load_model
from worker.data.columns import RawColumns
from worker.data.target import Float64Array

TOLERANCE = 1e-4
ROUNDINGS = 4.0
"""Multiples of the engine's own rounding that a file may differ by: two sums in another order."""
BATCH = 8192


@dataclass(frozen=True)
class Expected:
    """What the engine predicts of the rows `raw`; `rounding` is how exact that is in float32.

    Raw features far from 0 leave float32 few digits.
    """

    content: Content
    raw: RawColumns
    prediction_TC: Float64Array
    rounding: float = 0.0


class ModelDiffers(RuntimeError):
    """A file's predictions differ from those of the engine that trained it."""


def check_keras(path: Path, expected: Expected) -> float:
    """Check a `.keras` file, and return its largest difference over the predictions' spread.

    Raises ModelDiffers where that is above 1e-4, and above what the engine's rounding explains.
    """
    model, inputs = load_model(path), model_inputs(expected.content.features, expected.raw)
    # Not by `predict`, which casts arrays to float32 before any input (Keras 3.15).
    parts = [model(batch) for batch in _batches(inputs)]
    return _difference("model.keras", np.concatenate(parts), expected)


def check_onnx(path: Path, expected: Expected) -> float:
    """Check an ONNX file, run in onnxruntime, as `check_keras` does."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = onnx_inputs(expected.content.features, expected.raw)
    parts = [session.run(None, batch)[0] for batch in _batches(inputs)]
    return _difference("model.onnx", np.concatenate(parts), expected)


def check_saved_model(path: Path, expected: Expected) -> float:
    """Check a SavedModel's folder, by its serving signature, as `check_keras` does."""
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    inputs = model_inputs(expected.content.features, expected.raw)
    parts = [next(iter(serve(**batch).values())).numpy() for batch in _batches(inputs)]
    return _difference("saved_model", np.concatenate(parts), expected)


def _batches(inputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield some rows of each input at a time."""
    rows = len(next(iter(inputs.values())))
    for start in range(0, rows, BATCH):
        yield {name: value[start : start + BATCH] for name, value in inputs.items()}


def _difference(name: str, file_prediction_TC: Any, expected: Expected) -> float:
    content, prediction_TC = expected.content, expected.prediction_TC
    if content.target.log is not None:
        # Exponentials: what differs by 1e-4 is their logarithm.
        offset = content.target.log.offset
        file_prediction_TC, prediction_TC = (
            np.log(file_prediction_TC + offset),
            np.log(prediction_TC + offset),
        )
    spread = max(float(np.std(prediction_TC)), content.target.sd)
    worst = float(np.max(np.abs(file_prediction_TC - prediction_TC))) / spread
    # Of the network's output: the target's spread is its unit.
    explained = ROUNDINGS * expected.rounding * content.target.sd / spread
    if not worst <= max(TOLERANCE, explained):
        raise ModelDiffers(
            f"{name} differs from the engine by {worst:.2e} of the predictions' spread"
        )
    return worst
