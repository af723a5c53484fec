"""Models that Keras saved as HDF5: their description is read, and nothing else of the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import pytest

from lowloss.errors import RecipeUnreadable
from lowloss.recipes import recipe_from_hdf5_attributes
from lowloss.recipes.bounded_json import MAX_JSON_BYTES
from lowloss.recipes.keras_hdf5 import read_attributes

LAYERS = [
    {"class_name": "Dense", "config": {"name": "a", "units": 8, "activation": "relu"}},
    {"class_name": "BatchNormalization", "config": {"name": "b", "axis": [1], "momentum": 0.99}},
    {"class_name": "Dense", "config": {"name": "c", "units": 1, "activation": "linear"}},
]
MODEL = {"class_name": "Sequential", "config": {"name": "sequential", "layers": LAYERS}}
TRAINING = {
    "loss": "mse",
    "metrics": [],
    "optimizer_config": {
        "class_name": "Custom>Adam",
        "config": {"name": "Adam", "learning_rate": 0.009999999776482582, "decay": 0.0},
    },
}
FIT = {"epochs": 3, "batch_size": 32, "validation_split": 0.0}


def a_file(path: Path, **attributes: Any) -> Path:
    with h5py.File(path / "model.h5", "w") as file:
        file.create_group("model_weights").attrs["layer_names"] = ["a"]
        for name, value in attributes.items():
            file.attrs[name] = value
    return path / "model.h5"


@pytest.mark.parametrize("encode", [json.dumps, lambda value: json.dumps(value).encode()])
def test_model_and_training_are_read(tmp_path: Path, encode: Any) -> None:
    path = a_file(tmp_path, model_config=encode(MODEL), training_config=encode(TRAINING))

    imported = recipe_from_hdf5_attributes(read_attributes(path), fit=FIT)

    recipe = imported.recipe
    assert [layer.units for layer in recipe.layers] == [8, 1]
    assert recipe.layers[0].after_activation[0].name == "batch_normalization"
    assert (recipe.loss, recipe.optimizer.name) == ("mean_squared_error", "adam")
    assert recipe.optimizer.rate == 0.01
    assert imported.notes == ()


def test_a_model_that_was_not_compiled_takes_its_loss_beside(tmp_path: Path) -> None:
    path = a_file(tmp_path, model_config=json.dumps(MODEL))

    recipe = recipe_from_hdf5_attributes(read_attributes(path), fit=FIT | {"loss": "mae"}).recipe

    assert recipe.loss == "mean_absolute_error"


def test_a_file_of_weights_alone_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeUnreadable, match="weights alone"):
        read_attributes(a_file(tmp_path))


@pytest.mark.parametrize("value", [7, [1.0, 2.0], "x" * (MAX_JSON_BYTES + 1)])
def test_an_attribute_that_is_no_text_within_bounds_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(RecipeUnreadable, match="no text of up to"):
        read_attributes(a_file(tmp_path, model_config=value))


@pytest.mark.parametrize("damage", [slice(0, 100), slice(0, 900)])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: slice) -> None:
    path = a_file(tmp_path, model_config=json.dumps(MODEL))
    path.write_bytes(path.read_bytes()[damage])

    with pytest.raises(RecipeUnreadable, match="is damaged"):
        read_attributes(path)


@pytest.mark.parametrize("text", ["[]", "7", "{"])
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(RecipeUnreadable):
        recipe_from_hdf5_attributes({"model_config": text}, fit=FIT)
