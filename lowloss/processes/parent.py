"""Ends a process when its parent ends, so that no process stays behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

PARENT_PIPE = "LOWLOSS_PARENT_PIPE"
"""Set to 1 by a parent that holds the other end of its child's standard input."""

PREDECESSOR = "LOWLOSS_PREDECESSOR"
"""Set to the id of the process that a parent starts anew, which is dead."""
STDIN = 0


def watch_parent(on_gone: Callable[[], None]) -> None:
    """Call `on_gone`, from a thread, when the parent ends; do nothing where it has no pipe."""
    if os.environ.get(PARENT_PIPE) == "1":
        threading.Thread(target=_wait_for_end, args=(on_gone,), daemon=True).start()


def _wait_for_end(on_gone: Callable[[], None]) -> None:
    # Not sys.stdin: its lock, held by this thread, would abort the interpreter's clean end.
    while os.read(STDIN, 4096):
        pass
    on_gone()
