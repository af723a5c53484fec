"""Reads a Recipe from our own JSON, a Keras model's JSON, or a .keras file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from lowloss.errors import RecipeUnreadable
from lowloss.recipes.bounded_json import parse_json
from lowloss.recipes.imported import ImportedRecipe
from lowloss.recipes.keras_archive import is_archive, read_model_description
from lowloss.recipes.keras_config import is_description, read_description
from lowloss.recipes.keras_hdf5 import describe_attributes
from lowloss.spec import Recipe
from lowloss.validation import validate


def read_recipe(data: bytes, fit: Mapping[str, Any]) -> ImportedRecipe:
    """Read a recipe from a Recipe as JSON, a model's `to_json()`, or a .keras file.

    `fit` are fields of a Recipe that a model's file does not hold; they replace those of a
    Recipe. Raise RecipeUnreadable, RecipeUnsupported, and InvalidRequest where a field is wrong.
    """
    if is_archive(data):
        return recipe_from_keras_file(io.BytesIO(data), fit=fit)
    document = parse_json(data)
    if is_description(document):
        return read_description(document, fit)
    if not isinstance(document, dict):
        raise RecipeUnreadable(
            "the JSON is no object, and so neither a Recipe nor a Keras model",
            field="recipe",
            fix="send a Recipe, or the text of model.to_json()",
        )
    return ImportedRecipe(validate(Recipe, {**document, **fit}, field="recipe"))


def recipe_from_keras_file(
    file: str | Path | BinaryIO, *, fit: Mapping[str, Any]
) -> ImportedRecipe:
    """Read the recipe of a .keras file, never its weights; raise as `read_recipe` does."""
    if isinstance(file, str | Path):
        with Path(file).open("rb") as opened:
            return recipe_from_keras_file(opened, fit=fit)
    return read_description(parse_json(read_model_description(file)), fit)


def recipe_from_hdf5_attributes(
    attributes: Mapping[str, str], *, fit: Mapping[str, Any]
) -> ImportedRecipe:
    """Read the recipe of the attributes of an .h5 file; raise as `read_recipe` does."""
    return read_description(describe_attributes(attributes), fit)
