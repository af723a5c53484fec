"""The faults that programs are made of: what each does, and which causes name it rightly."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.diagnosis.recipe_edits import Edit as RecipeEdit
from benchmarks.diagnosis.recipe_edits import unchanged
from benchmarks.diagnosis.table_edits import Edit as TableEdit
from lowloss.results import Cause

SAME = {
    # All let the network learn the training rows by heart, and each remedy stops that.
    Cause.too_complex: {Cause.no_early_stopping, Cause.regularisation_missing},
    Cause.regularisation_missing: {Cause.no_early_stopping, Cause.too_complex},
    Cause.no_early_stopping: {Cause.regularisation_missing, Cause.too_complex},
    # Early stopping that has no rows to watch never stops.
    Cause.no_validation_split: {Cause.no_early_stopping},
    # Many sigmoid layers: gradients vanish since the activation saturates.
    Cause.vanishing_gradients: {Cause.wrong_activation, Cause.saturated_units},
    # Large initial weights saturate tanh, and multiply gradients elsewhere.
    Cause.saturated_units: {Cause.poor_initialisation, Cause.exploding_gradients},
    Cause.exploding_gradients: {Cause.poor_initialisation, Cause.saturated_units},
    # Units that begin dead were given weights that make them so.
    Cause.dead_units: {Cause.poor_initialisation},
    # Few large steps: smaller batches, longer steps or more epochs are one remedy.
    Cause.batch_size: {Cause.too_few_epochs, Cause.learning_rate_too_low},
    # Plain SGD with a small rate is slow by both.
    Cause.optimizer: {Cause.learning_rate_too_low},
}
"""Causes that are truly the same thing as that of a fault, unless the fault says otherwise."""
NO_CAUSES: frozenset[Cause] = frozenset()


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and the tables that it is tried on.

    `also` are causes that name this very fault as rightly as `cause`; None for those of `SAME`.
    `sound` makes a recipe that copes with the edited table; `is_undone` says whether one can: where
    it cannot, harm is told by the table as it was. What is `silent` raises no loss of itself, and
    only has to be named.
    """

    name: str
    cause: Cause
    tables: tuple[str, ...]
    recipe: RecipeEdit = unchanged
    table: TableEdit | None = None
    sound: RecipeEdit = unchanged
    also: frozenset[Cause] | None = None
    is_undone: bool = True
    is_silent: bool = False

    @property
    def accepted(self) -> frozenset[Cause]:
        """Every cause that names it rightly."""
        also = SAME.get(self.cause, NO_CAUSES) if self.also is None else self.also
        return frozenset({self.cause}) | also
