"""The actors of a process on its cluster: started, lost and given back."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayActorError

from worker.engine.plans import Plan
from worker.execution.ray.actor import ENGINES, METHODS_AT_ONCE, TrainingActor
from worker.execution.ray.messages import PlanKey

log = logging.getLogger(__name__)

FILL_SECONDS = 5.0
"""The cluster is asked so often whether it has grown."""


@dataclass(eq=False)
class RemoteActor:
    """An actor as this process knows it: the plans that it trains, and the engines that it has."""

    handle: Any
    node: str
    plans: dict[PlanKey, Plan] = field(default_factory=dict)
    engines: list[int] = field(default_factory=list)

    def add_engine(self, number: int) -> None:
        """Note that the actor has an engine: its last ones are those that it was given last."""
        if number not in self.engines:
            self.engines = [*self.engines, number][-ENGINES:]


class ActorPool:
    """As many actors of so many cores as the cluster has room for, as far as they have started."""

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self.actors: list[RemoteActor] = []
        self.compile_seconds = 0.0
        self._starting: dict[Any, Any] = {}
        self._filled_at = -FILL_SECONDS

    @property
    def starting(self) -> list[Any]:
        """What `ray.wait` takes: references that are ready once an actor has started."""
        return list(self._starting)

    def count_room(self) -> int:
        """Count the actors that the whole cluster has cores for, if nobody else uses it."""
        return int(ray.cluster_resources().get("CPU", 0.0) // self.cores)

    def fill(self, limit: int) -> None:
        """Start as many actors as the cluster has cores for, those that others use included."""
        if time.monotonic() - self._filled_at < FILL_SECONDS:
            return
        self._filled_at = time.monotonic()
        remote = ray.remote(TrainingActor)
        room = min(limit, self.count_room())
        while len(self.actors) + len(self._starting) < room:
            handle = remote.options(num_cpus=self.cores, max_concurrency=METHODS_AT_ONCE).remote(
                self.cores
            )
            self._starting[handle.find_node.remote()] = handle

    def welcome(self, reference: Any) -> RemoteActor | None:
        """Add an actor that has started, and return it; None for one that could not."""
        handle = self._starting.pop(reference)
        try:
            actor = RemoteActor(handle, ray.get(reference))
        except RayActorError as error:
            log.warning("an actor could not start: %s", error)
            return None
        self.actors.append(actor)
        return actor

    def count_compiles(self, seconds: float) -> None:
        """Take in how long an actor has compiled: they do it beside each other."""
        self.compile_seconds = max(self.compile_seconds, seconds)

    def lose(self, actor: RemoteActor) -> None:
        """Forget an actor whose process or node is gone; one that is merely silent is ended."""
        ray.kill(actor.handle)
        self.actors.remove(actor)
        self._filled_at = -FILL_SECONDS

    def release(self) -> None:
        """End all actors, those that have not started yet, too."""
        for handle in [*(actor.handle for actor in self.actors), *self._starting.values()]:
            ray.kill(handle)
        self.actors.clear()
        self._starting.clear()
