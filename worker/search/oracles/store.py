"""KerasTuner oracles whose memory is the store.

KerasTuner 1.4.8 keeps an oracle's state in JSON files, which a crash can tear, and gives up after
three failed trials. Here nothing is written to disk: a restarted job replays its trials. A trial
that diverged is told as the worst score so far, so that the algorithm learns to stay away; it is
held back until there is a finite score to be worse than.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.src.engine import oracle as keras_tuner_oracle
from keras_tuner.src.engine.trial import Trial, TrialStatus

from lowloss.spec import JobSpec
from worker.search.cube import Cube
from worker.search.gaussian import Surrogate
from worker.search.plans import trial_seed
from worker.search.points import Points
from worker.search.portfolio import first_settings
from worker.search.pruning import Reached
from worker.search.space import Space, define_space

MIN_TRIALS = 10
"""Fewer say nothing of how much better another trial may be."""
MAX_COLLISIONS = 100
"""Draws that were tried before, one after the other, after which what is left is counted."""


class StoreOracle(keras_tuner.Oracle):
    """The base class of our oracles; a subclass implements `suggest` and may override `learn`."""

    def __init__(self, spec: JobSpec) -> None:
        self.space = Space.of(spec)
        objective = keras_tuner.Objective(spec.objective.value, spec.objective.direction.value)
        super().__init__(
            objective=objective,
            max_trials=spec.budget.max_trials,
            hyperparameters=define_space(self.space),
            allow_new_entries=False,
            tune_new_entries=False,
            # KerasTuner takes a seed of 0 for none.
            seed=spec.seed + 1,
            # When to give up is the job's to say.
            max_consecutive_failed_trials=sys.maxsize,
        )
        self.verbose = 0
        self.is_exhausted = False
        self.job_seed = spec.seed
        self.direction = spec.objective.direction
        self.cube = Cube(self.space)
        self.surrogate = Surrogate(self.cube)
        self._first = deque(self.first_settings(spec))
        self._worst: float | None = None
        self._deferred: list[Trial] = []

    def suggest(self, number: int) -> dict[str, Any] | None:
        """Suggest values for a new trial; None where the space has no more."""
        raise NotImplementedError

    def first_settings(self, spec: JobSpec) -> Iterable[dict[str, Any]]:
        """Return the settings that are tried before anything is suggested."""
        return first_settings(spec)

    def begin(self, trial_id: str, values: Mapping[str, Any]) -> None:
        """Record that a setting is being tried, whoever suggested it."""

    def learn(self, trial: Trial, score: float, rungs: Reached = ()) -> None:
        """Learn from a finished trial's score, and the rungs of one that was pruned.

        KerasTuner's own algorithms read `trials` instead.
        """

    def teach(self, values: Mapping[str, Any], score: float) -> None:
        """Learn another job's score of a setting, under the same conditions."""
        self.surrogate.add(values, self.direction.sign * score)

    def expected_improvement(self) -> float | None:
        """Return the expected gain of another trial; None before there is a basis."""
        if len(self.surrogate) < MIN_TRIALS:
            return None
        rng = np.random.default_rng(trial_seed(self.job_seed, len(self.surrogate)))
        return self.surrogate.expected_improvement(rng)

    def allows(self, values: Mapping[str, Any]) -> bool:
        """Return whether the space has a setting: each value in its range, and none too many."""
        return self.space.has(values)

    def begin_with(self, settings: Iterable[dict[str, Any]]) -> None:
        """Try settings before any other."""
        self._first.extendleft(reversed(list(settings)))

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the status and values of a new trial, as KerasTuner asks for them."""
        values = self._next_first() or self.suggest(int(trial_id) + 1)
        if values is None:
            self.is_exhausted = True
            return {"status": TrialStatus.STOPPED, "values": None}
        self.begin(trial_id, values)
        return {"status": TrialStatus.RUNNING, "values": dict(values)}

    def _next_first(self) -> dict[str, Any] | None:
        while self._first:
            values = self._first.popleft()
            if not self._duplicate(values):
                return values
        return None

    def finish(self, trial: Trial, score: float | None, rungs: Reached = ()) -> None:
        """End a trial with its score; None where it diverged or failed.

        A pruned trial has its best value so far, and the rungs that it reached.
        """
        if score is None:
            trial.status = TrialStatus.INVALID
            self.end_trial(trial)
            self._learn_worst(trial)
            return
        self.update_trial(trial.trial_id, {self.objective.name: score})
        trial.status = TrialStatus.COMPLETED
        self.end_trial(trial)
        if self._worst is None or self.direction.is_better(self._worst, score):
            self._worst = score
        self.surrogate.add(trial.hyperparameters.values, self.direction.sign * score)
        self.learn(trial, score, rungs)
        deferred, self._deferred = self._deferred, []
        for failed_trial in deferred:
            self._learn_worst(failed_trial)

    def _learn_worst(self, trial: Trial) -> None:
        if self._worst is None:
            self._deferred.append(trial)
            return
        trial.status, trial.score, trial.best_step = TrialStatus.COMPLETED, self._worst, 0
        self.surrogate.add(trial.hyperparameters.values, self.direction.sign * self._worst)
        self.learn(trial, self._worst)

    def create_trial(self, tuner_id: str) -> Trial:
        """Create a trial as KerasTuner does; an error releases the lock."""
        with self._releasing_lock():
            return super().create_trial(tuner_id)

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Trial:
        """Update a trial as KerasTuner does; an error releases the lock."""
        with self._releasing_lock():
            return super().update_trial(trial_id, metrics, step)

    def end_trial(self, trial: Trial) -> None:
        """End a trial as KerasTuner does; an error releases the lock."""
        with self._releasing_lock():
            super().end_trial(trial)

    @contextmanager
    def _releasing_lock(self) -> Iterator[None]:
        """Release the lock where an error comes out of a call.

        KerasTuner 1.4.8 would keep it for ever.
        """
        try:
            yield
        except BaseException:
            if keras_tuner_oracle.THREADS[self] == threading.current_thread().name:
                keras_tuner_oracle.THREADS[self] = None
                keras_tuner_oracle.LOCKS[self].release()
            raise

    def trial_id(self, number: int) -> str:
        """Return KerasTuner's id of a trial: it counts from 0, in digits of one width."""
        return f"{number - 1:0{len(str(self.max_trials))}d}"

    def draw_untried(self, number: int) -> dict[str, Any] | None:
        """Draw values that no trial had; None where all were tried."""
        # Each trial's draws follow from its own number, whatever came before it.
        seed = trial_seed(self.job_seed, number)
        for share_U in self.cube.draw(np.random.default_rng(seed), MAX_COLLISIONS):
            values = self.cube.setting(share_U)
            if not self._duplicate(values):
                return values
        return self._next_untried(seed) if self.cube.is_finite else None

    def _next_untried(self, start: int) -> dict[str, Any] | None:
        """Return the first setting from `start` on that no trial had.

        A setting that was tried is skipped: that is at most as many tries as there are trials.
        """
        size = self.points.size
        for step in range(size):
            values = self.points.at((start + step) % size)
            if not self._duplicate(values):
                return values
        return None

    @cached_property
    def points(self) -> Points:
        """All settings, or a grid of them where they are without end."""
        return Points(self.space)

    def restore(self, trial_id: str, values: Mapping[str, Any]) -> Trial:
        """Put a trial of an earlier attempt back, running."""
        hyperparameters = self.hyperparameters.copy()
        hyperparameters.values = dict(values)
        trial = Trial(
            hyperparameters=hyperparameters, trial_id=trial_id, status=TrialStatus.RUNNING
        )
        self.begin(trial_id, values)
        self.trials[trial_id] = trial
        self.start_order.append(trial_id)
        self._record_values(trial)
        return trial

    def close(self) -> None:
        """Release the lock that KerasTuner keeps for every oracle, and the oracle with it."""
        keras_tuner_oracle.LOCKS.pop(self, None)
        keras_tuner_oracle.THREADS.pop(self, None)

    def save(self) -> None:
        """Do nothing: the store is the memory."""

    def _save_trial(self, trial: Trial) -> None:
        """Do nothing: the store is the memory."""
