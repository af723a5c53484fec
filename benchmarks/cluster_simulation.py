"""Simulates a search on 10 to 1,000 cores: `python -m benchmarks.cluster_simulation`.

Oracle, pruning, scores and store are the real ones, and the time that they take in the driver is
measured. Only trainings are not: each is one that a real search recorded, and takes its seconds on
the clock of the simulation. A core has as many open trials as an actor of one core, which take
turns between the looks at them, and compiles what it has not met.
"""

from __future__ import annotations

import heapq
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.jobs import measured_parts, prepare_job, submit
from benchmarks.tables import generated_csv
from service.store.database import Database
from service.store.trials import list_curves
from worker.data.prepare import Prepared
from worker.engine.cohort.cohort_engine import count_open
from worker.engine.plans import Epoch, Plan
from worker.engine.protocol import EpochsAhead, NextPlans, OnEpoch, OnWait, look_at_every_epoch
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.execution.local import LocalExecutor
from worker.search.reach import reach_of_space
from worker.search.tuner import SearchTuner
from worker.trials.loop import SearchLoop

ROWS, RECORDED_TRIALS = 16_000, 60
TRIALS = 2_000
CORES_AND_SCALES = ((10, 1), (100, 100), (1_000, 100))
"""A scale of 100 is a table on which an epoch takes a hundred times as long as in the recording."""


@dataclass(frozen=True)
class Recording:
    """What a real search trained: the validation losses of each trial, epoch by epoch.

    `epoch_s` and `compile_s` are seconds of one core for an epoch and a program, on average.
    """

    losses: tuple[tuple[float, ...], ...]
    epoch_s: float
    compile_s: float


@dataclass
class _Training:
    """A plan on a core, with the recorded losses that it comes to."""

    plan: Plan
    core: int
    losses: tuple[float, ...]
    epochs: list[Epoch] = field(default_factory=list)
    ahead: int = 1
    is_cut: bool = False

    @property
    def is_over(self) -> bool:
        return self.is_cut or len(self.epochs) >= len(self.losses)


class SimulatedCluster:
    """An engine of so many cores, on whose clock the driver takes the time that it really takes."""

    def __init__(
        self, recording: Recording, *, cores: int, scale: int, val_output: np.ndarray
    ) -> None:
        of_core = count_open(-(-TRIALS // cores), cores=1, plans_together=1)
        self.trained_s = self.driver_s = self._clock = 0.0
        self._recording, self._val_output = recording, val_output
        self._epoch_s = recording.epoch_s * scale
        self._idle = [core for core in range(cores) for _ in range(of_core)]
        self._core_free_at = [0.0] * cores
        self._programs: list[set[tuple[int, str]]] = [set() for _ in range(cores)]
        self._stretches: list[tuple[float, int, _Training]] = []
        self._order = itertools.count()

    @property
    def now_s(self) -> float:
        """The time of the simulation: all that was trained and handled so far has ended."""
        return max(self._clock, *self._core_free_at)

    def run(
        self,
        next_plans: NextPlans,
        *,
        on_epoch: OnEpoch,
        on_wait: OnWait,
        epochs_ahead: EpochsAhead = look_at_every_epoch,
    ) -> Iterator[TrainedPlan | FailedPlan]:
        """Train plans until there are none, and yield each training as it ends."""
        while True:
            with self._driving():
                started = self._start(next_plans(len(self._idle)))
                for training in started:
                    training.ahead = epochs_ahead(training.plan)
            for training in started:
                self._train_stretch(training)
            if not self._stretches:
                return
            ended_at, _, training = heapq.heappop(self._stretches)
            self._clock = max(self._clock, ended_at)
            with self._driving():
                on_wait()
                self._report(training, on_epoch)
                training.ahead = 0 if training.is_over else epochs_ahead(training.plan)
            if training.ahead:
                self._train_stretch(training)
                continue
            self._idle.append(training.core)
            with self._driving():
                yield self._result(training)

    @contextmanager
    def _driving(self) -> Iterator[None]:
        """Let the block's real seconds pass on the clock: the driver does one thing at a time."""
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        self.driver_s += seconds
        self._clock += seconds

    def _start(self, plans: list[Plan]) -> list[_Training]:
        losses = self._recording.losses
        return [
            _Training(plan, self._idle.pop(0), losses[plan.number % len(losses)]) for plan in plans
        ]

    def _train_stretch(self, training: _Training) -> None:
        """Train a plan up to the next look at it, once its core is free."""
        epochs = min(training.ahead, len(training.losses) - len(training.epochs))
        seconds = epochs * self._epoch_s
        self.trained_s += seconds
        program = (len(training.plan.widths), training.plan.activations[0])
        if program not in self._programs[training.core]:
            self._programs[training.core].add(program)
            seconds += self._recording.compile_s
        ended_at = max(self._clock, self._core_free_at[training.core]) + seconds
        self._core_free_at[training.core] = ended_at
        heapq.heappush(self._stretches, (ended_at, next(self._order), training))

    def _report(self, training: _Training, on_epoch: OnEpoch) -> None:
        begun = len(training.epochs)
        for index in range(begun, min(begun + training.ahead, len(training.losses))):
            loss = training.losses[index]
            training.epochs.append(Epoch(index + 1, loss, loss, loss))
            training.is_cut = not on_epoch(training.plan, training.epochs[-1], None)

    def _result(self, training: _Training) -> TrainedPlan:
        val_losses = [epoch.val_loss for epoch in training.epochs]
        is_whole = len(val_losses) == len(training.losses)
        return TrainedPlan(
            training.plan,
            TrainingOutcome.completed if is_whole else TrainingOutcome.stopped,
            "early_stopping" if is_whole else "stopped",
            tuple(training.epochs),
            int(np.argmin(val_losses)) + 1,
            weights=(),
            val_output_MC=self._val_output,
            seconds=len(val_losses) * self._epoch_s,
            program="simulated",
        )


def record(folder: Path) -> Recording:
    """Run a search with a worker's engine, and return what it trained."""
    request = {"target": "y", "budget": _budget(RECORDED_TRIALS)}
    with closing(_prepare(f"sqlite:///{folder}/recorded.sqlite3", request, folder)) as database:
        reporter, spec, prepared = prepare_job(database, folder)
        reach = reach_of_space(spec.search_space)
        engine = LocalExecutor().build_engine(prepared.arrays, reach, trials=RECORDED_TRIALS)
        with measured_parts() as parts, closing(SearchTuner(spec, directory=folder)) as tuner:
            SearchLoop(tuner, prepared, reporter, folder).run(engine)
        with database.reading() as session:
            curves = list_curves(session, reporter.fence.job_id).values()
    losses = [tuple(loss for loss in curve.val_loss if loss is not None) for curve in curves]
    return Recording(
        tuple(one for one in losses if one),
        epoch_s=parts.seconds["train"] / sum(map(len, losses)),
        compile_s=parts.seconds["compile"] / parts.calls["compile"],
    )


def _prepare(url: str, request: dict[str, Any], folder: Path) -> Database:
    database = Database(url)
    database.prepare()
    submit(database, generated_csv(folder, ROWS), request)
    return database


def _budget(trials: int) -> dict[str, Any]:
    unlimited = dict.fromkeys(("max_seconds", "min_expected_improvement"))
    return {"max_trials": trials, "max_epochs": 60} | unlimited


def simulate(recording: Recording, folder: Path, *, cores: int, scale: int) -> dict[str, float]:
    """Search with 2,000 trials on so many cores; seconds are those of the simulation's clock."""
    url = f"sqlite:///{folder}/{cores}_{scale}.sqlite3"
    with closing(_prepare(url, {"target": "y", "budget": _budget(TRIALS)}, folder)) as database:
        reporter, spec, prepared = prepare_job(database, folder)
        output = _val_output(prepared)
        cluster = SimulatedCluster(recording, cores=cores, scale=scale, val_output=output)
        with measured_parts() as parts, closing(SearchTuner(spec, directory=folder)) as tuner:
            SearchLoop(tuner, prepared, reporter, folder).run(cluster)
            count = len(tuner.oracle.trials)
    assert count == TRIALS, count
    return {
        "cores": cores,
        "trial_s": cluster.trained_s / TRIALS,
        "seconds": cluster.now_s,
        "efficiency": cluster.trained_s / cores / cluster.now_s,
        "driver_s": cluster.driver_s,
        "oracle_s": parts.seconds["oracle"],
        "store_s": parts.seconds["store"],
    }


def _val_output(prepared: Prepared) -> np.ndarray:
    rows = len(prepared.splits.folds[0].validation)
    return np.zeros((rows, prepared.arrays.outputs), dtype=np.float32)


def main() -> None:
    """Record a search, simulate larger ones, and print a line for each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recording = record(folder)
        print(f"an epoch {recording.epoch_s:.4f} s, a compile {recording.compile_s:.2f} s")

        for cores, scale in CORES_AND_SCALES:
            result = simulate(recording, folder, cores=cores, scale=scale)
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
