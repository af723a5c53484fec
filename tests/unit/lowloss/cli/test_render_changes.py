"""A change to a recipe on the terminal is as short as what differs."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.cli.rendering.changes import describe_change
from tests.builders.diagnoses import a_recipe

LAYERS: list[dict[str, Any]] = [
    {"units": 64, "activation": "relu"},
    {"units": 64, "activation": "relu"},
    {"units": 1},
]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"scale_target": "standard"}, '{"scale_target": "standard"}'),
        (
            {"layers": [LAYERS[0], LAYERS[1] | {"units": 256, "dropout": 0.2}, LAYERS[2]]},
            "layer 2: units 64 → 256, dropout 0.0 → 0.2",
        ),
        (
            {"layers": [*LAYERS[:2], {"units": 1, "activation": "sigmoid"}], "epochs": 9},
            'layer 3: activation linear → sigmoid; {"epochs": 9}',
        ),
        ({"layers": LAYERS[1:]}, '{"layers": [{"units": 64, "activation": "relu"}, {"units": 1}]}'),
        ({"layers": [{"neurons": 3}]}, '{"layers": [{"neurons": 3}]}'),
    ],
)
def test_only_what_differs_is_told(change: dict[str, Any], text: str) -> None:
    assert describe_change(change, a_recipe(layers=LAYERS)) == text
