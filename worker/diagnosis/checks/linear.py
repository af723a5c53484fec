"""What a linear network cannot be blamed for: a target that is a linear function of the columns."""

from __future__ import annotations

from lowloss.results import Cause
from lowloss.spec import Recipe
from worker.diagnosis.training.data import DiagnosisData

NOT_LINEAR_ENOUGH = frozenset({Cause.too_simple, Cause.wrong_activation})


def rule_out_causes(data: DiagnosisData, recipe: Recipe) -> frozenset[Cause]:
    """Return the causes that a recipe cannot have, whatever else a remedy of theirs does.

    A linear network on a linear target is as large as it need be: what a larger one gains there
    it gains by learning faster.
    """
    if any(layer.nonlinearity != "linear" for layer in recipe.layers):
        return frozenset()
    return NOT_LINEAR_ENOUGH if data.is_linear else frozenset()
