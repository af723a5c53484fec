"""Models under test: networks with random or trained weights, written to files."""

from __future__ import annotations

import dataclasses
import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.builders.trainings import a_plan, a_training
from worker.artifacts.model.build import build_model
from worker.artifacts.model.check import Expected, check_keras, check_onnx
from worker.artifacts.model.content import model_content
from worker.artifacts.model.save import METADATA, describe_model, save_model
from worker.artifacts.model.to_onnx import save_onnx
from worker.data.prepare import Prepared
from worker.winner.final_model import FinalModel


def as_if_trained(
    prepared: Prepared, *, members: int = 1, fold: int = 0, **plan: Any
) -> FinalModel:
    """Networks with random weights: what a model makes of them owes nothing to training."""
    rng = np.random.default_rng(0)
    arrays = prepared.arrays
    plan_of_all = a_plan(widths=(8,), fold=fold, **plan)
    sizes = [arrays.inputs(has_bins=arrays.has_bins(plan_of_all)), 8, arrays.outputs]
    shapes = [shape for pair in itertools.pairwise(sizes) for shape in (pair, pair[1:])]
    shapes += [(embedding.codes, embedding.size) for embedding in arrays.embeddings]
    trained = a_training(plan_of_all)
    return FinalModel(
        prepared,
        tuple(
            dataclasses.replace(
                trained, weights=tuple(rng.normal(size=s).astype(np.float32) for s in shapes)
            )
            for _ in range(members)
        ),
    )


def save_both(final: FinalModel, folder: Path) -> tuple[Path, Path]:
    """The model as `model.keras` and as `model.onnx`."""
    metadata = describe_model(model_content(final), final.prepared, {"rmse": 1.0})
    keras_path, onnx_path = folder / "model.keras", folder / "model.onnx"
    save_model(build_model(model_content(final)), keras_path, metadata)
    save_onnx(model_content(final), onnx_path, metadata)
    return keras_path, onnx_path


def worst_difference(final: FinalModel, folder: Path) -> float:
    """Of both files from the engine's answers to the test rows, as a share of their spread."""
    keras_path, onnx_path = save_both(final, folder)
    content, raw = model_content(final), final.prepared.raw_test
    expected = Expected(content, raw, final.predict_test(), final.rounding())
    checks = (check_keras, keras_path), (check_onnx, onnx_path)
    return max(check(path, expected) for check, path in checks)


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the metadata inside a `.keras` file of ours."""
    with zipfile.ZipFile(path) as archive:
        content: dict[str, Any] = json.loads(archive.read(METADATA))
    return content
