"""What a linear network cannot be blamed for: a target that is a linear function of the columns."""

from __future__ import annotations

import numpy as np

from lowloss.results import Cause
from lowloss.spec import Recipe, Task
from worker.diagnosis.thresholds import LINEAR_REST
from worker.diagnosis.training.data import DiagnosisData, Treatment

NOT_LINEAR_ENOUGH = frozenset({Cause.too_simple, Cause.wrong_activation})
STANDARD = Treatment("standard", "mean", ())
ROWS_PER_WEIGHT = 2
"""Training rows a weight, at least: a line through as many points as weights says nothing."""


def rule_out_causes(data: DiagnosisData, recipe: Recipe) -> frozenset[Cause]:
    """Return the causes that a recipe cannot have, whatever else a remedy of theirs does.

    A linear network on a linear target is as large as it need be: what a larger one gains there
    it gains by learning faster.
    """
    if any(layer.nonlinearity != "linear" for layer in recipe.layers):
        return frozenset()
    return NOT_LINEAR_ENOUGH if is_linear(data) else frozenset()


def is_linear(data: DiagnosisData) -> bool:
    """Return whether least squares of the columns leave next to nothing of every target."""
    draw = data.draws[0]
    x_ND = data.transform(STANDARD, draw).astype(np.float64)
    x_ND = np.hstack([x_ND, np.ones((len(x_ND), 1))])
    fit_N = draw.fit_rows
    if data.task is not Task.regression or len(fit_N) < ROWS_PER_WEIGHT * x_ND.shape[1]:
        return False
    y_NT = data.y.reshape(len(data.y), -1)
    weights_DT = np.linalg.lstsq(x_ND[fit_N], y_NT[fit_N], rcond=None)[0]
    judged_MT = y_NT[draw.judge]
    rest_T = np.square(judged_MT - x_ND[draw.judge] @ weights_DT).mean(axis=0)
    return bool((rest_T <= LINEAR_REST * judged_MT.var(axis=0)).all())
