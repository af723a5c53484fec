"""Builders of recipes and of the data that they are diagnosed on. No TensorFlow here."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from lowloss.results import ExcludedColumn
from lowloss.spec import DiagnosisSpec, Recipe
from lowloss.tables.table import Table
from service.tables.check import CheckedJob
from service.tables.check_recipe import check_diagnosis
from tests.builders.tables import LIMITS, a_dataset_of
from worker.diagnosis.training.data import DiagnosisData, read_data

SOUND: dict[str, Any] = {
    "scale_features": "standard",
    "scale_target": "standard",
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "epochs": 150,
    "validation_split": 0.2,
    "early_stopping": {"patience": 15, "restore_best_weights": True},
}
"""How a sound recipe of a regression is fitted."""


def a_network(*units: int, **given: Any) -> Recipe:
    """A recipe with hidden layers of so many units; `hidden` and `output` are fields of layers."""
    dense = {"activation": "relu", "kernel_initializer": "he_normal"} | given.pop("hidden", {})
    last = {"units": 1} | given.pop("output", {})
    layers = [dense | {"units": each} for each in units] + [last]
    return Recipe.model_validate({"layers": layers, "loss": "mse"} | given)


def some_numbers(rows: int = 300, seed: int = 0, scale: float = 1.0) -> dict[str, Any]:
    """Four columns of about one scale, and a target that three of them tell."""
    rng = np.random.default_rng(seed)
    x_NF = rng.normal(size=(rows, 4))
    y = x_NF[:, 0] + np.sin(2 * x_NF[:, 1]) + x_NF[:, 2] + 0.1 * rng.normal(size=rows)
    columns = {f"x{place}": x_NF[:, place] for place in range(4)}
    return {**columns, "y": scale * y}


def some_classes(rows: int = 300, classes: int = 3, seed: int = 0) -> dict[str, Any]:
    """Two columns in which each class has a place of its own."""
    rng = np.random.default_rng(seed)
    label = np.arange(rows) % classes
    places = rng.normal(size=(classes, 2)) * 4
    x_NF = places[label] + rng.normal(size=(rows, 2))
    return {"x0": x_NF[:, 0], "x1": x_NF[:, 1], "y": label}


def several_numbers(rows: int = 300, seed: int = 0) -> dict[str, Any]:
    """Four columns, and three targets that they tell: `wide` has 100,000 times the others' units."""
    columns = some_numbers(rows, seed)
    noise = np.random.default_rng(seed + 1).normal(size=(2, rows)) * 0.1
    x0, x1, x2, x3, wide = columns.values()
    del columns["y"]
    return {**columns, "wide": 1e5 * wide, "low": x0 - x3 + noise[0], "high": x1 * x2 + noise[1]}


def several_labels(rows: int = 300, seed: int = 0) -> dict[str, Any]:
    """Four columns, and three labels that they tell, which do not exclude each other."""
    x_NF = np.random.default_rng(seed).normal(size=(rows, 4))
    columns = {f"x{place}": x_NF[:, place] for place in range(4)}
    labels = {"red": x_NF[:, 0] > 0, "green": x_NF[:, 1] > 0.5, "blue": x_NF[:, 0] + x_NF[:, 2] > 0}
    return columns | {name: there.astype(int) for name, there in labels.items()}


NUMBERS = ("wide", "low", "high")
LABELS = ("red", "green", "blue")


def a_case(
    columns: dict[str, Any],
    recipe: Recipe,
    seconds: float = 60,
    targets: tuple[str, ...] = ("y",),
) -> tuple[Table, DiagnosisSpec, CheckedJob]:
    """What `diagnose` is given for a recipe on some columns; the usual target is `y`."""
    table = Table(pl.DataFrame(columns), is_matrix=False)
    budget = {"max_seconds": seconds}
    spec = DiagnosisSpec.model_validate(
        {"dataset": "ds_1", "target": targets, "recipe": recipe, "budget": budget}
    )
    return table, spec, check_diagnosis(spec, a_dataset_of(table), limits=LIMITS)


def data_of(
    columns: dict[str, Any],
    recipe: Recipe,
    draws: int = 2,
    targets: tuple[str, ...] = ("y",),
) -> tuple[DiagnosisData, tuple[ExcludedColumn, ...]]:
    """The data as the recipe's diagnosis reads them, and the columns that it leaves out."""
    table, _, checked = a_case(columns, recipe, targets=targets)
    data = read_data(table, checked, recipe, draws=draws, max_rows=10_000, seed=0)
    return data, checked.excluded
