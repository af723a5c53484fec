"""The `.keras` file, and the facts about the model that travel inside it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras

from lowloss import __version__
from worker.data.prepare import Prepared
from worker.engine.plans import TrainedTrial

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
    inputs = [
        {"input": f.input, "column": f.column, "dtype": "float32", "kind": f.kind.value}
        for f in features.numeric
    ]
    inputs += [
        {"input": f.input, "column": f.column, "dtype": "string", "kind": "categorical"}
        for f in features.categorical
    ]
    return {
        "lowloss": __version__,
        "task": target.task.value,
        "target": target.name,
        "labels": list(target.labels),
        "matrix_columns": features.matrix_columns,
        "inputs": inputs,
        "trial": trained.plan.number,
        "seed": trained.plan.seed,
        "best_epoch": trained.best_epoch,
        "rows": {
            "train": len(prepared.splits.train),
            "validation": len(prepared.splits.validation),
            "test": len(prepared.splits.test),
        },
        "test_metrics": test_metrics,
    }
