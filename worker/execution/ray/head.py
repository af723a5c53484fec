"""The head of a cluster: whether it answers, and the nodes that it knows.

Calls of Ray that need the head wait without a limit, and may end the process once another head is
at its address: `ray.nodes()` aborts then (Ray 2.60). What is asked here has a time limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import ray
from ray import NodeID

# What `ray health-check` asks a head with; nothing public has time limits.
from ray._raylet import GcsClient  # type: ignore[attr-defined, unused-ignore]
from ray.core.generated.gcs_pb2 import GcsNodeInfo
from ray.exceptions import RayError

ASK_SECONDS, ANSWER_SECONDS = 1.0, 2.0
"""The time between two questions, and that for an answer."""
LOST_SECONDS = 30.0
"""A head that is silent for so long is lost. Ray ends drivers and nodes without one after 60 s."""
OTHER_HEAD = "WrongClusterID"
"""What Ray says of a question to a head that took the place of the one that was known."""


class Head:
    """The head that this process, a driver or an actor, is connected to.

    A thread of its own asks it every second. `on_silence` hears, in words, that it does not answer,
    and None once it does again. `on_loss` hears, once, that it will not: it was silent for long,
    knows this process's node no more, or another one is in its place. `silence` has the words that
    `on_silence` heard last.
    """

    def __init__(
        self, *, on_silence: Callable[[str | None], None], on_loss: Callable[[str], None]
    ) -> None:
        context = ray.get_runtime_context()
        self.address: str = context.gcs_address
        self._node = NodeID.from_hex(context.get_node_id())
        self._client = GcsClient(address=self.address)
        self._on_silence, self._on_loss = on_silence, on_loss
        self._nodes = self._list_nodes()
        self._answered_at = time.monotonic()
        self._is_closed = threading.Event()
        self.silence: str | None = None
        threading.Thread(target=self._watch, name="head", daemon=True).start()

    @property
    def cores_of_nodes(self) -> list[float]:
        """The cores of each node that is alive, as of the last answer."""
        return [node.resources_total.get("CPU", 0.0) for node in self._nodes.values()]

    def close(self) -> None:
        """Ask no more."""
        self._is_closed.set()

    def _watch(self) -> None:
        while not self._is_closed.wait(ASK_SECONDS):
            loss = self._ask()
            if loss is not None and not self._is_closed.is_set():
                self._on_loss(f"the Ray cluster at {self.address} is lost: {loss}")
                return

    def _ask(self) -> str | None:
        """Ask once, and return why the cluster is lost, if it is."""
        try:
            self._nodes = self._list_nodes()
        except RayError as error:
            if OTHER_HEAD in str(error):
                return "another head is in the place of its own"
            silent_s = time.monotonic() - self._answered_at
            if silent_s > LOST_SECONDS:
                return f"its head did not answer for {silent_s:.0f} s"
            self._say_silence(f"the Ray cluster at {self.address}: its head does not answer")
            return None
        self._answered_at = time.monotonic()
        self._say_silence(None)
        return None if self._node in self._nodes else "its head knows this machine's node no more"

    def _say_silence(self, silence: str | None) -> None:
        if silence != self.silence:
            self.silence = silence
            self._on_silence(silence)

    def _list_nodes(self) -> dict[NodeID, GcsNodeInfo]:
        nodes: dict[NodeID, GcsNodeInfo] = self._client.get_all_node_info(
            timeout=ANSWER_SECONDS, state_filter=GcsNodeInfo.GcsNodeState.ALIVE
        )
        return nodes
