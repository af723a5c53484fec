"""What becomes of a table's columns before a recipe's network sees them."""

from __future__ import annotations

from dataclasses import dataclass

from lowloss.spec import Recipe, RecipeScaling


@dataclass(frozen=True)
class Treatment:
    """What becomes of the columns before the network sees them."""

    scale_features: RecipeScaling
    missing: str
    exclude: tuple[str, ...]
    select_features: int | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> Treatment:
        """Return the treatment of a recipe."""
        return cls(recipe.scale_features, recipe.missing, recipe.exclude, recipe.select_features)


STANDARD = Treatment("standard", "mean", ())
