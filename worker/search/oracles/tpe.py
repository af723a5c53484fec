"""The tree-structured Parzen estimator, Optuna's, behind a KerasTuner oracle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from keras_tuner.src.engine.trial import Trial
from optuna.distributions import BaseDistribution
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial

from lowloss.spec import JobSpec
from worker.search.oracles.store import StoreOracle
from worker.search.plans import trial_seed
from worker.search.pruning import Reached


class _Sampler(optuna.samplers.TPESampler):
    """Optuna's, for one trial; what all trials have in common is found once, and kept up."""

    def __init__(self, seed: int, common: IntersectionSearchSpace) -> None:
        super().__init__(seed=seed)
        self._common = common

    def infer_relative_search_space(
        self,
        study: optuna.Study,
        trial: FrozenTrial,  # noqa: ARG002  # Optuna's signature
    ) -> dict[str, BaseDistribution]:
        """Return the hyperparameters that every trial has."""
        distributions = self._common.calculate(study)
        return {
            name: distribution
            for name, distribution in distributions.items()
            if not distribution.single()
        }


class TpeOracle(StoreOracle):
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011; Watanabe 2023).

    The study stays in memory and is fed as trials end; several may be open at once, told apart by
    Optuna's constant liar.
    """

    def __init__(self, spec: JobSpec) -> None:
        super().__init__(spec)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            direction=self.direction.verb,
        )
        self._common = IntersectionSearchSpace(include_pruned=True)
        self._open: dict[str, optuna.Trial] = {}

    def suggest(self, number: int) -> dict[str, Any] | None:
        """Return the sampler's setting; a random one where that was tried before."""
        # Each trial's draws follow from its own number, so that a restarted search goes on alike.
        self._study.sampler = _Sampler(trial_seed(self.job_seed, number), self._common)
        trial = self._study.ask()
        values = self.space.choose(lambda side: side.suggest(trial))
        if self._duplicate(values):
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return self.draw_untried(number)
        self._open[self.trial_id(number)] = trial
        return values

    def begin(self, trial_id: str, values: Mapping[str, Any]) -> None:
        """Tell the study of a trial that it did not suggest."""
        if trial_id not in self._open:
            self._open[trial_id] = self._optuna_trial_of(values)

    def learn(self, trial: Trial, score: float, rungs: Reached = ()) -> None:
        """Feed the study; a pruned trial counts there with the losses at its rungs."""
        optuna_trial = self._open.pop(trial.trial_id)
        if not rungs:
            self._study.tell(optuna_trial, score)
            return
        for epoch, loss in rungs:
            optuna_trial.report(self.direction.sign * loss, epoch)
        self._study.tell(optuna_trial, state=optuna.trial.TrialState.PRUNED)

    def teach(self, values: Mapping[str, Any], score: float) -> None:
        """Feed the study another job's score."""
        super().teach(values, score)
        self._study.tell(self._optuna_trial_of(values), score)

    def _optuna_trial_of(self, values: Mapping[str, Any]) -> optuna.Trial:
        """Return an Optuna trial of these values."""
        sides = [side for side in self.space.sides if side.name in values]
        # Nothing is drawn of what is given: so no sampler need find out what it would suggest.
        self._study.sampler = optuna.samplers.RandomSampler(seed=0)
        self._study.enqueue_trial({side.name: side.coordinate(values[side.name]) for side in sides})
        trial = self._study.ask()
        for side in sides:
            side.suggest(trial)
        return trial
