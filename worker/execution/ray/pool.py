"""The actors of a process on its cluster: started, lost and given back."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from worker.engine.plans import Plan
from worker.execution.ray.actor import ENGINES, METHODS_AT_ONCE, TrainingActor
from worker.execution.ray.head import Head
from worker.execution.ray.messages import PlanKey, Report, key_of
from worker.execution.ray.needs import ActorNeeds

log = logging.getLogger(__name__)

FILL_SECONDS = 5.0
"""The cluster is asked so often whether it has grown."""


@dataclass(eq=False)
class RemoteActor:
    """An actor as this process knows it: its open plans, how far each is, and its engines."""

    handle: Any
    node: str
    plans: dict[PlanKey, Plan] = field(default_factory=dict)
    epochs: Counter[PlanKey] = field(default_factory=Counter)
    engines: list[int] = field(default_factory=list)
    compile_seconds: float = 0.0
    cpu_seconds: float = 0.0
    heard_at: float = field(default_factory=time.monotonic)

    def add_engine(self, number: int) -> None:
        """Note that the actor has an engine: its last ones are those that it was given last."""
        if number not in self.engines:
            self.engines = [*self.engines, number][-ENGINES:]

    def add_plans(self, plans: Iterable[Plan]) -> None:
        """Note that the actor trains plans, from their checkpoints on."""
        for plan in plans:
            self.plans[key_of(plan)] = plan
            self.epochs[key_of(plan)] = len(plan.checkpoint.epochs) if plan.checkpoint else 0


class ActorPool:
    """The actors of this process, each of the same needs, and at most so many.

    Without a limit there are as many as the nodes have room for; one waits where they have none, so
    that a cluster that grows sees what is wanted. With a limit so many are asked for. `on_waiting`
    hears, in words, what is waited for.
    """

    def __init__(
        self,
        head: Head,
        needs: ActorNeeds,
        limit: int | None,
        on_waiting: Callable[[str | None], None],
    ) -> None:
        self._head = head
        self.needs = needs
        self.actors: list[RemoteActor] = []
        self.nodes: set[str] = set()
        self.peak_actors = 0
        self.compile_seconds = self.cpu_seconds = 0.0
        self.start_error: str | None = None
        self._limit, self._requested = limit, limit
        self._on_waiting = on_waiting
        self._waits_for: str | None = None
        self._starting: dict[Any, Any] = {}
        self._filled_at = -FILL_SECONDS
        self._runs = 0

    @property
    def starting(self) -> list[Any]:
        """What `ray.wait` takes: references that are ready once an actor has started."""
        return list(self._starting)

    def request_actors(self, actors: int | None) -> None:
        """Aim at this many actors until the next release, and at no more than the limit."""
        limits = [count for count in (actors, self._limit) if count is not None]
        self._requested = min(limits, default=None)

    def count_actors(self) -> int:
        """Count the actors that a job with enough trials has, if nobody else uses the cluster."""
        if self._requested is not None:
            return self._requested
        return max(1, sum(map(self.needs.count_room, self._head.resources_of_nodes)))

    def say_waiting(self, what: str | None) -> None:
        """Say what is waited for, once; None where nothing is any more."""
        if what != self._waits_for:
            self._waits_for = what
            self._on_waiting(what)

    def next_run(self) -> int:
        """Return the number of another run."""
        self._runs += 1
        return self._runs

    def fill(self, trials: int) -> None:
        """Ask for as many actors as are wanted, and no more than there are trials."""
        if time.monotonic() - self._filled_at < FILL_SECONDS:
            return
        self._filled_at = time.monotonic()
        remote = ray.remote(TrainingActor)
        target = min(trials, self.count_actors())
        while len(self.actors) + len(self._starting) < target:
            options = {**self.needs.options, "max_concurrency": METHODS_AT_ONCE}
            handle = remote.options(**options).remote(self.needs)
            self._starting[handle.find_node.remote()] = handle

    def welcome(self, reference: Any) -> None:
        """Add an actor that has started; of one that could not, the error."""
        handle = self._starting.pop(reference)
        try:
            actor = RemoteActor(handle, ray.get(reference))
        except RayError as error:
            log.warning("an actor could not start: %s", error)
            self.start_error = str(error)
            return
        self.start_error = None
        self.actors.append(actor)
        self.nodes.add(actor.node)
        self.peak_actors = max(self.peak_actors, len(self.actors))

    def hear(self, actor: RemoteActor, report: Report) -> None:
        """Take in that an actor reports, and how long it has compiled and computed so far.

        Actors compile beside each other: a second of one of two is half a second.
        """
        actor.heard_at = time.monotonic()
        compiled = report.compile_seconds - actor.compile_seconds
        self.compile_seconds += compiled / len(self.actors)
        self.cpu_seconds += report.cpu_seconds - actor.cpu_seconds
        actor.compile_seconds, actor.cpu_seconds = report.compile_seconds, report.cpu_seconds

    def lose(self, actor: RemoteActor) -> None:
        """Forget an actor whose process or node is gone; one that is merely silent is ended."""
        ray.kill(actor.handle)
        self.actors.remove(actor)
        self._filled_at = -FILL_SECONDS

    def release(self) -> None:
        """End all actors, those that have not started yet, too; the next job counts anew."""
        for handle in [*(actor.handle for actor in self.actors), *self._starting.values()]:
            ray.kill(handle)
        self.say_waiting(None)
        self.request_actors(None)
        self.actors.clear()
        self._starting.clear()
        self.nodes.clear()
        self.peak_actors = 0
