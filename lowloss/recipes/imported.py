"""What reading a recipe gives."""

from __future__ import annotations

from dataclasses import dataclass

from lowloss.spec import Recipe


@dataclass(frozen=True)
class ImportedRecipe:
    """A recipe, and what was taken otherwise than the file says."""

    recipe: Recipe
    notes: tuple[str, ...] = ()
