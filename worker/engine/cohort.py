"""The fast engine: many trials in compiled programs, each in a slot that is refilled at once.

A trial that stops early, diverges or is stopped gives up its slot at the epoch's end, and the next
plan takes it with its own step counter. Cohorts train on threads of their own, one a core, and none
waits for a slower one. Yet runs repeat: cohorts are served in the order in which they would end by
the estimated cost of their epochs, never in the order in which they happen to.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from worker.engine.buckets import Buckets, Reach, slot_bytes
from worker.engine.feed import Feed
from worker.engine.plans import (
    Arrays,
    Engine,
    FailedTrial,
    NextPlans,
    OnBatch,
    OnEpoch,
    Plan,
    TrainedTrial,
)
from worker.engine.program import Program, Shape
from worker.engine.slots import Cohort

TRIALS_PER_OPEN_TRIAL = 4
"""A search of 50 trials has 13 open at once: what it learns of the others serves the rest."""
MOST_OPEN = 16
RESIDENT_SHARE, SLOTS_SHARE = 0.2, 0.4
"""Of the machine's memory: above the first, data is fed in pieces; the second is for all slots."""
LISTEN_SECONDS = 1.0


@dataclass(frozen=True)
class Machine:
    """What the engine may use."""

    cores: int
    memory_bytes: int


@dataclass(frozen=True)
class _Epoch:
    """A cohort's epoch under way, and when it would end by the estimates."""

    ends_at: float
    measured: Future[Any]


class CohortEngine:
    """Trains plans in cohorts; what they cannot train, or not well, goes to the fallback."""

    def __init__(
        self, arrays: Arrays, reach: Reach, machine: Machine, *, trials: int, fallback: Engine
    ) -> None:
        self.threads = machine.cores
        self.most_open = max(machine.cores, min(MOST_OPEN, -(-trials // TRIALS_PER_OPEN_TRIAL)))
        self._arrays = arrays
        self._machine = machine
        self._fallback = fallback
        self._buckets = Buckets(arrays, reach, most_slots=-(-self.most_open // machine.cores))
        is_resident = arrays.x_VND.nbytes <= RESIDENT_SHARE * machine.memory_bytes
        self._feed = Feed(arrays, is_resident=is_resident)
        self._programs: dict[Shape, Program] = {}

    def run(
        self, next_plans: NextPlans, *, on_epoch: OnEpoch, on_batch: OnBatch
    ) -> Iterator[TrainedTrial | FailedTrial]:
        """Train plans until there are none; yields each training as it ends."""
        floor = _Floor(self._machine, self._arrays)
        try:
            while True:
                room = self.most_open - floor.open
                plans = next_plans(room) if room > 0 else []
                for plan in plans:
                    if (shape := self._buckets.choose(plan)) is None:
                        floor.pause()
                        yield from self._fallback.run(
                            _once(plan), on_epoch=on_epoch, on_batch=on_batch
                        )
                    else:
                        floor.pending.append((plan, shape))
                floor.place(self._new_cohort)
                if floor.is_empty:
                    if plans:
                        continue
                    return
                yield from floor.next_epoch(on_epoch, on_batch)
        finally:
            floor.close()

    def _new_cohort(self, shape: Shape) -> Cohort:
        if shape not in self._programs:
            self._programs[shape] = Program(shape, self._arrays)
        return Cohort(self._programs[shape], self._arrays, self._feed)


class _Floor:
    """The cohorts that train, and the plans that wait for a slot in one."""

    def __init__(self, machine: Machine, arrays: Arrays) -> None:
        self.pending: list[tuple[Plan, Shape]] = []
        self._arrays = arrays
        self._most_bytes = int(SLOTS_SHARE * machine.memory_bytes)
        self._pool = ThreadPoolExecutor(machine.cores, thread_name_prefix="cohort")
        self._cohorts: list[Cohort] = []
        self._running: dict[Cohort, _Epoch] = {}
        self._clock = 0.0
        self._signs = 0

    @property
    def open(self) -> int:
        """Plans that train or wait."""
        return len(self.pending) + sum(len(cohort.plans) for cohort in self._cohorts)

    @property
    def is_empty(self) -> bool:
        """Whether nothing trains, or could."""
        return not self._cohorts

    def place(self, new_cohort: Callable[[Shape], Cohort]) -> None:
        """Give each waiting plan a slot that is free, or will be when its cohort ends an epoch."""
        waiting, self.pending = self.pending, []
        awaited: Counter[Cohort] = Counter()
        for plan, shape in waiting:
            fitting = [c for c in self._cohorts if c.program.shape == shape and c.has_room(plan)]
            cohort = next((c for c in fitting if c not in self._running), None)
            busy = next((c for c in fitting if awaited[c] < c.free), None)
            if cohort is None and busy is None and self._has_memory(shape):
                cohort = new_cohort(shape)
                self._cohorts.append(cohort)
            if cohort is not None:
                cohort.start(plan)
                continue
            if busy is not None:
                awaited[busy] += 1
            self.pending.append((plan, shape))
        for cohort in self._cohorts:
            if cohort not in self._running:
                ends_at = self._clock + cohort.epoch_seconds
                self._running[cohort] = _Epoch(ends_at, self._pool.submit(cohort.train_epoch))

    def next_epoch(self, on_epoch: OnEpoch, on_batch: OnBatch) -> list[TrainedTrial | FailedTrial]:
        """Await the epoch that ends next by the estimates; answers the trials that end with it."""
        cohort = min(self._running, key=lambda c: self._running[c].ends_at)
        epoch = self._running[cohort]
        while not wait([epoch.measured], timeout=LISTEN_SECONDS).done:
            self._listen(on_batch)
        self._listen(on_batch)
        del self._running[cohort]
        self._clock = epoch.ends_at
        ended: list[TrainedTrial | FailedTrial] = []
        try:
            measured_K3 = epoch.measured.result()
        except MemoryError:
            raise
        except Exception as error:
            text = traceback.format_exc()
            ended += [FailedTrial(plan, type(error).__name__, text) for plan in cohort.plans]
            self._cohorts.remove(cohort)
            return ended
        ended += cohort.end_epoch(measured_K3, on_epoch)
        if not cohort.plans:
            self._cohorts.remove(cohort)
        return ended

    def pause(self) -> None:
        """Await what trains, so that another engine has the machine to itself."""
        wait([epoch.measured for epoch in self._running.values()])

    def close(self) -> None:
        """Leave what trains."""
        for cohort in self._cohorts:
            cohort.is_left = True
        self._pool.shutdown(cancel_futures=True)

    def _listen(self, on_batch: OnBatch) -> None:
        """Pass on that some cohort has ended a call."""
        signs = sum(cohort.signs for cohort in self._cohorts)
        if signs != self._signs:
            self._signs = signs
            on_batch()

    def _has_memory(self, shape: Shape) -> bool:
        shapes = [shape, *(cohort.program.shape for cohort in self._cohorts)]
        needed = sum(each.slots * slot_bytes(each, self._arrays) for each in shapes)
        return not self._cohorts or needed <= self._most_bytes


def _once(plan: Plan) -> NextPlans:
    """Hands out one plan."""
    left = [plan]
    return lambda _: [left.pop()] if left else []
