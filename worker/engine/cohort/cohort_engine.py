"""The engine: many trials in compiled programs, each in a slot that is refilled at once.

A trial that stops early, diverges or is stopped gives up its slot at the stretch's end, and the
next plan takes it with its own step counter. Cohorts train on threads of their own, one a core, and
none waits for a slower one. Yet runs repeat: cohorts are served in the order in which they would
end by the estimated cost of their epochs, never in the order in which they happen to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import COMPILE_SECONDS, Buckets, Reach, slot_bytes
from worker.engine.cohort.cohort import Cohort, Stretch
from worker.engine.cohort.feed import Feed
from worker.engine.cohort.program import Programs
from worker.engine.cohort.shape import Shape
from worker.engine.plans import Plan
from worker.engine.protocol import EpochsAhead, NextPlans, OnEpoch, OnWait, look_at_every_epoch
from worker.engine.results import FailedPlan, TrainedPlan, failed_plan, never_begun

TRIALS_PER_OPEN_TRIAL = 4
"""A search of 20 trials has 5 open at once: what it learns of the others serves the rest."""
MAX_OPEN = 8
"""What two cores train at full speed; with more open, a search learns less from each."""
RESIDENT_SHARE, SLOTS_SHARE = 0.2, 0.4
"""Of the machine's memory: above the first, data is fed in pieces; the second is for all slots."""
LISTEN_SECONDS = 1.0
HUNG_SECONDS = 300.0
"""Without a sign of life for so long, whoever waits is no longer told of one."""


@dataclass(frozen=True)
class Machine:
    """What the engine may use."""

    cores: int
    memory_bytes: int


@dataclass(frozen=True)
class _RunningStretch:
    """Epochs of a cohort, and when they would end by the estimates: seconds since the run began."""

    end_s: float
    stretch: Future[Stretch | None]


def count_open(trials: int, *, cores: int, plans_together: int) -> int:
    """Count the groups of plans that are open at a time in a search of so many trials."""
    open_plans = min(MAX_OPEN, -(-trials // TRIALS_PER_OPEN_TRIAL)) // plans_together
    return max(cores, open_plans)


class CohortEngine:
    """Trains plans in cohorts.

    `plans_together` plans are asked for at once, and train side by side in one cohort: the folds
    of a trial, say. Programs have so many `slots`, or, where that is 1, as many as the width of
    their networks allows. Engines that are given the same `programs` compile once for data of the
    same shapes.
    """

    def __init__(
        self,
        arrays: Arrays,
        reach: Reach,
        machine: Machine,
        *,
        trials: int,
        plans_together: int = 1,
        slots: int = 1,
        programs: Programs | None = None,
    ) -> None:
        self.threads = machine.cores
        self.max_open = count_open(trials, cores=machine.cores, plans_together=plans_together)
        self._plans_together = plans_together
        self._arrays = arrays
        self._machine = machine
        self._buckets = Buckets(
            arrays,
            reach,
            max_slots_of_cohort=-(-self.max_open // machine.cores),
            slots=slots,
            max_bytes=int(SLOTS_SHARE * machine.memory_bytes),
        )
        self._is_resident = arrays.x_VND.nbytes <= RESIDENT_SHARE * machine.memory_bytes
        self._feed = Feed(arrays, is_resident=self._is_resident)
        self._programs = Programs() if programs is None else programs
        self._trained_shapes: set[Shape] = set()

    def run(
        self,
        next_plans: NextPlans,
        *,
        on_epoch: OnEpoch,
        on_wait: OnWait,
        epochs_ahead: EpochsAhead = look_at_every_epoch,
    ) -> Iterator[TrainedPlan | FailedPlan]:
        """Train plans until there are none, and yield each training as it ends."""
        cohorts = _Cohorts(
            self._machine,
            self._arrays,
            self._new_cohort,
            plans_together=self._plans_together,
            trained_shapes=self._trained_shapes,
            on_end=self._buckets.record,
        )
        try:
            while True:
                # One trial at a time: who stops the search has one at most that has not begun.
                while cohorts.open < self.max_open and not cohorts.waiting:
                    plans = next_plans(self._plans_together)
                    if not plans:
                        break
                    yield from cohorts.assign_slots(plans, self._buckets.choose(plans[0]))
                if not cohorts.open:
                    return
                yield from cohorts.next_stretch(on_epoch, on_wait, epochs_ahead)
        finally:
            cohorts.close()

    def _new_cohort(self, shape: Shape) -> Cohort:
        program = self._programs.get(shape, self._arrays, is_resident=self._is_resident)
        return Cohort(program, self._arrays, self._feed)


class _Cohorts:
    """The cohorts that train, and the plans that wait for slots in one."""

    def __init__(
        self,
        machine: Machine,
        arrays: Arrays,
        new_cohort: Callable[[Shape], Cohort],
        *,
        plans_together: int,
        trained_shapes: set[Shape],
        on_end: Callable[[Plan, int], None],
    ) -> None:
        self.waiting: tuple[Sequence[Plan], Shape] | None = None
        self._new_cohort = new_cohort
        self._plans_together = plans_together
        self._trained_shapes = trained_shapes
        self._on_end = on_end
        self._arrays = arrays
        self._max_bytes = int(SLOTS_SHARE * machine.memory_bytes)
        self._pool = ThreadPoolExecutor(machine.cores, thread_name_prefix="cohort")
        self._cohorts: list[Cohort] = []
        self._running: dict[Cohort, _RunningStretch] = {}
        self._now_s = 0.0
        self._signs = 0
        self._signed_at = time.monotonic()

    @property
    def open(self) -> int:
        """Groups of plans that train side by side, and one that waits."""
        plans = sum(len(cohort.plans) for cohort in self._cohorts)
        training = plans if self._plans_together == 1 else len(self._cohorts)
        return training + (self.waiting is not None)

    def assign_slots(self, plans: Sequence[Plan], shape: Shape) -> list[TrainedPlan | FailedPlan]:
        """Give plans free slots of one cohort, or let them wait for some that come free.

        So do those that are more than its slots. Return the results of those that end at once.
        """
        plans, later = plans[: shape.slots], plans[shape.slots :]
        self.waiting = (later, shape) if later else None
        fitting = [c for c in self._cohorts if c.program.shape == shape and c.has_room(plans)]
        cohort = next((c for c in fitting if c not in self._running), None)
        if cohort is None and (fitting or not self._has_memory(shape)):
            self.waiting = ([*plans, *later], shape)
            return []
        try:
            if cohort is None:
                cohort = self._new_cohort(shape)
            ended = cohort.start_all(plans)
        except Exception as error:
            self.waiting = None
            return [failed_plan(plan, error) for plan in (*plans, *later)]
        if cohort not in self._cohorts and cohort.plans:
            self._cohorts.append(cohort)
        return list(ended)

    def next_stretch(
        self, on_epoch: OnEpoch, on_wait: OnWait, epochs_ahead: EpochsAhead
    ) -> list[TrainedPlan | FailedPlan]:
        """Await the epochs that end next by the estimates; return the trials that end with them."""
        if ended := self._end_cut(epochs_ahead):
            return ended
        self._train_resting(epochs_ahead)
        cohort = min(self._running, key=lambda c: self._running[c].end_s)
        running = self._running[cohort]
        if not self._await(running, on_wait):
            return self._leave()
        del self._running[cohort]
        self._now_s = running.end_s
        self._trained_shapes.add(cohort.program.shape)
        try:
            stretch = running.stretch.result()
        except Exception as error:
            ended = [failed_plan(plan, error) for plan in cohort.plans]
            self._cohorts.remove(cohort)
        else:
            assert stretch is not None
            ended = cohort.end_stretch(stretch, on_epoch, epochs_ahead)
            for result in ended:
                if isinstance(result, TrainedPlan):
                    self._on_end(result.plan, len(result.epochs))
            if not cohort.plans:
                self._cohorts.remove(cohort)
        if self.waiting is not None:
            ended += self.assign_slots(*self.waiting)
        return ended

    def close(self) -> None:
        """Leave what trains; a call that runs, or compiles, ends by itself."""
        for cohort in self._cohorts:
            cohort.is_cancelled = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _train_resting(self, epochs_ahead: EpochsAhead) -> None:
        """Let every cohort train its next epochs."""
        for cohort in self._cohorts:
            if cohort not in self._running:
                epochs = cohort.next_epochs(epochs_ahead)
                end_s = self._now_s + epochs * cohort.epoch_seconds
                # Whether it is compiled already does not count, or no search could be repeated.
                if cohort.program.shape not in self._trained_shapes:
                    end_s += COMPILE_SECONDS
                training = self._pool.submit(cohort.train, epochs)
                self._running[cohort] = _RunningStretch(end_s, training)

    def _end_cut(self, epochs_ahead: EpochsAhead) -> list[TrainedPlan | FailedPlan]:
        """End the trials that something beside their own cohort has ended."""
        resting = [cohort for cohort in self._cohorts if cohort not in self._running]
        ended = [result for cohort in resting for result in cohort.end_cut(epochs_ahead)]
        self._cohorts = [cohort for cohort in self._cohorts if cohort.plans]
        return ended

    def _leave(self) -> list[TrainedPlan | FailedPlan]:
        """End all trials as their last epoch left them."""
        ended = [result for cohort in self._cohorts for result in cohort.leave()]
        if self.waiting is not None:
            plans, shape = self.waiting
            outputs = self._arrays.outputs
            ended += [never_begun(plan, outputs=outputs, program=str(shape)) for plan in plans]
            self.waiting = None
        self._cohorts.clear()
        self._running.clear()
        return ended

    def _await(self, running: _RunningStretch, on_wait: OnWait) -> bool:
        """Await epochs, and return whether to go on with what they measured."""
        while wait([running.stretch], timeout=LISTEN_SECONDS).not_done:
            signs = sum(cohort.signs for cohort in self._cohorts)
            if signs != self._signs:
                self._signs, self._signed_at = signs, time.monotonic()
            is_hung = time.monotonic() - self._signed_at > HUNG_SECONDS
            if not is_hung and not on_wait():
                return False
        self._signed_at = time.monotonic()
        return True

    def _has_memory(self, shape: Shape) -> bool:
        shapes = [shape, *(cohort.program.shape for cohort in self._cohorts)]
        needed = sum(any_shape.slots * slot_bytes(any_shape, self._arrays) for any_shape in shapes)
        return not self._cohorts or needed <= self._max_bytes
