"""The Keras code of recipes trains what the recipe says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest
from sklearn.model_selection import train_test_split

from lowloss.recipes import ScriptTable, read_recipe, training_code
from lowloss.spec import Recipe, TargetColumn, Task

RNG = np.random.default_rng(0)
ROWS = 60
X = RNG.normal(size=(ROWS, 4)) * [1, 10, 100, 1000]
COLUMNS = ["a", "b", "c", "row_id"]
CITIES = ["Lyon", "Nice", ""] * (ROWS // 3)

REGRESSION = {
    "exclude": ["row_id"],
    "scale_features": "robust",
    "scale_target": "standard",
    "missing": "mean",
    "noise": 0.1,
    "layers": [
        {
            "units": 8,
            "activation": "relu",
            "kernel_initializer": {"name": "random_uniform", "scale": 0.2},
            "l1": 1e-5,
            "l2": 1e-4,
            "dropout": 0.1,
        },
        {"units": 1},
    ],
    "loss": "huber",
    "optimizer": {"name": "adamw", "schedule": "cosine", "clip_norm": 1.0},
    "epochs": 3,
    "validation_split": 0.25,
    "early_stopping": {"patience": 2, "restore_best_weights": True},
}
CLASSES = {
    "scale_features": "quantile",
    "class_weight": "balanced",
    "layers": [{"units": 6, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
    "loss": "sparse_categorical_crossentropy",
    "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
    "epochs": 2,
    "validation_split": 0.2,
}


LAYERED = REGRESSION | {
    "noise": 0.0,
    "front_layers": [{"name": "dropout", "rate": 0.1}],
    "layers": [
        {
            "units": 8,
            "use_bias": False,
            "activation": "relu",
            "after_dense": ["batch_normalization"],
            "after_activation": [{"name": "layer_normalization", "epsilon": 1e-6}],
            "dropout": 0.1,
        },
        {"units": 6, "after_dense": ["prelu", "unit_normalization"]},
        {"units": 1},
    ],
}


WITH_SKIPS = REGRESSION | {
    "front_layers": ["skip_start"],
    "layers": [
        {"units": 8, "after_activation": [{"name": "skip_start", "skip": 2}], "activation": "relu"},
        {"units": 6, "activation": "gelu", "l1": 1e-5, "l2": 1e-4, "dropout": 0.1},
        {"units": 8, "after_dense": [{"name": "add", "skip": 2}], "activation": "relu"},
        {"units": 8, "after_dense": ["batch_normalization", "concatenate"]},
        {"units": 1},
    ],
}


def write_table(recipe: Recipe, task: Task, folder: Path) -> tuple[Path, ScriptTable]:
    """A CSV with a target of a task, and what a script of the recipe is told of it."""
    classes = 2 if task is Task.binary else 3
    y = X[:, 0] * 1000 if task is Task.regression else RNG.integers(0, classes, ROWS)
    y = y + 5 if recipe.encode_labels else y
    x = X.copy()
    if recipe.missing == "mean":
        x[::7, 1] = np.nan
    path = folder / "table.csv"
    frame = pl.DataFrame(x, schema=COLUMNS).with_columns(city=pl.Series(CITIES), y=y)
    frame.fill_nan(None).write_csv(path)
    labels = () if task is Task.regression else tuple(map(str, sorted(set(y.tolist()))))
    targets = (TargetColumn("y", labels),)
    table = ScriptTable("elsewhere.csv", targets, task, tuple(COLUMNS), categories=("city",))
    return path, table


def judge_by_hand(recipe: Recipe, names: dict[str, Any]) -> float:
    """RMSE or accuracy of a script's own `predict` on the raw rows that it held out."""
    is_last = recipe.validation_rows == "last"
    order: dict[str, Any] = {"shuffle": False} if is_last else {"random_state": 0}
    _, x, _, y = train_test_split(
        names["x"], names["y"], test_size=recipe.validation_split, **order
    )
    answers = names["predict"](x)
    if recipe.output.activation == "linear":
        return float(np.sqrt(np.mean(np.square(answers[:, 0] - y))))
    is_alone = recipe.output.units == 1
    classes = np.round(answers[:, 0]) if is_alone else np.argmax(answers, axis=1)
    return float(np.mean(classes == y))


@pytest.mark.filterwarnings("ignore:n_quantiles:UserWarning:sklearn")
@pytest.mark.parametrize(
    ("given", "task"),
    [
        (REGRESSION, Task.regression),
        (LAYERED, Task.regression),
        (WITH_SKIPS, Task.regression),
        (REGRESSION | {"mixup": 0.2, "scale_target": "none"}, Task.regression),
        (CLASSES, Task.multiclass),
        (REGRESSION | {"select_features": 3}, Task.regression),
        (CLASSES | {"mixup": 0.4}, Task.multiclass),
        (
            CLASSES | {"scale_features": "piecewise", "missing": "mean", "select_features": 2},
            Task.multiclass,
        ),
        (CLASSES | {"missing": "mean", "select_features": 100}, Task.multiclass),
        (CLASSES | {"scale_features": "piecewise", "missing": "mean"}, Task.multiclass),
        (CLASSES | {"validation_rows": "last", "shuffle": False}, Task.multiclass),
        (CLASSES | {"encode_labels": True}, Task.multiclass),
        (CLASSES | {"loss": "categorical_crossentropy"}, Task.multiclass),
        (
            CLASSES
            | {"layers": [{"units": 1, "activation": "sigmoid"}], "loss": "binary_crossentropy"},
            Task.binary,
        ),
    ],
    ids=[
        "regression",
        "further layers",
        "skips",
        "mixed rows",
        "classes",
        "inputs selected",
        "mixed classes",
        "bins of inputs selected",
        "fewer inputs than are selected",
        "bins",
        "rows in their order",
        "classes from 5",
        "one-hot classes",
        "two classes",
    ],
)
def test_the_script_trains_the_recipe(
    given: dict[str, object],
    task: Task,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = Recipe.model_validate(given)
    path, table = write_table(recipe, task, tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py", str(path)])
    keras.utils.set_random_seed(0)
    names: dict[str, Any] = {}

    exec(compile(training_code(recipe, table), "train.py", "exec"), names)

    *_, said = capsys.readouterr().out.splitlines()
    model = names["model"]
    answers = names["predict"](names["x"])
    losses = model.history.history["loss"]
    assert len(losses) == recipe.epochs
    assert np.isfinite(losses).all()
    assert answers.shape == (ROWS, recipe.output.units)
    assert float(said.split()[-1].strip("[]")) == pytest.approx(
        judge_by_hand(recipe, names), rel=1e-3
    )
    # What Keras trained, read again: mixed classes need the other form of the same loss.
    fit = recipe.model_dump(
        mode="json", exclude={"front_layers", "layers", "loss", "optimizer", "noise"}
    )
    again = read_recipe(model.to_json().encode(), fit).recipe
    loss = again.loss.removeprefix("sparse_")
    assert loss == recipe.loss.removeprefix("sparse_")
    assert again.inputs == model.input_shape[1]
    assert again.with_changes({"loss": recipe.loss, "inputs": None}) == recipe.with_changes(
        {"optimizer": {"learning_rate": recipe.optimizer.rate}}
    )
