"""From what a user has to a Recipe: our own JSON, a Keras model's JSON, or a .keras file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lowloss.spec import Recipe


@dataclass(frozen=True)
class Imported:
    """A recipe, and what was taken otherwise than the model says."""

    recipe: Recipe
    notes: tuple[str, ...] = ()


def read_recipe(data: bytes, fit: Mapping[str, Any]) -> Imported:
    """The recipe that the bytes hold: a Recipe as JSON, a model's `to_json()`, or a .keras file.

    `fit` are fields of a Recipe that a model file does not hold; they win over those of a Recipe.
    Raises RecipeUnreadable, RecipeUnsupported, and InvalidRequest where a field is wrong.
    """
    raise NotImplementedError


def recipe_from_json(text: bytes | str, *, fit: Mapping[str, Any]) -> Imported:
    """The recipe of a Keras model's `to_json()`. Raises as `read_recipe` does."""
    raise NotImplementedError


def recipe_from_keras_file(file: str | Path | BinaryIO, *, fit: Mapping[str, Any]) -> Imported:
    """The recipe of a .keras file; its weights are never read. Raises as `read_recipe` does."""
    raise NotImplementedError
