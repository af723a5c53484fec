"""Bayesian optimisation: a Gaussian process, fitted once for all trials asked for at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
from keras_tuner.src.engine.trial import Trial

from lowloss.spec import JobSpec
from worker.search.gaussian import FittedSurrogate
from worker.search.oracles.store import StoreOracle
from worker.search.plans import trial_seed
from worker.search.pruning import Reached
from worker.search.sides import FloatMatrix

RANDOM_TRIALS = 10
"""Trials before the process is asked; those that another job found count."""
MAX_BELIEVED = 64
"""Open trials that are believed, the latest: on a cluster hundreds are open, and each takes time
that grows with the square of all."""


class BayesianOracle(StoreOracle):
    """Expected improvement over a Gaussian process (Snoek et al. 2012).

    Open trials are believed to come out as expected, so that several may be open at once; of many
    the latest are. No setting is suggested twice.
    """

    def __init__(self, spec: JobSpec) -> None:
        super().__init__(spec)
        self._open: dict[str, FloatMatrix] = {}
        self._fitted: FittedSurrogate | None = None

    def suggest(self, number: int) -> dict[str, Any] | None:
        """Suggest the candidate of the greatest expected improvement; at first a random one."""
        with self.surrogate.on_one_thread():
            values = self._best_candidate(number) if len(self.surrogate) >= RANDOM_TRIALS else None
        return values or self.draw_untried(number)

    def begin(self, trial_id: str, values: Mapping[str, Any]) -> None:
        """Believe that a trial comes out as expected until its score is known."""
        x_E = self.cube.encode(self.cube.point(values)[None])[0]
        self._open[trial_id] = x_E
        if self._fitted is not None:
            self._fitted = self._fitted.believing(x_E)

    def learn(self, trial: Trial, score: float, rungs: Reached = ()) -> None:  # noqa: ARG002
        """Record that a trial has ended: the surrogate knows its score."""
        self._open.pop(trial.trial_id, None)
        self._fitted = None

    def _best_candidate(self, number: int) -> dict[str, Any] | None:
        if self._fitted is None:
            latest = list(self._open.values())[-MAX_BELIEVED:]
            self._fitted = reduce(FittedSurrogate.believing, latest, self.surrogate.fit())
        points_MU = self.surrogate.candidates(
            np.random.default_rng(trial_seed(self.job_seed, number))
        )
        x_ME = self.cube.encode(points_MU)
        if self.cube.is_finite:
            # Of a small space most candidates are the same few settings.
            x_ME, first_M = np.unique(x_ME, axis=0, return_index=True)
            points_MU = points_MU[first_M]
        improvement_M = self._fitted.expected_improvement(x_ME)
        for index in np.argsort(-improvement_M, kind="stable"):
            values = self.cube.setting(points_MU[index])
            if not self._duplicate(values):
                return values
        return None
