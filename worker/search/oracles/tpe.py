"""The tree-structured Parzen estimator, Optuna's, behind a KerasTuner oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from keras_tuner.src.engine.hyperparameters import hp_types
from keras_tuner.src.engine.trial import Trial
from optuna.distributions import BaseDistribution
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial

from lowloss.spec import Direction, JobSpec
from worker.search.oracles.store import StoreOracle
from worker.search.pruning import Reached
from worker.search.space import trial_seed


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
            direction="minimize" if self.direction is Direction.min else "maximize",
        )
        self._common = IntersectionSearchSpace(include_pruned=True)
        self._open: dict[str, optuna.Trial] = {}
        # Optuna 5 moves the end of a range that its step misses by a rounding error, and refuses
        # the values there: so it is asked for the number of steps.
        self._steps: dict[str, Sequence[float]] = {
            side.hp.name: side.values
            for side in self.cube.sides
            if isinstance(side.hp, hp_types.Float) and side.values is not None
        }

    def suggest(self, number: int) -> dict[str, Any] | None:
        """Return the sampler's setting; a random one where that was tried before."""
        # Each trial's draws follow from its own number, so that a restarted search goes on alike.
        self._study.sampler = _Sampler(trial_seed(self.job_seed, number), self._common)
        trial = self._study.ask()
        values = self.draw(lambda hp: self._suggest(trial, hp))
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
        steps = {
            name: step_values.index(values[name])
            for name, step_values in self._steps.items()
            if name in values
        }
        # Nothing is drawn of what is given: so no sampler need find out what it would suggest.
        self._study.sampler = optuna.samplers.RandomSampler(seed=0)
        self._study.enqueue_trial(dict(values) | steps)
        trial = self._study.ask()
        self.draw(lambda hp: self._suggest(trial, hp))
        return trial

    def _suggest(self, trial: optuna.Trial, hp: Any) -> Any:
        match hp:
            case hp_types.Fixed():
                return hp.value
            case hp_types.Choice():
                return trial.suggest_categorical(hp.name, hp.values)
            case _ if hp.name in self._steps:
                values = self._steps[hp.name]
                return values[trial.suggest_int(hp.name, 0, len(values) - 1)]
            case hp_types.Int():
                is_log = hp.sampling == "log"
                step = {} if is_log else {"step": hp.step or 1}
                return trial.suggest_int(hp.name, hp.min_value, hp.max_value, log=is_log, **step)
            case hp_types.Float():
                is_log = hp.sampling == "log"
                value = trial.suggest_float(hp.name, hp.min_value, hp.max_value, log=is_log)
                return min(max(value, hp.min_value), hp.max_value)
        raise TypeError(f"unknown hyperparameter {hp!r}")
