"""An engine whose cohorts are in actors. The callbacks of a run are called here, one at a time."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import ray
from ray.exceptions import LocalRayletDiedError, RayError, RayTaskError

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import Reach
from worker.engine.cohort.cohort_engine import count_open
from worker.engine.plans import Checkpoint, Plan
from worker.engine.protocol import EpochsAhead, NextPlans, OnEpoch, OnWait, look_at_every_epoch
from worker.engine.results import FailedPlan, TrainedPlan, never_begun
from worker.execution.executor import NoActorsError
from worker.execution.ray.actor import EngineParts
from worker.execution.ray.messages import Order, PlanKey, Report, key_of
from worker.execution.ray.pool import ActorPool, RemoteActor

log = logging.getLogger(__name__)

LISTEN_SECONDS = 1.0
SAY_SECONDS, START_SECONDS = 30.0, 600.0
"""Without an actor for so long, it is said, and a run ends: a cluster that grows takes minutes."""
SILENT_SECONDS, LEAVE_SECONDS = 600.0, 60.0
"""An actor that is silent for so long hangs; one that is to end its trainings has less time."""
MAX_LOSSES = 3
"""A plan that lost so many actors, and came no further meanwhile, is given up: it may be why."""
LOST = "actor_lost"


@dataclass(frozen=True)
class Callbacks:
    """What a run asks of those who started it."""

    next_plans: NextPlans
    on_epoch: OnEpoch
    on_wait: OnWait
    epochs_ahead: EpochsAhead


class RayEngine:
    """Trains plans on arrays that the cluster holds once for each node."""

    def __init__(
        self,
        number: int,
        arrays: Arrays,
        reach: Reach,
        *,
        trials: int,
        plans_together: int,
        slots: int,
        pool: ActorPool,
    ) -> None:
        self.trials = trials
        actors = max(1, min(trials, pool.count_actors()))
        # Every core of every actor has a plan: more are open at a time than in one process.
        of_actor = -(-trials // actors)
        self.number = number
        self.outputs = arrays.outputs
        self.arrays = ray.put(arrays)
        self.parts = EngineParts(reach, of_actor, plans_together, slots)
        self.max_open = actors * count_open(
            of_actor, cores=pool.needs.threads, plans_together=plans_together
        )
        self._pool = pool

    @property
    def threads(self) -> int:
        """The threads of the actors that there were at a time so far."""
        return self._pool.peak_actors * self._pool.needs.threads

    def run(
        self,
        next_plans: NextPlans,
        *,
        on_epoch: OnEpoch,
        on_wait: OnWait,
        epochs_ahead: EpochsAhead = look_at_every_epoch,
    ) -> Iterator[TrainedPlan | FailedPlan]:
        """Train plans until there are none, and yield each training as it ends."""
        run = _Run(self, self._pool, Callbacks(next_plans, on_epoch, on_wait, epochs_ahead))
        try:
            yield from run.train()
        finally:
            run.close()


class _Run:
    """One run: which actor trains what, what was reported of each plan, and what was lost.

    An actor's engine waits for the order that answers its report, so that whoever orders sees the
    plans of an actor stand still. `_pending` has a reference for each actor that trains.
    """

    def __init__(self, engine: RayEngine, pool: ActorPool, callbacks: Callbacks) -> None:
        self._engine = engine
        self._pool = pool
        self._callbacks = callbacks
        self._pending: dict[Any, RemoteActor] = {}
        self._returned: deque[tuple[Plan, ...]] = deque()
        self._epochs: Counter[PlanKey] = Counter()
        self._checkpoints: dict[PlanKey, Checkpoint] = {}
        self._losses: Counter[PlanKey] = Counter()
        self._cut_keys: set[PlanKey] = set()
        self._is_ending = False
        self._number = pool.next_run()
        self._actors_at = self._waited_at = time.monotonic()

    def train(self) -> Iterator[TrainedPlan | FailedPlan]:
        """Train until there are no plans, and none are open."""
        while True:
            self._pool.fill(self._engine.trials)
            self._start_idle()
            if self._is_ending:
                yield from self._leave_returned()
            if not self._pending and (self._pool.actors or self._is_ending):
                return
            self._check_start()
            ready = self._await([*self._pending, *self._pool.starting])
            self._wait()
            yield from self._lose_silent()
            for reference in ready:
                if reference in self._pending:
                    yield from self._hear(reference)
                elif reference in self._pool.starting:
                    self._pool.welcome(reference)

    def close(self) -> None:
        """End the actors that still have plans: nobody hears them any more."""
        for actor in [actor for actor in self._pool.actors if actor.plans]:
            self._pool.lose(actor)

    def _start_idle(self) -> None:
        """Let actors that train nothing train, as far as there are plans."""
        training = set(self._pending.values())
        for actor in [actor for actor in self._pool.actors if actor not in training]:
            plans = self._next_plans(self._engine.parts.plans_together)
            if not plans:
                return
            engine, order = self._engine, self._order(actor, plans)
            arrays = None if engine.number in actor.engines else engine.arrays
            actor.add_engine(engine.number)
            reports = actor.handle.start.remote(
                self._number, engine.number, arrays, engine.parts, order
            )
            actor.heard_at = time.monotonic()
            self._pending[reports] = actor

    def _hear(self, reference: Any) -> Iterator[TrainedPlan | FailedPlan]:
        """Take an actor's reports, yield what ended, and give it the order that it waits for."""
        actor = self._pending.pop(reference)
        try:
            reports: list[Report] = ray.get(reference)
            for report in reports:
                self._count_epochs(actor, report)
                yield from self._end_plans(actor, report)
        except RayError as error:
            if is_own_error(error):
                raise
            yield from self._lose(actor, error)
            return
        last = reports[-1]
        self._pool.hear(actor, last)
        if last.error is not None:
            raise RuntimeError(f"an actor on node {actor.node} failed:\n{last.error}")
        if not last.is_idle:
            plans = self._next_plans(last.room)
            order = self._order(actor, plans) if last.is_waiting else None
            self._pending[actor.handle.exchange.remote(order)] = actor

    def _end_plans(self, actor: RemoteActor, report: Report) -> Iterator[TrainedPlan | FailedPlan]:
        for result in report.ended:
            key = key_of(result.plan)
            del actor.plans[key]
            self._checkpoints.pop(key, None)
            yield result

    def _count_epochs(self, actor: RemoteActor, report: Report) -> None:
        """Pass epochs on, but those that an actor had reported before it was lost."""
        last = dict(report.epochs)
        for key, epoch in report.epochs:
            actor.epochs[key] = epoch.epoch
            if epoch.epoch <= self._epochs[key]:
                continue
            self._epochs[key] = epoch.epoch
            self._losses.pop(key, None)
            can_take = key in report.with_checkpoint and epoch is last[key]
            take = partial(self._take_checkpoint, actor, key) if can_take else None
            if self._callbacks.on_epoch(actor.plans[key], epoch, take):
                self._cut_keys.discard(key)
            else:
                self._cut_keys.add(key)

    def _order(self, actor: RemoteActor, plans: tuple[Plan, ...]) -> Order:
        actor.add_plans(plans)
        ahead = {key: self._count_ahead(actor, key) for key in actor.plans}
        return Order(plans, ahead, is_ending=self._is_ending)

    def _count_ahead(self, actor: RemoteActor, key: PlanKey) -> int:
        """Count the epochs that a plan trains next; first those again that another actor lost."""
        lost = max(0, self._epochs[key] - actor.epochs[key])
        if key in self._cut_keys:
            return lost
        return lost + self._callbacks.epochs_ahead(actor.plans[key])

    def _next_plans(self, room: int) -> tuple[Plan, ...]:
        """Return the plans of a trial: first those that lost their actor."""
        if self._is_ending or not room:
            return ()
        if self._returned:
            return self._returned.popleft()
        return tuple(self._callbacks.next_plans(room))

    def _take_checkpoint(self, actor: RemoteActor, key: PlanKey) -> Checkpoint:
        checkpoint: Checkpoint = ray.get(actor.handle.checkpoint.remote(key))
        self._checkpoints[key] = checkpoint
        return checkpoint

    def _await(self, references: list[Any]) -> list[Any]:
        """Return the references that are ready, after a second at most."""
        if not references:
            # A cluster that has no cores may grow.
            time.sleep(LISTEN_SECONDS)
            return []
        ready, _ = ray.wait(references, timeout=LISTEN_SECONDS)
        return list(ready)

    def _wait(self) -> None:
        """Give a sign of life about once a second, and leave once that is not to go on."""
        if time.monotonic() - self._waited_at < LISTEN_SECONDS:
            return
        self._waited_at = time.monotonic()
        if not self._callbacks.on_wait() and not self._is_ending:
            self._is_ending = True
            for actor in self._pending.values():
                actor.heard_at = time.monotonic()
                actor.handle.leave.remote(self._number)

    def _check_start(self) -> None:
        """Raise NoActorsError where no actor has started for long."""
        now = time.monotonic()
        if self._pool.actors:
            self._actors_at = now
            self._pool.say_waiting(None)
            return
        reason = self._pool.start_error or f"no node has {self._pool.needs} free"
        if now - self._actors_at > SAY_SECONDS:
            self._pool.say_waiting(f"an actor of the Ray cluster: {reason}")
        if now - self._actors_at > START_SECONDS:
            raise NoActorsError(
                f"the Ray cluster started no actor in {START_SECONDS:.0f} s: {reason}. Add nodes, "
                "lower what an actor needs (LOWLOSS_RAY_CORES and others), or see that each node "
                "has lowloss[ray] of this version."
            )

    def _lose_silent(self) -> Iterator[FailedPlan]:
        """Give up actors that hang: they give a sign of life every few seconds."""
        limit = LEAVE_SECONDS if self._is_ending else SILENT_SECONDS
        for reference, actor in list(self._pending.items()):
            is_silent = time.monotonic() - actor.heard_at > limit
            # What it said may lie here unheard: this process may have waited for the database.
            if is_silent and not ray.wait([reference], timeout=0)[0]:
                del self._pending[reference]
                yield from self._lose(actor, f"it was silent for {limit:.0f} s")

    def _lose(self, actor: RemoteActor, error: object) -> Iterator[FailedPlan]:
        """Let others train an actor's plans from their last checkpoints on."""
        log.warning("an actor on node %s is lost: %s", actor.node, error)
        self._pool.lose(actor)
        trials: dict[tuple[int, int], list[Plan]] = {}
        for key, plan in actor.plans.items():
            self._losses[key] += 1
            if self._losses[key] >= MAX_LOSSES:
                yield FailedPlan(plan, LOST, f"{MAX_LOSSES} actors were lost with it: {error}")
                continue
            checkpoint = self._checkpoints.get(key, plan.checkpoint)
            trials.setdefault(key[:2], []).append(replace(plan, checkpoint=checkpoint))
        self._returned.extend(map(tuple, trials.values()))

    def _leave_returned(self) -> Iterator[TrainedPlan]:
        """End what lost its actor where its last checkpoint was: nobody trains it any more."""
        while self._returned:
            for plan in self._returned.popleft():
                yield never_begun(plan, outputs=self._engine.outputs, program=LOST)


def is_own_error(error: RayError) -> bool:
    """Return whether an error is of our code, or of this process's node: no actor was lost."""
    return isinstance(error, RayTaskError | LocalRayletDiedError)
