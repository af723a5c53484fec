"""The process of an actor: its cohorts, and the thread in which an engine serves them."""

from __future__ import annotations

import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace

import ray
import tensorflow as tf

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import Reach
from worker.engine.cohort.cohort_engine import CohortEngine
from worker.engine.cohort.program import Programs
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.protocol import TakeCheckpoint
from worker.engine.results import FailedPlan, TrainedPlan
from worker.execution.local import this_machine
from worker.execution.ray.head import Head
from worker.execution.ray.messages import Order, PlanKey, Report, key_of
from worker.execution.ray.needs import ActorNeeds

METHODS_AT_ONCE = 4
"""While `exchange` waits for reports, `checkpoint` and `leave` are called."""
SIGN_SECONDS = 10.0
"""The time between two signs of life of an actor that has nothing to report."""
ENGINES = 2
"""Engines that an actor has at a time: that of the search, and that of the refit."""


@dataclass(frozen=True)
class EngineParts:
    """What an engine is built with, beside the data and the machine."""

    reach: Reach
    trials: int
    plans_together: int
    slots: int


class TrainingActor:
    """Trains the plans of one run at a time, on a part of its node."""

    def __init__(self, needs: ActorNeeds) -> None:
        # TensorFlow takes all cores of a node otherwise, which are other actors', too.
        tf.config.threading.set_intra_op_parallelism_threads(needs.threads)
        tf.config.threading.set_inter_op_parallelism_threads(needs.threads)
        node = this_machine(needs.memory_bytes)
        if needs.memory_bytes is None:
            # Its part of the node's memory: other actors have theirs.
            share = min(needs.cores / node.cores, 1.0)
            node = replace(node, memory_bytes=int(share * node.memory_bytes))
        self._machine = replace(node, cores=needs.threads)
        self._programs = Programs()
        self._engines: dict[int, CohortEngine] = {}
        self._conversation = Conversation(Order(), lambda: 0.0)
        self._run = self._run_to_leave = 0
        # Who would end it is lost with the head; its node ends itself a minute later (Ray 2.60).
        self._head = Head(
            on_silence=lambda _: None, on_loss=lambda _: os._exit(1), asks_for_own_node=True
        )

    def find_node(self) -> str:
        """Return the node that it is on."""
        node: str = ray.get_runtime_context().get_node_id()
        return node

    def start(
        self, run: int, engine: int, arrays: Arrays | None, parts: EngineParts, order: Order
    ) -> list[Report]:
        """Begin a run, with the plans of an order, and return what there is to report first.

        Runs count from 1. The engine is built where there are `arrays`: the actor has the engines
        that it was given last.
        """
        if arrays is not None:
            self._add_engine(engine, arrays, parts)
        timer = self._programs.compile_timer
        self._conversation = Conversation(order, lambda: timer.seconds)
        self._run = run
        # It may have been left while the engine was built.
        self._conversation.is_ending |= self._run_to_leave == run
        arguments = (self._engines[engine], self._conversation)
        threading.Thread(target=train, args=arguments, name="engine", daemon=True).start()
        return self._conversation.exchange(None)

    def exchange(self, order: Order | None) -> list[Report]:
        """Take an order, if the last report waits for one, and return what there is to report."""
        return self._conversation.exchange(order)

    def checkpoint(self, key: PlanKey) -> Checkpoint:
        """Copy what a plan's training goes on from, while its report waits for an order."""
        return self._conversation.take_checkpoint(key)

    def leave(self, run: int) -> None:
        """Let all trainings of a run end as their last epoch left them."""
        self._run_to_leave = run
        if self._run == run:
            self._conversation.is_ending = True

    def _add_engine(self, number: int, arrays: Arrays, parts: EngineParts) -> None:
        self._engines[number] = CohortEngine(
            arrays,
            parts.reach,
            self._machine,
            trials=parts.trials,
            plans_together=parts.plans_together,
            slots=parts.slots,
            programs=self._programs,
        )
        while len(self._engines) > ENGINES:
            del self._engines[next(iter(self._engines))]


class Conversation:
    """The actor's side of a run: an engine's callbacks, and the reports that they add up to.

    Callbacks are called in the engine's thread, which waits for an order where it needs one: once
    for all that train in a cohort, after the last of their epochs.
    """

    def __init__(self, order: Order, compile_seconds: Callable[[], float]) -> None:
        self.is_ending = order.is_ending
        self._compile_seconds = compile_seconds
        self._plans = order.plans
        self._epochs_ahead = dict(order.epochs_ahead)
        self._epochs: list[tuple[PlanKey, Epoch]] = []
        self._checkpoints: dict[PlanKey, Callable[[], Checkpoint]] = {}
        self._reported_at = time.monotonic()
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()

    def next_plans(self, n: int) -> list[Plan]:
        """Return the plans of a trial to train."""
        if not self._plans and not self.is_ending:
            self._await_order(room=n)
        plans, self._plans = self._plans, ()
        return list(plans)

    def on_epoch(self, plan: Plan, epoch: Epoch, take: TakeCheckpoint) -> bool:
        """Note an epoch; whether its training goes on is what `epochs_ahead` is asked then."""
        self._epochs.append((key_of(plan), epoch))
        if take is not None:
            self._checkpoints[key_of(plan)] = take
        return True

    def epochs_ahead(self, plan: Plan) -> int:
        """Return how many epochs a plan trains before the next report."""
        if self._epochs and not self.is_ending:
            self._await_order()
        return 0 if self.is_ending else self._epochs_ahead.get(key_of(plan), 0)

    def on_wait(self) -> bool:
        """Return whether the run goes on; give a sign of life now and then."""
        if time.monotonic() - self._reported_at >= SIGN_SECONDS:
            self._report()
        return not self.is_ending

    def end(self, result: TrainedPlan | FailedPlan) -> None:
        """Report a training that has ended."""
        # What its cohort went on from is no longer there to be copied.
        self._checkpoints.clear()
        self._report(ended=(result,))

    def finish(self, error: str | None) -> None:
        """Report the end of the run."""
        self._report(is_idle=True, error=error)

    def exchange(self, order: Order | None) -> list[Report]:
        """Hand an order to the engine's thread, and return the next reports once there are some."""
        if order is not None:
            self._orders.put(order)
        reports = [self._reports.get()]
        while not self._reports.empty():
            reports.append(self._reports.get())
        return reports

    def take_checkpoint(self, key: PlanKey) -> Checkpoint:
        """Copy what a plan's training goes on from; only while a report waits for an order."""
        return self._checkpoints[key]()

    def _await_order(self, room: int = 0) -> None:
        keys = frozenset(self._checkpoints)
        self._report(with_checkpoint=keys, room=room, is_waiting=True)
        order = self._orders.get()
        self._checkpoints.clear()
        self._plans = order.plans
        self._epochs_ahead |= order.epochs_ahead
        self.is_ending |= order.is_ending

    def _report(
        self,
        *,
        ended: tuple[TrainedPlan | FailedPlan, ...] = (),
        with_checkpoint: frozenset[PlanKey] = frozenset(),
        room: int = 0,
        is_waiting: bool = False,
        is_idle: bool = False,
        error: str | None = None,
    ) -> None:
        epochs, self._epochs = tuple(self._epochs), []
        self._reported_at = time.monotonic()
        self._reports.put(
            Report(
                epochs,
                ended,
                with_checkpoint,
                room=room,
                is_waiting=is_waiting,
                is_idle=is_idle,
                error=error,
                compile_seconds=self._compile_seconds(),
                cpu_seconds=time.process_time(),
            )
        )


def train(engine: CohortEngine, conversation: Conversation) -> None:
    """Run an engine to its end; an error of its own is reported."""
    error = None
    try:
        ended = engine.run(
            conversation.next_plans,
            on_epoch=conversation.on_epoch,
            on_wait=conversation.on_wait,
            epochs_ahead=conversation.epochs_ahead,
        )
        for result in ended:
            conversation.end(result)
    except Exception:
        error = traceback.format_exc()
    conversation.finish(error)
