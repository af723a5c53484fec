"""KerasTuner oracles whose memory is the store.

KerasTuner 1.4.8 keeps an oracle's state in JSON files, which a crash can tear, and gives up after
three failed trials. Here nothing is written to disk: a restarted job replays its trials. A trial
that diverged is told as the worst score so far, so that the algorithm learns to stay away; it is
held back until there is a finite score to be worse than.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from typing import Any

import keras_tuner
import optuna
from keras_tuner.src.engine import oracle as keras_tuner_oracle
from keras_tuner.src.engine.trial import Trial, TrialStatus

from lowloss.spec import Direction, JobSpec
from worker.search.pruning import Reached
from worker.search.space import define_space, known_good, step_value, trial_seed

MAX_COLLISIONS = 100
"""Draws that were tried before, one after the other, after which a space counts as exhausted."""


class StoreOracle(keras_tuner.Oracle):
    """What all our oracles share; a subclass answers `suggest` and may `learn`."""

    def __init__(self, spec: JobSpec) -> None:
        objective = keras_tuner.Objective(spec.objective.value, spec.objective.direction.value)
        super().__init__(
            objective=objective,
            max_trials=spec.budget.max_trials,
            hyperparameters=define_space(spec),
            allow_new_entries=False,
            tune_new_entries=False,
            # KerasTuner takes a seed of 0 for none.
            seed=spec.seed + 1,
            # When to give up is the job's to say.
            max_consecutive_failed_trials=sys.maxsize,
        )
        self.verbose = 0
        self.is_exhausted = False
        self._job_seed = spec.seed
        self._is_min = spec.objective.direction is Direction.min
        self._first = known_good(spec)
        self._worst: float | None = None
        self._held: list[Trial] = []

    def suggest(self, number: int) -> dict[str, Any] | None:
        """Values for a new trial; None where the space has no more."""
        raise NotImplementedError

    def learn(self, trial: Trial, score: float, rungs: Reached = ()) -> None:
        """Take in a finished trial's score, and the rungs of one that was pruned.

        KerasTuner's own algorithms read `trials` instead.
        """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """KerasTuner's question for a new trial."""
        number = int(trial_id) + 1
        values = self._first if number == 1 else self.suggest(number)
        if values is None:
            self.is_exhausted = True
            return {"status": TrialStatus.STOPPED, "values": None}
        return {"status": TrialStatus.RUNNING, "values": dict(values)}

    def finish(
        self, trial: Trial, score: float | None, *, rungs: Reached = (), is_pruned: bool = False
    ) -> None:
        """End a trial with its score; None where it diverged or failed.

        A pruned trial has its best value so far, and the rungs that it reached.
        """
        if score is None:
            trial.status = TrialStatus.INVALID
            self.end_trial(trial)
            self._tell_worst(trial)
            return
        self.update_trial(trial.trial_id, {self.objective.name: score})
        trial.status = TrialStatus.COMPLETED
        self.end_trial(trial)
        worse = max if self._is_min else min
        self._worst = score if self._worst is None else worse(self._worst, score)
        self.learn(trial, score, rungs if is_pruned else ())
        held, self._held = self._held, []
        for each in held:
            self._tell_worst(each)

    def _tell_worst(self, trial: Trial) -> None:
        if self._worst is None:
            self._held.append(trial)
            return
        trial.status, trial.score, trial.best_step = TrialStatus.COMPLETED, self._worst, 0
        self.learn(trial, self._worst)

    def trial_id(self, number: int) -> str:
        """KerasTuner's id of the trial of a number: it counts from 0, in digits of one width."""
        return f"{number - 1:0{len(str(self.max_trials))}d}"

    def draw(self, pick: Callable[[Any], Any]) -> dict[str, Any]:
        """Values of the hyperparameters that exist, given the values of those before them."""
        drawn = keras_tuner.HyperParameters()
        for hp in self.hyperparameters.space:
            drawn.merge([hp])
            if drawn.is_active(hp):
                drawn.values[hp.name] = pick(hp)
        values: dict[str, Any] = drawn.values
        return values

    def draw_untried(self, number: int) -> dict[str, Any] | None:
        """Random values that no trial had; None where too many draws were tried before."""
        # Each trial's draws follow from its own number, whatever came before it.
        rng = random.Random(trial_seed(self._job_seed, number))
        for _ in range(MAX_COLLISIONS):
            values = self.draw(lambda hp: _sample(hp, rng))
            if not self._duplicate(values):
                return values
        return None

    def restore(self, trial_id: str, values: Mapping[str, Any]) -> Trial:
        """Put a trial of an earlier attempt back, running."""
        hyperparameters = self.hyperparameters.copy()
        hyperparameters.values = dict(values)
        trial = Trial(
            hyperparameters=hyperparameters, trial_id=trial_id, status=TrialStatus.RUNNING
        )
        self.trials[trial_id] = trial
        self.start_order.append(trial_id)
        self._record_values(trial)
        return trial

    def close(self) -> None:
        """Let go of the lock that KerasTuner keeps for every oracle, and with it of the oracle."""
        keras_tuner_oracle.LOCKS.pop(self, None)
        keras_tuner_oracle.THREADS.pop(self, None)

    def save(self) -> None:
        """Nothing: the store is the memory."""

    def _save_trial(self, trial: Trial) -> None:
        """Nothing, likewise."""


class RandomOracle(StoreOracle):
    """Independent draws, none twice."""

    def suggest(self, number: int) -> dict[str, Any] | None:
        """A random setting that was not tried yet."""
        return self.draw_untried(number)


class TpeOracle(StoreOracle):
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011; Watanabe 2023).

    The study stays in memory and is fed as trials end; several may be open at once, told apart by
    Optuna's constant liar.
    """

    def __init__(self, spec: JobSpec) -> None:
        super().__init__(spec)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            direction="minimize" if self._is_min else "maximize",
            sampler=optuna.samplers.TPESampler(seed=trial_seed(spec.seed, 0)),
        )
        self._open: dict[str, optuna.Trial] = {}

    def suggest(self, number: int) -> dict[str, Any] | None:
        """The sampler's setting; a random one where that was tried before."""
        trial = self._study.ask()
        values = self.draw(lambda hp: _suggest(trial, hp))
        if self._duplicate(values):
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            untried = self.draw_untried(number)
            if untried is None:
                return None
            values, trial = untried, self._ask_for(untried)
        self._open[self.trial_id(number)] = trial
        return values

    def learn(self, trial: Trial, score: float, rungs: Reached = ()) -> None:
        """Feed the study; a pruned trial counts there with the losses at its rungs."""
        asked = self._open.pop(trial.trial_id, None)
        if asked is None:
            asked = self._ask_for(trial.hyperparameters.values)
        if not rungs:
            self._study.tell(asked, score)
            return
        for epoch, loss in rungs:
            asked.report(loss if self._is_min else -loss, epoch)
        self._study.tell(asked, state=optuna.trial.TrialState.PRUNED)

    def _ask_for(self, values: Mapping[str, Any]) -> optuna.Trial:
        """An Optuna trial of given values."""
        self._study.enqueue_trial(dict(values))
        trial = self._study.ask()
        self.draw(lambda hp: _suggest(trial, hp))
        return trial


def _sample(hp: Any, rng: random.Random) -> Any:
    """A random value of a hyperparameter."""
    share = rng.random()
    if isinstance(hp, keras_tuner.engine.hyperparameters.Float) and hp.step is not None:
        # KerasTuner 1.4.8 counts the steps by a division that rounding errors make fall short
        # (0.3 // 0.1 is 2), and then never draws the highest value.
        steps = round((hp.max_value - hp.min_value) / hp.step)
        return step_value(hp.min_value, hp.max_value, hp.step, int(share * (steps + 1)))
    return hp.prob_to_value(share)


def _suggest(trial: optuna.Trial, hp: Any) -> Any:
    parameters = keras_tuner.engine.hyperparameters
    match hp:
        case parameters.Fixed():
            return hp.value
        case parameters.Choice():
            return trial.suggest_categorical(hp.name, hp.values)
        case parameters.Int():
            is_log = hp.sampling == "log"
            step = {} if is_log else {"step": hp.step or 1}
            return trial.suggest_int(hp.name, hp.min_value, hp.max_value, log=is_log, **step)
        case parameters.Float():
            is_log = hp.sampling == "log"
            value = trial.suggest_float(
                hp.name, hp.min_value, hp.max_value, log=is_log, step=hp.step
            )
            return min(max(value, hp.min_value), hp.max_value)
    raise TypeError(f"unknown hyperparameter {hp!r}")


def make_oracle(spec: JobSpec) -> StoreOracle:
    """The oracle that a job asks for."""
    match spec.algorithm:
        case "tpe":
            return TpeOracle(spec)
        # Hyperband draws at random: what makes it Hyperband are its brackets of rungs.
        case "random" | "hyperband":
            return RandomOracle(spec)
