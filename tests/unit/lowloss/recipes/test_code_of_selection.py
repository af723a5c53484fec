"""Scripts keep the inputs that tell most of the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lowloss.recipes.code_data import selection
from lowloss.spec import PredictedTargets, Recipe, Task


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning:sklearn")
def test_a_script_drops_a_column_of_one_value_first() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1000)
    # Of float64 0.1 the rounding errors make F negative here; of float32 it is 45.
    x = np.stack([np.full(1000, np.float32(0.1)), rng.normal(size=1000)], axis=1, dtype=float)
    names: dict[str, Any] = {"x_train": x, "y_train": y}
    recipe = Recipe.model_validate(
        {
            "layers": [{"units": 2, "activation": "softmax"}],
            "loss": "sparse_categorical_crossentropy",
            "missing": "mean",
            "select_features": 1,
            "validation_split": 0.0,
        }
    )
    section = selection(recipe, PredictedTargets(Task.binary, 1))

    exec("\n".join([*section.imports, *section.lines]), names)

    assert names["x_train"].tolist() == x[:, [1]].tolist()
