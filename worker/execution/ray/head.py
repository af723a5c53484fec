"""The head of a cluster: whether it answers, and the nodes that it knows.

Calls of Ray that need the head wait without a limit, and may end the process once another head is
at its address: `ray.nodes()` aborts then (Ray 2.60). What is asked here has a time limit.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping

import ray
from ray import NodeID

# What `ray health-check` asks a head with; nothing public has time limits.
from ray._raylet import GcsClient  # type: ignore[attr-defined, unused-ignore]
from ray.core.generated.gcs_pb2 import GcsNodeInfo
from ray.core.generated.gcs_service_pb2 import GetAllNodeInfoRequest
from ray.exceptions import RayError

ASK_SECONDS, ANSWER_SECONDS = 1.0, 2.0
"""The time between two questions, and that for an answer."""
LOST_SECONDS = 30.0
"""A head that is silent for so long is lost. Ray ends drivers and nodes without one after 60 s."""
OTHER_HEAD = "WrongClusterID"
"""What Ray says of a question to a head that took the place of the one that was known."""


class Head:
    """The head that this process, a driver or an actor, is connected to.

    A thread of its own asks it every second: for all nodes, or for that of this process alone where
    it `asks_for_own_node`. `on_silence` hears, in words, that it does not answer, and None once it
    does again. `on_loss` hears, once, that it will not: it was silent for long, knows this
    process's node no more, or another one is in its place; or that the node itself died.
    """

    def __init__(
        self,
        *,
        on_silence: Callable[[str | None], None],
        on_loss: Callable[[str], None],
        asks_for_own_node: bool = False,
    ) -> None:
        """Ask for the first time; raise RayError where the head does not answer."""
        context = ray.get_runtime_context()
        self.address: str = context.gcs_address
        self._node = NodeID.from_hex(context.get_node_id())
        self._client = GcsClient(address=self.address)
        self._on_silence, self._on_loss = on_silence, on_loss
        # Actors on N nodes that ask for all of them would get N² nodes a second.
        own = GetAllNodeInfoRequest.NodeSelector(node_id=self._node.binary())
        self._selectors = [own] if asks_for_own_node else None
        self._nodes = self._list_nodes()
        node = self._nodes.get(self._node)
        if node is None:
            raise RayError("it knows this machine's node no more")
        self.node_address = f"{node.node_manager_address}:{node.node_manager_port}"
        self._answered_at = time.monotonic()
        self._is_closed = threading.Event()
        self._silence: str | None = None
        threading.Thread(target=self._watch, name="head", daemon=True).start()

    @property
    def resources_of_nodes(self) -> list[Mapping[str, float]]:
        """What each node that is alive and asked for has in all, as of the last answer."""
        return [node.resources_total for node in self._nodes.values()]

    def explain_loss(self) -> str | None:
        """Ask once, and return why the cluster is lost, or that its head is silent; else None."""
        try:
            return self._ask()
        except RayError:
            return self._silence_in_words

    def close(self) -> None:
        """Ask no more."""
        self._is_closed.set()

    def _watch(self) -> None:
        while not self._is_closed.wait(ASK_SECONDS):
            try:
                loss = self._ask()
            except RayError:
                loss = self._note_silence()
            else:
                self._answered_at = time.monotonic()
                self._say_silence(None)
            if loss is not None and not self._is_closed.is_set():
                self._on_loss(loss)
                return

    def _ask(self) -> str | None:
        """Return why the cluster is lost, else None; raise RayError where the head is silent."""
        try:
            self._nodes = self._list_nodes()
        except RayError as error:
            if OTHER_HEAD not in str(error):
                raise
            return self._loss_in_words("another head is in the place of its own")
        if self._node not in self._nodes:
            return self._loss_in_words("its head knows this machine's node no more")
        return None if self._has_node() else self._loss_in_words("this machine's node died")

    def _has_node(self) -> bool:
        """Return whether something listens where the node does: its head finds out much later."""
        host, _, port = self.node_address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
        except ConnectionRefusedError:
            return False
        except OSError:
            # It may be busy.
            return True
        return True

    def _note_silence(self) -> str | None:
        """Say that the head is silent; return why the cluster is lost once it was so for long."""
        silent_s = time.monotonic() - self._answered_at
        if silent_s > LOST_SECONDS:
            return self._loss_in_words(f"its head did not answer for {silent_s:.0f} s")
        self._say_silence(self._silence_in_words)
        return None

    def _say_silence(self, silence: str | None) -> None:
        if silence != self._silence:
            self._silence = silence
            self._on_silence(silence)

    @property
    def _silence_in_words(self) -> str:
        return f"the Ray cluster at {self.address}: its head does not answer"

    def _loss_in_words(self, cause: str) -> str:
        return f"the Ray cluster at {self.address} is lost: {cause}"

    def _list_nodes(self) -> dict[NodeID, GcsNodeInfo]:
        nodes: dict[NodeID, GcsNodeInfo] = self._client.get_all_node_info(
            timeout=ANSWER_SECONDS,
            node_selectors=self._selectors,
            state_filter=GcsNodeInfo.GcsNodeState.ALIVE,
        )
        return nodes
