"""How sure a classifier is: one temperature for the logits of all its networks.

Guo et al. 2017, "On Calibration of Modern Neural Networks". R networks, N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from lowloss.spec import Objective, Task
from worker.data.prepare import Prepared
from worker.data.scores import SMALLEST_PROBABILITY
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.engine.results import TrainedPlan
from worker.engine.weights import unflatten_weights
from worker.trials.folds import TrainingResult

LIMIT = 2.0
"""Logits are divided by this or less, or multiplied: one row that is sure and wrong costs a lot."""
PARTS = 5
MAX_ROWS = 5_000
"""More rows would say the same, and eight networks of a hundred classes take 32 MB for them."""
OF_PROBABILITIES = frozenset({Objective.val_loss, Objective.val_log_loss})
"""Other objectives look at the order of the classes alone, which a temperature leaves as it is."""


def fit_temperature(
    members: Sequence[TrainingResult], prepared: Prepared, objective: Objective, *, seed: int
) -> float:
    """Return what the logits of a model's networks are divided by, each fold's of its own rows.

    It is 1 where that gains nothing for sure: the temperature of four fifths of the validation rows
    must lower the log loss of the others by more than two standard errors.
    """
    if prepared.labelled.target.task is Task.regression or objective not in OF_PROBABILITIES:
        return 1.0
    fits = [prepared.fits[fold.plan.fold] for fold in members[0].folds]
    y_N = np.concatenate([prepared.labelled.y[fit.split.validation] for fit in fits])
    rows = np.random.default_rng(seed).permutation(len(y_N))[:MAX_ROWS]
    logit_RNC = np.stack([_logits(member, rows) for member in members])
    class_N = y_N[rows].astype(np.int64)
    part_N = np.arange(len(rows)) % PARTS
    gain_N = np.zeros(len(rows))
    for part in range(min(PARTS, len(rows))):
        is_out_N = part_N == part
        temperature = _fit(logit_RNC[:, ~is_out_N], class_N[~is_out_N])
        out_RNC, out_N = logit_RNC[:, is_out_N], class_N[is_out_N]
        gain_N[is_out_N] = _losses(out_RNC, out_N, 1.0) - _losses(out_RNC, out_N, temperature)
    is_sure = gain_N.mean() > 2 * gain_N.std() / np.sqrt(len(gain_N))
    return _fit(logit_RNC, class_N) if is_sure else 1.0


def divide_logits(trained: TrainedPlan, temperature: float) -> TrainedPlan:
    """Return a network whose logits are divided by a temperature: its last kernel and bias are."""
    if temperature == 1.0:
        return trained
    head = 2 * len(unflatten_weights(trained.weights).layers) - 2
    factor = np.float32(1.0 / temperature)
    weights = [
        weight * factor if index in {head, head + 1} else weight
        for index, weight in enumerate(trained.weights)
    ]
    return replace(trained, weights=tuple(weights))


def _logits(member: TrainingResult, rows: Rows) -> Float64Array:
    """Return the logits of a network for some validation rows, up to a constant a row [N, C]."""
    output_NC = np.concatenate([fold.val_output_MC for fold in member.folds])[rows]
    output_NC = output_NC.astype(np.float64)
    if output_NC.shape[1] == 1:
        output_NC = np.concatenate([1.0 - output_NC, output_NC], axis=1)
    logit_NC: Float64Array = np.log(np.maximum(output_NC, SMALLEST_PROBABILITY))
    return logit_NC


def _fit(logit_RNC: Float64Array, class_N: NDArray[np.int64]) -> float:
    """Return the temperature of the least log loss."""
    best = minimize_scalar(
        lambda log_t: _losses(logit_RNC, class_N, float(np.exp(log_t))).mean(),
        bounds=(-np.log(LIMIT), np.log(LIMIT)),
        method="bounded",
    )
    return float(np.exp(best.x))


def _losses(
    logit_RNC: Float64Array, class_N: NDArray[np.int64], temperature: float
) -> Float64Array:
    """Return the log loss of each row [N], of the networks' mean probability."""
    scaled_RNC = logit_RNC / temperature
    share_RNC = np.exp(scaled_RNC - scaled_RNC.max(axis=2, keepdims=True))
    probability_RNC = share_RNC / share_RNC.sum(axis=2, keepdims=True)
    probability_N = probability_RNC.mean(axis=0)[np.arange(len(class_N)), class_N]
    loss_N: Float64Array = -np.log(np.maximum(probability_N, SMALLEST_PROBABILITY))
    return loss_N
