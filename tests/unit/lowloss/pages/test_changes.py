"""Changes to a recipe as people read them."""

from __future__ import annotations

import json

from lowloss.pages.changes import write_change
from lowloss.spec.recipe_layer import RecipeLayer


def test_layers_are_written_without_what_keras_has_by_default() -> None:
    layers = [RecipeLayer(units=64, activation="relu"), RecipeLayer(units=1)]
    change = {"layers": [layer.model_dump(mode="json") for layer in layers], "loss": "mse"}

    written = write_change(change)

    assert (
        written == '{"layers": [{"units": 64, "activation": "relu"}, {"units": 1}], "loss": "mse"}'
    )
    assert [RecipeLayer.model_validate(one) for one in json.loads(written)["layers"]] == layers


def test_layers_of_another_version_are_written_as_they_are() -> None:
    change = {"layers": [{"units": 64, "sparsity": 0.5}]}

    assert json.loads(write_change(change)) == change


def test_change_without_layers_has_none() -> None:
    assert write_change({"scale_target": "standard"}) == '{"scale_target": "standard"}'
