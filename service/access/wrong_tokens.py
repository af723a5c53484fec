"""Slows those who try tokens: after some wrong ones an address must wait."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic

from lowloss.errors import TooManyRequests
from service.access.peers import find_network

MAX_WRONG = 10
"""Wrong tokens of an address in `WINDOW_SECONDS`; further ones are not looked at."""
WINDOW_SECONDS = 60.0
MAX_PEERS = 4096
MAX_RIGHT = 4096


class WrongTokens:
    """Counts wrong tokens by address.

    Behind a proxy, all clients have its address. So a token that was right before, from the same
    address, is looked at whatever others send. Of tokens only the SHA-256 is known here.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._wrong_at: OrderedDict[str, deque[float]] = OrderedDict()
        self._right: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, peer: str, sha256: str) -> None:
        """Raise TooManyRequests where a token of an address is not to be looked at now."""
        times = self._wrong_at.get(find_network(peer), deque())
        if len(times) < MAX_WRONG or (peer, sha256) in self._right:
            return
        wait_seconds = times[0] + WINDOW_SECONDS - self._now()
        if wait_seconds > 0:
            problem = TooManyRequests(
                f"too many wrong tokens came from {peer}",
                field="Authorization",
                fix="send the right token, a minute later",
            )
            problem.retry_after_s = math.ceil(wait_seconds)
            raise problem

    def count_wrong(self, peer: str) -> None:
        """Count a wrong token."""
        network = find_network(peer)
        self._wrong_at.setdefault(network, deque(maxlen=MAX_WRONG)).append(self._now())
        self._wrong_at.move_to_end(network)
        if len(self._wrong_at) > MAX_PEERS:
            self._wrong_at.popitem(last=False)

    def note_right(self, peer: str, sha256: str) -> None:
        """Remember that a token of an address was right."""
        self._right[peer, sha256] = None
        self._right.move_to_end((peer, sha256))
        if len(self._right) > MAX_RIGHT:
            self._right.popitem(last=False)
