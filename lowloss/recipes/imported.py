"""The result of reading a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from lowloss.spec import Recipe


@dataclass(frozen=True)
class ImportedRecipe:
    """A recipe, and notes on where it differs from the file."""

    recipe: Recipe
    notes: tuple[str, ...] = ()
