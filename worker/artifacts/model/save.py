"""The `.keras` file, and the facts about the model that travel inside it."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from lowloss import __version__
from worker.artifacts.model.content import MATRIX_INPUT, Content, Member
from worker.data.features import CategoricalFeature, FittedFeatures
from worker.data.prepare import Prepared
from worker.winner.linear import LINEAR_NUMBER, PENALTY

Metrics = dict[str, float]
MAX_LISTED = 10_000
"""The most values of a category that the metadata lists."""
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


def save_saved_model(model: keras.Model, folder: Path) -> Path:
    """Write a SavedModel with its serving signature into a folder, and return the zip of it."""
    model.export(folder, format="tf_saved_model", verbose=False)
    return Path(shutil.make_archive(str(folder), "zip", folder))


def describe_model(content: Content, prepared: Prepared, test_metrics: Metrics) -> dict[str, Any]:
    """Describe what a user of the file needs to know: inputs, outputs, and the training."""
    features, target, splits = content.features, content.target, prepared.splits
    split = prepared.fits[content.members[0].trained.plan.fold].split
    return {
        "lowloss": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "task": target.task.value,
        "target": target.name,
        "labels": list(target.labels),
        "matrix_columns": features.matrix_columns,
        "inputs": _describe_inputs(features, prepared),
        "members": [_describe_member(member) for member in content.members],
        "rows": {
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(splits.test),
        },
        "test_metrics": test_metrics,
    }


def _describe_member(member: Member) -> dict[str, Any]:
    """Describe a network's training; a solved one had none."""
    inputs = {
        "scaling": member.features.scaling,
        "select_features": member.fit.choice.select_features,
    }
    if member.trained.plan.number == LINEAR_NUMBER:
        return {"solved": "ridge or logistic regression", "penalty": PENALTY} | inputs
    plan, best_epoch = asdict(member.trained.plan), member.trained.best_epoch
    return {"plan": plan, "best_epoch": best_epoch} | inputs


def _describe_inputs(features: FittedFeatures, prepared: Prepared) -> list[dict[str, Any]]:
    """Describe each input: its column, its type, and how the texts of the column were read."""
    inputs: list[dict[str, Any]] = [
        {
            "input": f.input,
            "column": f.column,
            "dtype": "float32" if f.offset is None else "float64",
            "kind": f.kind.value,
        }
        for f in features.numeric
    ]
    inputs += [
        {
            "input": f.input,
            "column": f.column,
            "dtype": "string",
            "kind": "categorical",
            "values": _list_values(f),
        }
        for f in features.categorical
    ]
    readings = {c.name: c.reading for c in prepared.labelled.columns if c.reading is not None}
    for entry in inputs:
        if (reading := readings.get(entry["column"])) is not None:
            entry["reading"] = reading.model_dump(mode="json", exclude_none=True)
    if features.matrix_columns is not None:
        for entry, position in zip(inputs, features.positions, strict=True):
            entry |= {"input": MATRIX_INPUT, "position": position}
    return inputs


def _list_values(feature: CategoricalFeature) -> list[str] | None:
    """Return the values that training rows had; None where these are too many."""
    values = [*feature.levels, *feature.others]
    return values if len(values) <= MAX_LISTED else None
