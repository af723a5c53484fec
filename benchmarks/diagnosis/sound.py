"""Sound recipes: drawn at random from what a careful user might have written."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import numpy as np

from benchmarks.diagnosis.program_table import ProgramTable
from lowloss.spec import Recipe, RecipeLayer, Task

FEW_ROWS = 600
"""A table with fewer is trained with smaller batches, fewer units and more epochs."""
WIDTHS = (16, 32, 48, 64, 96, 128)
ACTIVATIONS = ("relu", "relu", "tanh", "gelu", "elu")
PLENTY = {"adam": (0.001, 0.003), "adamw": (0.001, 0.003), "rmsprop": (0.001,), "sgd": (0.01, 0.03)}
SCARCE = {"adam": (0.003, 0.005), "adamw": (0.003, 0.005), "rmsprop": (0.003,), "sgd": (0.03,)}
"""Learning rates by optimizer, where steps are plenty and where an epoch has few."""
MOMENTUM = 0.9
SERIES = 2
"""Another number makes other programs of the same tables: thresholds were chosen on series 1."""

T = TypeVar("T")


def seed_of(*names: object) -> int:
    """Return the same seed for the same names, on every machine."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def sound_recipe(table: ProgramTable, number: int) -> Recipe:
    """Return the sound recipe of a table with some number."""
    rng = np.random.default_rng(seed_of(table.name, number, SERIES))
    is_scarce = table.rows < FEW_ROWS
    is_regression = table.task is Task.regression
    output = output_of(table, int(rng.integers(2)))
    return Recipe.model_validate(
        {
            "scale_features": _one_of(rng, table.scalings),
            "scale_target": "standard" if is_regression else "none",
            "missing": "mean" if table.has_missing else "keep",
            "layers": [*_hidden(rng, table), output],
            "loss": loss_of(table.task, output.units),
            "optimizer": _optimizer(rng, SCARCE if is_scarce else PLENTY),
            "batch_size": _one_of(rng, (16, 32) if is_scarce else (16, 32, 64)),
            "epochs": _one_of(rng, (150, 200) if is_scarce else (100, 150, 200)),
            "validation_split": 0.2,
            "early_stopping": {
                "patience": _one_of(rng, (15, 20) if is_scarce else (10, 15, 20)),
                "restore_best_weights": True,
            },
        }
    )


def output_of(table: ProgramTable, draw: int = 0) -> RecipeLayer:
    """Return an output layer that fits the target; two classes may have one unit each.

    Or one in all.
    """
    if table.task is Task.regression:
        return RecipeLayer(units=1)
    if table.task is Task.binary and draw == 0:
        return RecipeLayer(units=1, activation="sigmoid")
    return RecipeLayer(units=table.classes, activation="softmax")


def loss_of(task: Task, units: int) -> str:
    """Return the loss that fits a task; that of two classes depends on the output's units."""
    if task is Task.regression:
        return "mean_squared_error"
    is_one_unit = task is Task.binary and units == 1
    return "binary_crossentropy" if is_one_unit else "sparse_categorical_crossentropy"


def _hidden(rng: np.random.Generator, table: ProgramTable) -> list[dict[str, Any]]:
    widest = 64 if table.rows < FEW_ROWS else 128
    widths = [width for width in WIDTHS if table.min_width <= width <= widest]
    deepest = 2 if table.rows < FEW_ROWS else 3
    layers = int(rng.integers(table.min_layers, deepest + 1))
    activation = _one_of(rng, ACTIVATIONS)
    layer = {
        "activation": activation,
        "kernel_initializer": "he_normal" if activation in {"relu", "gelu"} else "glorot_uniform",
        "l2": _one_of(rng, (0.0, 0.0, 1e-5, 1e-4)),
        "dropout": _one_of(rng, table.dropouts),
    }
    return [layer | {"units": _one_of(rng, widths)} for _ in range(layers)]


def _optimizer(rng: np.random.Generator, rates: dict[str, tuple[float, ...]]) -> dict[str, Any]:
    name = _one_of(rng, ("adam", "adam", "adamw", "rmsprop", "sgd"))
    optimizer: dict[str, Any] = {"name": name, "learning_rate": _one_of(rng, rates[name])}
    if name == "sgd":
        optimizer["momentum"] = MOMENTUM
    if name == "adamw":
        optimizer["weight_decay"] = _one_of(rng, (1e-4, 1e-3))
    return optimizer


def _one_of(rng: np.random.Generator, choices: tuple[T, ...] | list[T]) -> T:
    return choices[int(rng.integers(len(choices)))]
