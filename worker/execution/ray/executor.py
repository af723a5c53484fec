"""The executor of a Ray cluster. It needs `lowloss[ray]`, on each node, too."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import ray
from ray._private.services import canonicalize_bootstrap_address, find_node_ids
from ray._raylet import GcsClient  # type: ignore[attr-defined, unused-ignore]
from ray.exceptions import LocalRayletDiedError, RayError

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import Reach
from worker.execution.ray.engine import RayEngine
from worker.execution.ray.head import Head
from worker.execution.ray.needs import ActorNeeds
from worker.execution.ray.pool import ActorPool

CONNECT_SECONDS = 5.0
NO_NODE = "this machine is no node of a Ray cluster: `ray start --address=HEAD:6379` makes it one"


class RayExecutor:
    """Trains in actors, as many as there is room for, or at most `max_actors`.

    The cluster is the one at `address`; `auto` is that of the node that this process is on. It ends
    the actors when this process ends, however it does. What is waited for, `on_waiting` hears, and
    of the cluster's head `on_silence` and `on_loss`, in a thread of their own: see `Head`. Where it
    is lost, this process has to end, as its actors do.
    """

    name = "ray"

    def __init__(
        self,
        address: str,
        needs: ActorNeeds,
        max_actors: int | None = None,
        *,
        on_waiting: Callable[[str | None], None] = lambda _: None,
        on_silence: Callable[[str | None], None] = lambda _: None,
        on_loss: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Connect; raise ConnectionError where there is no cluster."""
        address = find_head(address)
        try:
            ray.init(
                address=address,
                namespace="lowloss",
                log_to_driver=False,
                logging_level=logging.WARNING,
            )
        except ConnectionError as error:
            # Ray's own advice is about its command line.
            raise ConnectionError(NO_NODE) from error
        try:
            self._head = Head(on_silence=on_silence, on_loss=on_loss)
        except RayError as error:
            # This process cannot leave and connect again: `ray.shutdown` waits for the head (2.60).
            loss = f"the Ray cluster at {address} is lost: its head does not answer: {error}"
            on_loss(loss)
            raise ConnectionError(loss) from error
        self._pool = ActorPool(self._head, needs, max_actors, on_waiting)
        self._engines = 0

    @property
    def addresses(self) -> dict[str, str]:
        """Where what this process cannot be without listens: `HOST:PORT` by its name in words."""
        return {"its head": self._head.address, "this machine's node": self._head.node_address}

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

    def explain_loss(self, error: Exception) -> str | None:
        """Return why the cluster is lost if that caused an error, else None."""
        if isinstance(error, LocalRayletDiedError):
            return f"the Ray cluster at {self._head.address} is lost: this machine's node died"
        return self._head.explain_loss()

    def release(self) -> None:
        """End the actors: other workers may need their cores."""
        self._pool.release()

    def close(self) -> None:
        """End the actors, and leave the cluster."""
        self._head.close()
        self._pool.release()
        ray.shutdown()


def find_head(address: str) -> str:
    """Return the address of a cluster's head; `auto` is that of the node that this machine is.

    Raise ConnectionError where nobody listens there, or answers in 40 s, or this machine is no
    node: `ray.init` would try for longer, and end this process then (2.60).
    """
    head: str | None = canonicalize_bootstrap_address(address) if address == "auto" else address
    if head is None or not find_node_ids():
        raise ConnectionError(NO_NODE)
    host, _, port = head.rpartition(":")
    if not port.isdigit():
        return head
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
        GcsClient(address=head)
    except (OSError, RayError) as error:
        raise ConnectionError(f"there is no Ray cluster at {head}: {error}") from error
    return head
