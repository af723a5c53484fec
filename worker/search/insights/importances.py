"""How much of the differences between the scores of trials each hyperparameter explains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.importance import FanovaImportanceEvaluator

from lowloss.results import HyperparameterImportance, Hyperparameters, Trial, TrialState
from lowloss.spec import JobSpec
from worker.search.sides import ABSENT, Side
from worker.search.space import value_of, varying_sides

MIN_SCORED = 20
"""With fewer scored trials nothing is said of what mattered."""
FENCE = 3.0
"""A loss that lies so many interquartile ranges above the upper quartile is far out (Tukey 1977).

What lies farther counts as this far: one loss that exploded would be all the variance there is.
"""
TREES, DEPTH = 64, 6
"""A second for 1,000 trials; grown in full the trees would take half a minute for 3,000."""


def importances(spec: JobSpec, trials: Sequence[Trial]) -> tuple[HyperparameterImportance, ...]:
    """Compute the functional ANOVA of the losses (Hutter et al. 2014): shares, greatest first.

    There are none where too few trials were scored, or all scored the same. Trials that diverged
    are as bad as the worst. Optuna's default, PED-ANOVA, asks where the best trials lie among all;
    a search that has gone to where they are makes it call what decided the scores unimportant.
    """
    sides = varying_sides(spec)
    scored_trials = [t for t in trials if t.score is not None or t.state is TrialState.diverged]
    losses_N = _losses(spec, scored_trials)
    if losses_N is None or not sides:
        return ()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    distributions = {name: side.distribution for name, side in sides.items()}
    study.add_trials(
        optuna.trial.create_trial(
            params={
                name: _value_or_middle(side, trial.hyperparameters) for name, side in sides.items()
            },
            distributions=distributions,
            value=float(loss),
        )
        for trial, loss in zip(scored_trials, losses_N, strict=True)
    )
    evaluator = FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=0)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return tuple(
        HyperparameterImportance(name=name, share=float(share)) for name, share in shares.items()
    )


def _value_or_middle(side: Side, hyperparameters: Hyperparameters) -> Any:
    """Return a hyperparameter's value; the middle one where a network does not have it."""
    value = value_of(hyperparameters, side.name)
    return side.value(ABSENT) if value is None else value


def trials_needed(trials: Sequence[Trial]) -> int | None:
    """Return how many scored trials importances take; None where there are as many."""
    scored = sum(trial.score is not None for trial in trials)
    return MIN_SCORED if scored < MIN_SCORED else None


def _losses(spec: JobSpec, trials: Sequence[Trial]) -> NDArray[np.float64] | None:
    """Scale losses from 0, the best, to 1, the worst [N]; None if too few, or all the same."""
    sign = spec.objective.direction.sign
    scored = np.array([sign * trial.score for trial in trials if trial.score is not None])
    if len(scored) < MIN_SCORED:
        return None
    lower, upper = np.quantile(scored, [0.25, 0.75])
    worst = min(scored.max(), upper + FENCE * (upper - lower))
    all_N = [math.inf if trial.score is None else sign * trial.score for trial in trials]
    losses_N = np.minimum(all_N, worst)
    spread = np.ptp(losses_N)
    return (losses_N - losses_N.min()) / spread if spread > 0 else None
