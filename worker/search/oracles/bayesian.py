"""Bayesian optimisation: a Gaussian process, fitted once for all trials asked for at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras_tuner.src.engine.trial import Trial
from threadpoolctl import ThreadpoolController

from lowloss.spec import JobSpec
from worker.search.cube import FloatMatrix
from worker.search.oracles.store import StoreOracle
from worker.search.pruning import Reached
from worker.search.space import trial_seed

RANDOM_TRIALS = 10
"""Trials before the process is asked; those that another job found count."""


class BayesianOracle(StoreOracle):
    """Expected improvement over a Gaussian process (Snoek et al. 2012).

    Open trials are believed to come out as expected, so that several may be open at once. No
    setting is suggested twice.
    """

    def __init__(self, spec: JobSpec) -> None:
        super().__init__(spec)
        self._open: dict[str, FloatMatrix] = {}
        self._threads = ThreadpoolController()

    def suggest(self, number: int) -> dict[str, Any] | None:
        """The candidate of the greatest expected improvement; at first a random one."""
        values = None
        if len(self.surrogate) >= RANDOM_TRIALS:
            # On one core: the others train, and threads that wait for them take ten times as long.
            with self._threads.limit(limits=1, user_api="blas"):
                values = self._best_candidate(number)
        values = values or self.draw_untried(number)
        if values is not None:
            self._open[self.trial_id(number)] = self.cube.point(values)
        return values

    def learn(self, trial: Trial, score: float, rungs: Reached = ()) -> None:  # noqa: ARG002
        """Take in that a trial has ended: the surrogate knows its score."""
        self._open.pop(trial.trial_id, None)

    def _best_candidate(self, number: int) -> dict[str, Any] | None:
        open_NU = np.array(list(self._open.values())).reshape(-1, len(self.cube.sides))
        fitted = self.surrogate.fit().believing(self.cube.encode(open_NU))
        rng = np.random.default_rng(trial_seed(self.job_seed, number))
        points_MU = self.surrogate.candidates(rng)
        improvement_M = fitted.expected_improvement(self.cube.encode(points_MU))
        for place in np.argsort(-improvement_M, kind="stable"):
            values = self.cube.values(points_MU[place])
            if not self._duplicate(values):
                return values
        return None
