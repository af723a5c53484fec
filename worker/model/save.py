"""The `.keras` file, and the facts about the model that travel inside it."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lowloss import __version__
from worker.data.prepare import Prepared
from worker.data.target import Float64Array
from worker.engine.plans import TrainedTrial
from worker.model.build import MATRIX_INPUT
from worker.model.inputs import model_inputs

TOLERANCE = 1e-4
METADATA = "lowloss.json"
"""The member of the archive with the metadata; Keras reads the members it knows and no other."""


def save_model(model: keras.Model, path: Path, metadata: dict[str, Any]) -> None:
    """Write a `.keras` file with its metadata inside."""
    model.save(path)
    with zipfile.ZipFile(path, "a", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(METADATA, json.dumps(metadata, indent=1, ensure_ascii=False))


def load_model(path: Path) -> keras.Model:
    """Load a `.keras` file in safe mode, as its user will."""
    return keras.models.load_model(path, safe_mode=True, compile=False)


def check_model(path: Path, prepared: Prepared, answer_TC: Float64Array) -> None:
    """Hold a saved file against the engine's answers to the test rows; raises where they differ.

    They may differ by 1e-4 of the answers' spread or of the target's.
    """
    inputs = model_inputs(prepared.features, prepared.raw_test)
    found_TC = load_model(path).predict(inputs, verbose=0)
    spread = max(float(np.std(answer_TC)), prepared.target.sd)
    worst = float(np.max(np.abs(found_TC - answer_TC))) / spread
    if not worst <= TOLERANCE:
        raise RuntimeError(f"the saved model differs from the engine by {worst:.2e} of the spread")


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata inside a `.keras` file of ours."""
    with zipfile.ZipFile(path) as archive:
        content: dict[str, Any] = json.loads(archive.read(METADATA))
    return content


def describe_model(
    prepared: Prepared, trained: TrainedTrial, test_metrics: dict[str, float]
) -> dict[str, Any]:
    """What a user of the file needs to know: inputs, outputs, and how it was trained."""
    features, target = prepared.features, prepared.target
    inputs: list[dict[str, Any]] = [
        {"input": f.input, "column": f.column, "dtype": "float32", "kind": f.kind.value}
        for f in features.numeric
    ]
    inputs += [
        {"input": f.input, "column": f.column, "dtype": "string", "kind": "categorical"}
        for f in features.categorical
    ]
    if features.matrix_columns is not None:
        for each, position in zip(inputs, features.positions, strict=True):
            each |= {"input": MATRIX_INPUT, "position": position}
    return {
        "lowloss": __version__,
        "task": target.task.value,
        "target": target.name,
        "labels": list(target.labels),
        "matrix_columns": features.matrix_columns,
        "inputs": inputs,
        "plan": asdict(trained.plan),
        "best_epoch": trained.best_epoch,
        "rows": {
            "train": len(prepared.splits.train),
            "validation": len(prepared.splits.validation),
            "test": len(prepared.splits.test),
        },
        "test_metrics": test_metrics,
    }
