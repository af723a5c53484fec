"""What becomes of a table's columns before a recipe's network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lowloss.spec import Recipe, RecipeScaling
from worker.engine.array_types import RowNumbers
from worker.engine.bins import Bins, find_inputs

MISSING = "missing:"
"""Marks the source of a column that says where another is missing."""


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

    def find_excluded(self, sources: Sequence[str]) -> RowNumbers:
        """Return which columns are left out, whatever they tell; see `DiagnosisData.sources`."""
        has_indicators = self.missing != "keep"
        is_excluded = [
            source.removeprefix(MISSING) in self.exclude
            or (source.startswith(MISSING) and not has_indicators)
            for source in sources
        ]
        return np.flatnonzero(is_excluded)


STANDARD = Treatment("standard", "mean", ())


def count_inputs(columns: int, bins: Bins | None, unseen_D: RowNumbers) -> int:
    """Count what a first layer sees: columns, or the bins in their place, without those unseen."""
    in_bins = 0 if bins is None else len(bins.column_J) - bins.columns
    return columns + in_bins - len(find_inputs(unseen_D, bins))
