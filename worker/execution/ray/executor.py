"""The executor of a Ray cluster. It needs `lowloss[ray]`, on each node, too."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import ray

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import Reach
from worker.execution.ray.engine import RayEngine
from worker.execution.ray.pool import ActorPool

CONNECT_SECONDS = 5.0


class RayExecutor:
    """Trains in actors of so many `cores`, as many as there is room for, or at most `max_actors`.

    The cluster is the one at `address`; `auto` is that of the node that this process is on. It ends
    the actors when this process ends, however it does.
    """

    name = "ray"

    def __init__(
        self,
        address: str,
        cores: int,
        max_actors: int | None = None,
        *,
        on_waiting: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        """Connect; raise ConnectionError where there is no cluster."""
        _check_head(address)
        try:
            ray.init(
                address=address,
                namespace="lowloss",
                log_to_driver=False,
                logging_level=logging.WARNING,
            )
        except ConnectionError as error:
            # Ray's own advice is about its command line.
            raise ConnectionError(
                "this machine is no node of a Ray cluster: `ray start --address=HEAD:6379` makes it"
                " one"
            ) from error
        self._pool = ActorPool(cores, max_actors, on_waiting)
        self._engines = 0

    @property
    def compile_seconds(self) -> float:
        """The time that actors have compiled, as far as they did not do it beside each other."""
        return self._pool.compile_seconds

    @property
    def remote_cpu_seconds(self) -> float:
        """The processor time of actors, as they reported it."""
        return self._pool.cpu_seconds

    def request_actors(self, actors: int | None) -> None:
        """Train in this many actors of the cluster; None: in as many as fit."""
        self._pool.request_actors(actors)

    def build_engine(
        self, arrays: Arrays, reach: Reach, *, trials: int, plans_together: int = 1, slots: int = 1
    ) -> RayEngine:
        """Return what trains plans on arrays, which go to the cluster once."""
        self._engines += 1
        return RayEngine(
            self._engines,
            arrays,
            reach,
            trials=trials,
            plans_together=plans_together,
            slots=slots,
            pool=self._pool,
        )

    def count_nodes(self) -> int:
        """Count the nodes on which actors have been since the last release."""
        return len(self._pool.nodes)

    def release(self) -> None:
        """End the actors: other workers may need their cores."""
        self._pool.release()


def _check_head(address: str) -> None:
    """Raise ConnectionError where nobody listens at a head's address: Ray tries for a minute."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ConnectionError(f"there is no Ray cluster at {address}: {error}") from error
