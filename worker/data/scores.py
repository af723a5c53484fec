"""How good predictions are, in the target's units."""

from __future__ import annotations

import numpy as np
from sklearn import metrics

from lowloss.spec import Objective, Task
from worker.data.splits import Rows
from worker.data.target import Float64Array, Target


def scores(target: Target, y_M: Float64Array, answer_MC: Float64Array) -> dict[str, float]:
    """The metrics of a model's answers (`Target.answer`) to rows whose raw target is `y_M`.

    Regression: rmse, mae (target units), r2. Classification: log_loss (natural logarithm,
    probabilities clipped at 1e-7), accuracy, balanced_accuracy; binary: roc_auc, too.
    """
    if target.task is Task.regression:
        return _regression(y_M, answer_MC[:, 0])
    return _classification(target, y_M.astype(np.int64), answer_MC)


def objective_value(objective: Objective, metrics: dict[str, float]) -> float:
    """A trial's value of the objective: `val_loss` itself, or the metric after `val_`."""
    name = objective if objective is Objective.val_loss else objective.removeprefix("val_")
    return metrics[name]


def _regression(y_M: Float64Array, predicted_M: Float64Array) -> dict[str, float]:
    return {
        "rmse": float(np.sqrt(metrics.mean_squared_error(y_M, predicted_M))),
        "mae": float(metrics.mean_absolute_error(y_M, predicted_M)),
        "r2": float(metrics.r2_score(y_M, predicted_M)),
    }


def _classification(target: Target, y_M: Rows, probability_MC: Float64Array) -> dict[str, float]:
    clipped = np.clip(probability_MC, 1e-7, 1.0)
    predicted_M = probability_MC.argmax(axis=1)
    # Scikit-learn's own warns where a class was answered that these rows do not hold.
    recalls = [np.mean(predicted_M[y_M == c] == c) for c in np.unique(y_M)]
    found = {
        "log_loss": float(-np.mean(np.log(clipped[np.arange(len(y_M)), y_M]))),
        "accuracy": float(metrics.accuracy_score(y_M, predicted_M)),
        "balanced_accuracy": float(np.mean(recalls)),
    }
    if target.task is Task.binary:
        found["roc_auc"] = float(metrics.roc_auc_score(y_M, probability_MC[:, 1]))
    return found
