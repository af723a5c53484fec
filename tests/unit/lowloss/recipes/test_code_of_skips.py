"""Networks with skips as Keras code."""

from __future__ import annotations

from typing import Any

from lowloss.recipes import ScriptTable, change_code, training_code
from lowloss.spec import PredictedTargets, Recipe, TargetColumn, Task

DEEP: list[dict[str, Any]] = [
    {"units": 64, "activation": "relu", "after_activation": ["concatenate"]},
    {"units": 1},
]
PLAIN = Recipe.model_validate(
    {"layers": [{"units": 64, "activation": "relu"}, DEEP[1]], "loss": "mse"}
)
SKIPPING = PLAIN.with_changes({"front_layers": ["skip_start"], "layers": DEEP})
TABLE = ScriptTable(
    "table.csv", (TargetColumn("price"),), Task.regression, numbers=("rooms",), categories=()
)


def test_a_skip_is_shown_as_a_network_of_calls() -> None:
    assert (
        change_code(PLAIN, SKIPPING, PredictedTargets(Task.regression))
        == """\
import keras

h = inputs = keras.Input((x_train.shape[1],))
skip_1 = h
h = keras.layers.Dense(64, activation="relu")(h)
h = keras.layers.Concatenate()([skip_1, h])
h = keras.layers.Dense(1)(h)
model = keras.Model(inputs, h)
"""
    )
    assert "keras.Sequential(" in change_code(SKIPPING, PLAIN, PredictedTargets(Task.regression))


def test_another_layer_beside_a_skip_is_shown_with_the_whole_network() -> None:
    after = SKIPPING.with_changes({"layers": [DEEP[0] | {"units": 8}, DEEP[1]]})

    code = change_code(SKIPPING, after, PredictedTargets(Task.regression))

    assert 'h = keras.layers.Dense(8, activation="relu")(h)' in code
    assert "h = keras.layers.Concatenate()([skip_1, h])" in code


def test_a_skip_that_nothing_takes_is_no_layer() -> None:
    started = PLAIN.with_changes({"front_layers": ["skip_start"]})

    assert training_code(started, TABLE) == training_code(PLAIN, TABLE)
