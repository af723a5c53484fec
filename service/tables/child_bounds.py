"""The bounds that a parser sets for itself: they hold when its server is gone, too."""

from __future__ import annotations

import math
import os
import resource
import threading
from dataclasses import dataclass
from pathlib import Path

STATUS = Path("/proc/self/status")
ADDRESSES = 2 * 2**30
"""Bytes of addresses that threads and allocators reserve and do not use: no memory."""


@dataclass(frozen=True)
class ChildBounds:
    """Bytes of memory, seconds of each core, and the pipe whose other end is the server's."""

    memory_bytes: int
    seconds: float
    parent_pipe: int

    def enter(self) -> None:
        """Bound this process from now on, and end it with the process that started it."""
        threading.Thread(target=self._end_with_parent, daemon=True).start()
        used_bytes = 1024 * int(STATUS.read_text().partition("VmSize:")[2].split()[0])
        # The server watches the memory itself; this holds where that is gone, or too slow.
        _lower(resource.RLIMIT_AS, used_bytes + ADDRESSES + self.memory_bytes)
        _lower(resource.RLIMIT_CPU, math.ceil(self.seconds) * len(os.sched_getaffinity(0)) + 1)
        # A parser that is killed shall not write all its memory to the disk.
        _lower(resource.RLIMIT_CORE, 0)

    def _end_with_parent(self) -> None:
        while os.read(self.parent_pipe, 1):
            pass
        os._exit(1)


def _lower(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(kind, (limit, limit))
