"""The fast engine: many trials in compiled programs, each in a slot that is refilled at once.

A trial that stops early, diverges or is stopped gives up its slot at the epoch's end, and the next
plan takes it with its own step counter. Cohorts train on threads of their own, one a core, and none
waits for a slower one. Yet runs repeat: cohorts are served in the order in which they would end by
the estimated cost of their epochs, never in the order in which they happen to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import Buckets, Reach, slot_bytes
from worker.engine.cohort.feed import Feed
from worker.engine.cohort.program import Programs, Shape
from worker.engine.cohort.slots import Cohort
from worker.engine.plans import Plan
from worker.engine.protocol import Engine, NextPlans, OnBatch, OnEpoch, next_plans_from
from worker.engine.results import FailedPlan, TrainedPlan, failed_plan

TRIALS_PER_OPEN_TRIAL = 4
"""A search of 20 trials has 5 open at once: what it learns of the others serves the rest."""
MAX_OPEN = 8
"""What two cores train at full speed; with more open, a search learns less from each."""
RESIDENT_SHARE, SLOTS_SHARE = 0.2, 0.4
"""Of the machine's memory: above the first, data is fed in pieces; the second is for all slots."""
LISTEN_SECONDS = 1.0


@dataclass(frozen=True)
class Machine:
    """What the engine may use."""

    cores: int
    memory_bytes: int


@dataclass(frozen=True)
class _RunningEpoch:
    """A cohort's epoch, and when it would end by the estimates: seconds since the run began."""

    end_s: float
    measured: Future[Any]


class CohortEngine:
    """Trains plans in cohorts; what they cannot train, or not well, goes to the fallback.

    Engines that are given the same `programs` compile once for data of the same shapes.
    """

    def __init__(
        self,
        arrays: Arrays,
        reach: Reach,
        machine: Machine,
        *,
        trials: int,
        fallback: Engine,
        programs: Programs | None = None,
    ) -> None:
        self.threads = machine.cores
        self.max_open = max(machine.cores, min(MAX_OPEN, -(-trials // TRIALS_PER_OPEN_TRIAL)))
        self._arrays = arrays
        self._machine = machine
        self._fallback = fallback
        self._buckets = Buckets(
            arrays, reach, max_slots_of_cohort=-(-self.max_open // machine.cores)
        )
        self._is_resident = arrays.x_VND.nbytes <= RESIDENT_SHARE * machine.memory_bytes
        self._feed = Feed(arrays, is_resident=self._is_resident)
        self._programs = Programs() if programs is None else programs

    def run(
        self, next_plans: NextPlans, *, on_epoch: OnEpoch, on_batch: OnBatch
    ) -> Iterator[TrainedPlan | FailedPlan]:
        """Train plans until there are none, and yield each training as it ends."""
        cohorts = _Cohorts(self._machine, self._arrays, self._new_cohort)
        try:
            while True:
                # One by one: who stops the search has one plan at most that has not begun.
                while cohorts.open < self.max_open and not cohorts.waiting:
                    plans = next_plans(1)
                    if not plans:
                        break
                    if (shape := self._buckets.choose(plans[0])) is None:
                        cohorts.pause(on_batch)
                        once = next_plans_from(plans)
                        yield from self._fallback.run(once, on_epoch=on_epoch, on_batch=on_batch)
                    else:
                        yield from cohorts.assign_slot(plans[0], shape)
                if not cohorts.open:
                    return
                yield from cohorts.next_epoch(on_epoch, on_batch)
        finally:
            cohorts.close()

    def _new_cohort(self, shape: Shape) -> Cohort:
        program = self._programs.get(shape, self._arrays, is_resident=self._is_resident)
        return Cohort(program, self._arrays, self._feed)


class _Cohorts:
    """The cohorts that train, and the plan that waits for a slot in one."""

    def __init__(
        self, machine: Machine, arrays: Arrays, new_cohort: Callable[[Shape], Cohort]
    ) -> None:
        self.waiting: tuple[Plan, Shape] | None = None
        self._new_cohort = new_cohort
        self._arrays = arrays
        self._max_bytes = int(SLOTS_SHARE * machine.memory_bytes)
        self._pool = ThreadPoolExecutor(machine.cores, thread_name_prefix="cohort")
        self._cohorts: list[Cohort] = []
        self._running: dict[Cohort, _RunningEpoch] = {}
        self._now_s = 0.0
        self._signs = 0

    @property
    def open(self) -> int:
        """Plans that train or wait."""
        training = sum(len(cohort.plans) for cohort in self._cohorts)
        return training + (self.waiting is not None)

    def assign_slot(self, plan: Plan, shape: Shape) -> list[TrainedPlan | FailedPlan]:
        """Give a plan a free slot, or let it wait for one that is free at an epoch's end.

        Return its result where it ends at once.
        """
        self.waiting = None
        fitting = [c for c in self._cohorts if c.program.shape == shape and c.has_room(plan)]
        cohort = next((c for c in fitting if c not in self._running), None)
        if cohort is None and (fitting or not self._has_memory(shape)):
            self.waiting = (plan, shape)
            return []
        try:
            if cohort is None:
                cohort = self._new_cohort(shape)
            ended = cohort.start(plan)
        except Exception as error:
            return [failed_plan(plan, error)]
        if cohort not in self._cohorts and ended is None:
            self._cohorts.append(cohort)
        return [] if ended is None else [ended]

    def next_epoch(self, on_epoch: OnEpoch, on_batch: OnBatch) -> list[TrainedPlan | FailedPlan]:
        """Await the epoch that ends next by the estimates; return the trials that end with it."""
        for cohort in self._cohorts:
            if cohort not in self._running:
                end_s = self._now_s + cohort.epoch_seconds
                self._running[cohort] = _RunningEpoch(end_s, self._pool.submit(cohort.train_epoch))
        cohort = min(self._running, key=lambda c: self._running[c].end_s)
        epoch = self._running.pop(cohort)
        self._await([epoch], on_batch)
        self._now_s = epoch.end_s
        ended: list[TrainedPlan | FailedPlan] = []
        try:
            measured_K3 = epoch.measured.result()
        except Exception as error:
            ended += [failed_plan(plan, error) for plan in cohort.plans]
            self._cohorts.remove(cohort)
        else:
            ended += cohort.end_epoch(measured_K3, on_epoch)
            if not cohort.plans:
                self._cohorts.remove(cohort)
        if self.waiting is not None:
            ended += self.assign_slot(*self.waiting)
        return ended

    def pause(self, on_batch: OnBatch) -> None:
        """Await what trains, so that another engine has the machine to itself."""
        self._await(list(self._running.values()), on_batch)

    def close(self) -> None:
        """Leave what trains."""
        for cohort in self._cohorts:
            cohort.is_cancelled = True
        self._pool.shutdown(cancel_futures=True)

    def _await(self, epochs: list[_RunningEpoch], on_batch: OnBatch) -> None:
        """Await epochs, and pass on that some cohort has ended a call meanwhile."""
        is_running = True
        while is_running:
            is_running = bool(wait([e.measured for e in epochs], timeout=LISTEN_SECONDS).not_done)
            signs = sum(cohort.signs for cohort in self._cohorts)
            if signs != self._signs:
                self._signs = signs
                on_batch()

    def _has_memory(self, shape: Shape) -> bool:
        shapes = [shape, *(cohort.program.shape for cohort in self._cohorts)]
        needed = sum(any_shape.slots * slot_bytes(any_shape, self._arrays) for any_shape in shapes)
        return not self._cohorts or needed <= self._max_bytes
