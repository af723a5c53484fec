"""A job's search: ask for plans, tell their scores, replay what an earlier attempt finished."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras_tuner
from keras_tuner.src.engine.trial import Trial as KerasTunerTrial
from keras_tuner.src.engine.trial import TrialStatus

from lowloss.results import Hyperparameters, Trial, TrialState
from lowloss.spec import JobSpec, remaining
from service.store.earlier_jobs import EarlierJob
from worker.engine.plans import Plan
from worker.search.oracles import StoreOracle, make_oracle
from worker.search.plans import to_plan, trial_seed
from worker.search.pruning import Reached
from worker.search.space import to_hyperparameters, to_setting

NO_RUNGS: Mapping[int, Reached] = MappingProxyType({})
MIN_FAILED, FAILED_SHARE = 20, 0.9
"""A search is given up once so many trials, and such a share of all, diverged or failed."""
ERROR_SHARE, MIN_ENDED = 0.5, 30
"""A search ends once another trial is expected to gain less than that share of the best's error.

Not before so many trials have ended: of fewer the process expects too much here, too little there.
"""
GAIN_TRIALS = 60
"""It ends, too, once so many trials have together gained less than that share.

Those that diverged or failed do not count: they say nothing of what there is to gain.
"""
WARM_TRIALS = 3
"""So many of the best settings of other jobs are tried first."""


class SearchTuner(keras_tuner.Tuner):
    """KerasTuner's Tuner, driven from outside: trials are asked for and told.

    Trials are numbered from 1; each open one has a KerasTuner tuner id of its own: its number.
    All calls must come from one thread.
    """

    oracle: StoreOracle

    def __init__(self, spec: JobSpec, *, directory: Path) -> None:
        super().__init__(make_oracle(spec), directory=str(directory), project_name="search")
        self.spec = spec
        self._open: dict[int, KerasTunerTrial] = {}
        self._again: deque[Plan] = deque()
        self._blamed: deque[Plan] = deque()
        self._alone: int | None = None
        self._scores: dict[int, float | None] = {}
        self._errors: dict[int, float | None] = {}
        self._pruned: set[int] = set()
        self._expected: tuple[int, float | None] | None = None

    def ask(self, n: int) -> list[Plan]:
        """Return up to n plans; an empty list means nothing now, `is_exhausted` the end.

        Blamed trials come first, and each trains alone.
        """
        if self._alone is not None:
            return []
        if self._blamed:
            plan = self._blamed.popleft()
            self._alone = plan.number
            return [plan]
        plans: list[Plan] = []
        while len(plans) < n and self._again:
            plans.append(self._again.popleft())
        while len(plans) < n and not self.is_exhausted:
            number = len(self.oracle.trials) + 1
            trial = self.oracle.create_trial(str(number))
            if trial.status != TrialStatus.RUNNING:
                break
            self._open[number] = trial
            plans.append(self.plan(number, to_hyperparameters(trial.hyperparameters.values)))
        return plans

    def tell(
        self,
        number: int,
        score: float | None,
        *,
        score_error: float | None = None,
        rungs: Reached = (),
        is_pruned: bool = False,
    ) -> None:
        """Take in a trial's end: its value of the objective, None where it diverged or failed.

        Of a pruned trial it is the best so far; `rungs` are those that the trial has reached.
        `score_error` is the value's standard error.
        """
        score = float(score) if score is not None and math.isfinite(score) else None
        self._scores[number], self._errors[number] = score, score_error
        if is_pruned:
            self._pruned.add(number)
        if number == self._alone:
            self._alone = None
        self.oracle.finish(self._open.pop(number), score, rungs if is_pruned else ())

    def put_back(self, plan: Plan) -> None:
        """Hand a plan out again: its training was left."""
        if plan.number == self._alone:
            self._alone = None
            self._blamed.appendleft(plan)
        else:
            self._again.append(plan)

    def warm_start(self, earlier: Sequence[EarlierJob]) -> int:
        """Learn from finished trials of other jobs, before any replay; return how many fit.

        A trial fits whose every hyperparameter this space allows. The best of each job are tried
        first; their scores are learned only where the jobs compare.
        """
        best: list[list[dict[str, Any]]] = []
        count = 0
        for job in earlier:
            fitting = self._fitting(job)
            best.append([values for state, _, values in fitting if state is TrialState.completed])
            count += len(fitting)
            if job.compares_with(self.spec):
                for _, score, values in fitting:
                    self.oracle.teach(values, score)
        in_turn = [values for values in chain(*zip_longest(*best)) if values is not None]
        self.oracle.begin_with(in_turn[:WARM_TRIALS])
        return count

    def _fitting(self, job: EarlierJob) -> list[tuple[TrialState, float, dict[str, Any]]]:
        """Return the scored trials of a job whose settings this space has, best first."""
        fitting = []
        for trial in job.trials:
            values = to_setting(trial.hyperparameters, self.spec.search_space)
            # A space of one width for all layers has no layers of several.
            is_same = to_hyperparameters(values) == trial.hyperparameters
            if trial.score is not None and is_same and self.oracle.allows(values):
                fitting.append((trial.state, trial.score, values))
        sign = job.spec.objective.direction.sign
        return sorted(fitting, key=lambda setting: sign * setting[1])

    def replay(
        self,
        trials: Iterable[Trial],
        rungs: Mapping[int, Reached] = NO_RUNGS,
        blamed: Collection[int] = (),
    ) -> list[Plan]:
        """Replay the trials of earlier attempts, by number, and the rungs that they reached.

        Return the plans of running ones: they are handed out again; `blamed` ones, one of which may
        have ended the process of an attempt, train alone.
        """
        for trial in sorted(trials, key=lambda trial: trial.number):
            values = to_setting(trial.hyperparameters, self.spec.search_space)
            restored = self.oracle.restore(self.oracle.trial_id(trial.number), values)
            self._open[trial.number] = restored
            if trial.state is TrialState.running:
                self.oracle.ongoing_trials[str(trial.number)] = restored
                waiting = self._blamed if trial.number in blamed else self._again
                waiting.append(self.plan(trial.number, trial.hyperparameters))
            else:
                is_pruned = trial.state is TrialState.pruned
                reached = rungs.get(trial.number, ())
                self.tell(
                    trial.number,
                    trial.score,
                    score_error=trial.score_error,
                    rungs=reached,
                    is_pruned=is_pruned,
                )
        return [*self._blamed, *self._again]

    def plan(self, number: int, hyperparameters: Hyperparameters, repeat: int = 0) -> Plan:
        """Build the plan of a trial, or of a repeat of it on another seed."""
        seed = trial_seed(self.spec.seed, number, repeat)
        return to_plan(number, seed, hyperparameters, self.spec)

    @property
    def is_exhausted(self) -> bool:
        """Whether no new trial will come."""
        return self.end_reason is not None

    @property
    def is_idle(self) -> bool:
        """Whether no trial that was asked for has yet to be told."""
        return len(self._open) == len(self._blamed) + len(self._again)

    @property
    def end_reason(self) -> str | None:
        """Why no new trial will come; None while some may."""
        if len(self.oracle.trials) >= self.spec.budget.max_trials:
            return "max_trials"
        if self.oracle.is_exhausted:
            return "search_space_exhausted"
        failed = sum(score is None for score in self._scores.values())
        if failed >= max(MIN_FAILED, FAILED_SHARE * len(self._scores)):
            return "too_many_failures"
        best = self.best()
        return None if best is None else self._reason_of_best(*best)

    def _reason_of_best(self, number: int, score: float) -> str | None:
        """Return why the best trial is good enough, if it is."""
        budget = self.spec.budget
        if self.has_hit_target:
            return "target_value"
        since = sum(later > number for later in self._scores)
        if remaining(budget.no_improvement_trials, since) <= 0:
            return "no_improvement"
        enough = self._min_expected_improvement(number, score)
        if enough is None:
            return None
        if budget.min_expected_improvement == "auto" and self._gain_of_last(score) < enough:
            return "min_expected_improvement"
        expected = self._expected_improvement()
        if expected is not None and expected < enough:
            return "min_expected_improvement"
        return None

    def _gain_of_last(self, best: float) -> float:
        """Return what the last `GAIN_TRIALS` trials have gained on the best of those before."""
        scored = sorted(number for number, score in self._scores.items() if score is not None)
        earlier = set(scored[:-GAIN_TRIALS])
        before = next((score for number, score in self._ranked() if number in earlier), None)
        if before is None:
            return math.inf
        return self.spec.objective.direction.sign * (before - best)

    def _min_expected_improvement(self, number: int, score: float) -> float | None:
        """Return what another trial must be expected to gain on the best one, if anything.

        By default it is judged by the error of the best score (Makarova et al. 2022, "Automatic
        termination for hyperparameter optimization").
        """
        share = self.spec.budget.min_expected_improvement
        if share is None:
            return None
        if share != "auto":
            return share * abs(score)
        if self.spec.algorithm != "bayesian" or len(self._scores) < MIN_ENDED:
            return None
        error = self._errors[number]
        return None if error is None else ERROR_SHARE * error

    @property
    def has_hit_target(self) -> bool:
        """Whether the best trial is as good as was asked for."""
        target, best = self.spec.budget.target_value, self.best()
        is_better = self.spec.objective.direction.is_better
        return target is not None and best is not None and not is_better(target, best[1])

    def _expected_improvement(self) -> float | None:
        """Return the expected gain of another trial; computed anew as a trial ends."""
        ended = len(self._scores)
        if self._expected is None or self._expected[0] != ended:
            self._expected = (ended, self.oracle.expected_improvement())
        return self._expected[1]

    def best(self) -> tuple[int, float] | None:
        """Return number and score of the best trial; the first of equals."""
        ranked = self._ranked()
        return ranked[0] if ranked else None

    def top(self, n: int) -> list[int]:
        """Return the numbers of the best n completed trials, best first; else pruned ones."""
        return [number for number, _ in self._ranked()[:n]]

    def best_completed(self) -> int | None:
        """Return the number of the best trial that was not pruned; None without one."""
        return next((number for number, _ in self._ranked() if number not in self._pruned), None)

    def repeats(self, number: int, n: int) -> tuple[Plan, ...]:
        """Build plans of a finished trial on n seeds, the first of which is its own."""
        values = self.oracle.trials[self.oracle.trial_id(number)].hyperparameters.values
        hyperparameters = to_hyperparameters(values)
        return tuple(self.plan(number, hyperparameters, repeat) for repeat in range(n))

    def _ranked(self) -> list[tuple[int, float]]:
        sign = self.spec.objective.direction.sign
        scored = [(n, s) for n, s in self._scores.items() if s is not None]
        # A pruned trial's score is of a few epochs: it counts only where nothing else is there.
        scored = [pair for pair in scored if pair[0] not in self._pruned] or scored
        return sorted(scored, key=lambda pair: (sign * pair[1], pair[0]))

    def run_trial(self, trial: KerasTunerTrial, train: Callable[[Plan], float]) -> dict[str, float]:
        """Run one trial in KerasTuner's own loop, `search(train)`; no Tuner is made without it."""
        number = int(trial.trial_id) + 1
        plan = self.plan(number, to_hyperparameters(trial.hyperparameters.values))
        return {self.oracle.objective.name: train(plan)}

    def close(self) -> None:
        """Let go of what KerasTuner keeps for ever."""
        self.oracle.close()
