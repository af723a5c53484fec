"""Chooses the networks whose mean a model predicts, by their predictions of validation rows.

Greedily and with replacement (Caruana et al. 2004, "Ensemble selection from libraries of models").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lowloss.spec import Objective, Task
from worker.data.prepare import FittedFold, Prepared
from worker.data.scores import SMALLEST_PROBABILITY, mean_metrics, objective_value, scores
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray
from worker.trials.folds import TrainingResult

Outputs = list[Float64Array]
"""Sums or means of networks' outputs for the validation rows of each fold [M, C]."""


def choose_members(
    candidates: Sequence[TrainingResult],
    prepared: Prepared,
    objective: Objective,
    count: int,
    *,
    goes_on: Callable[[], bool] = lambda: True,
) -> list[TrainingResult]:
    """Return `count` of the candidates, some of them several times, whose mean predicts best.

    That is the objective of validation rows, on average over folds; the first of equals is taken.
    Every candidate was trained on all folds. Fewer are returned once `goes_on` returns False.
    """
    fits = [prepared.fits[fold.plan.fold] for fold in candidates[0].folds]
    y_of_folds = [prepared.labelled.y[fit.split.validation] for fit in fits]
    outputs = [[fold.val_output_MC for fold in candidate.folds] for candidate in candidates]
    totals: Outputs = [np.zeros(output_MC.shape) for output_MC in outputs[0]]
    chosen: list[TrainingResult] = []
    while len(chosen) < count:
        costs = []
        for output in outputs:
            if not goes_on():
                return chosen
            mean = [total / (len(chosen) + 1) for total in _sums(totals, output)]
            costs.append(_cost(mean, y_of_folds, fits, objective))
        best = int(np.argmin(costs))
        totals = _sums(totals, outputs[best])
        chosen.append(candidates[best])
    return chosen


def _sums(totals: Outputs, output: Sequence[FloatArray]) -> Outputs:
    return [total_MC + output_MC for total_MC, output_MC in zip(totals, output, strict=True)]


def _cost(
    outputs: Outputs,
    y_of_folds: Sequence[Float64Array],
    fits: Sequence[FittedFold],
    objective: Objective,
) -> float:
    """Return the objective, of which less is better; NaN where the rows do not define it."""
    pairs = list(zip(outputs, y_of_folds, fits, strict=True))
    if objective is Objective.val_loss:
        return float(np.mean([_val_loss(output_MC, y_M, fit) for output_MC, y_M, fit in pairs]))
    metrics = [
        scores(fit.target, y_M, fit.target.to_predictions(output_MC.astype(np.float32)))
        for output_MC, y_M, fit in pairs
    ]
    return objective.direction.sign * objective_value(objective, mean_metrics(metrics))


def _val_loss(output_MC: Float64Array, y_M: Float64Array, fit: FittedFold) -> float:
    """Return the mean squared error, or the log loss, of rows as the network sees them."""
    target, rows = fit.target, np.arange(len(y_M))
    match target.task:
        case Task.regression:
            error_M = output_MC[:, 0] - target.standardise(y_M)
            return float(np.mean(error_M**2)) / target.loss_unit
        case Task.binary:
            probability_M = np.abs(output_MC[:, 0] + y_M - 1)
        case Task.multiclass:
            probability_M = output_MC[rows, y_M.astype(np.int64)]
    return float(-np.mean(np.log(np.maximum(probability_M, SMALLEST_PROBABILITY))))
