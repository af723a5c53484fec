"""The algorithms that are compared: lowloss's through its tuner, and stock KerasTuner's."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.src.engine import oracle as keras_tuner_oracle
from keras_tuner.src.engine.trial import TrialStatus

from benchmarks.search_quality.setups import Setup
from benchmarks.search_quality.simulate import Algorithm, Ended, TrainingRequest
from lowloss.spec import JobSpec
from worker.engine.plans import Plan
from worker.search.plans import to_plan, trial_seed
from worker.search.pruning import make_pruner
from worker.search.space import Space, define_space, to_hyperparameters
from worker.search.tuner import SearchTuner

STOCK_FACTOR = 3
STOCK_ROUNDS = 100
"""Of Hyperband: more than any comparison asks for."""


def make(setup: Setup, spec: JobSpec, folder: Path) -> Algorithm:
    """Return an algorithm, ready to search the space of a job with its seed."""
    match setup.algorithm:
        case "kerastuner_bayesian":
            return Stock(_stock_bayesian(spec), spec, folder)
        case "kerastuner_hyperband":
            return Stock(_stock_hyperband(spec), spec, folder)
    changes = {"algorithm": setup.algorithm, "pruning": setup.pruning}
    return Ours(JobSpec.model_validate(spec.model_dump() | changes), folder)


class Ours:
    """An oracle of lowloss, asked and told as a job does it."""

    def __init__(self, spec: JobSpec, folder: Path) -> None:
        self._search = SearchTuner(spec, directory=folder)
        self._pruner = make_pruner(spec)

    def ask(self) -> TrainingRequest | None:
        """Return the oracle's next setting."""
        plans = self._search.ask(1)
        return TrainingRequest(plans[0]) if plans else None

    def goes_on(self, number: int, epoch: int, best: float) -> bool:
        """Return whether a trial is among the best of its rung."""
        return self._pruner.goes_on(number, epoch, best)

    def tell(self, ended: Ended) -> None:
        """Take in a trial's best loss, pruned or not."""
        rungs = self._pruner.reached(ended.number)
        self._search.tell(ended.number, ended.best, rungs=rungs, is_pruned=ended.is_pruned)

    def close(self) -> None:
        """Let go of what KerasTuner keeps."""
        self._search.close()


class Stock:
    """An oracle of KerasTuner as it is, driven as its tuner drives it.

    Its space has no hyperparameters that do not vary: each would cost it three random trials. Its
    seeds are far apart: KerasTuner 1.4.8 counts on from a seed with every draw, and searches whose
    seeds are neighbours draw the same settings.
    """

    def __init__(self, oracle: keras_tuner.Oracle, spec: JobSpec, folder: Path) -> None:
        self._oracle = oracle
        self._spec = spec
        self._fixed = _fixed(spec)
        self._open: dict[int, Any] = {}
        oracle.verbose = 0
        oracle._set_project_dir(str(folder), "stock")

    def ask(self) -> TrainingRequest | None:
        """Return the oracle's next trial; Hyperband's may go on from an earlier one."""
        number = len(self._oracle.trials) + 1
        trial = self._oracle.create_trial(str(number))
        if trial.status != TrialStatus.RUNNING:
            return None
        self._open[number] = trial
        values = trial.hyperparameters.values
        plan = _plan(number, self._fixed | values, self._spec)
        last = values.get("tuner/epochs", plan.max_epochs)
        plan = dataclasses.replace(plan, max_epochs=min(last, plan.max_epochs))
        return TrainingRequest(plan, values.get("tuner/initial_epoch", 0))

    def goes_on(self, number: int, epoch: int, best: float) -> bool:  # noqa: ARG002
        """Return True: its trainings know where they end."""
        return True

    def tell(self, ended: Ended) -> None:
        """Take in a trial's best loss."""
        trial = self._open.pop(ended.number)
        trial.status = TrialStatus.INVALID
        if ended.best is not None:
            self._oracle.update_trial(trial.trial_id, {"val_loss": ended.best})
            trial.status = TrialStatus.COMPLETED
        self._oracle.end_trial(trial)

    def close(self) -> None:
        """Let KerasTuner forget the oracle."""
        keras_tuner_oracle.LOCKS.pop(self._oracle, None)
        keras_tuner_oracle.THREADS.pop(self._oracle, None)


def _plan(number: int, values: dict[str, Any], spec: JobSpec) -> Plan:
    return to_plan(number, number, to_hyperparameters(values), spec)


def _stock_bayesian(spec: JobSpec) -> keras_tuner.Oracle:
    return keras_tuner.oracles.BayesianOptimizationOracle(
        objective=keras_tuner.Objective("val_loss", "min"),
        max_trials=spec.budget.max_trials,
        hyperparameters=_varying(spec),
        seed=trial_seed(spec.seed, 0),
    )


def _stock_hyperband(spec: JobSpec) -> keras_tuner.Oracle:
    return keras_tuner.oracles.HyperbandOracle(
        objective=keras_tuner.Objective("val_loss", "min"),
        max_epochs=spec.budget.max_epochs,
        factor=STOCK_FACTOR,
        hyperband_iterations=STOCK_ROUNDS,
        hyperparameters=_varying(spec),
        seed=trial_seed(spec.seed, 0),
    )


def _varying(spec: JobSpec) -> keras_tuner.HyperParameters:
    varying = keras_tuner.HyperParameters()
    is_fixed = keras_tuner.engine.hyperparameters.Fixed
    varying.merge([hp for hp in define_space(Space.of(spec)).space if not isinstance(hp, is_fixed)])
    return varying


def _fixed(spec: JobSpec) -> dict[str, Any]:
    is_fixed = keras_tuner.engine.hyperparameters.Fixed
    return {
        hp.name: hp.value for hp in define_space(Space.of(spec)).space if isinstance(hp, is_fixed)
    }
