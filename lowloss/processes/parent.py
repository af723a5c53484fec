"""Ends a process with the one that started it, so that nothing is left behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

PARENT_PIPE = "LOWLOSS_PARENT_PIPE"
"""Set to 1 by a parent that holds the other end of its child's standard input."""

STDIN = 0


def watch_parent(on_gone: Callable[[], None]) -> None:
    """Call `on_gone`, from a thread, once the parent is gone; nothing where none holds the pipe."""
    if os.environ.get(PARENT_PIPE) == "1":
        threading.Thread(target=_wait, args=(on_gone,), daemon=True).start()


def _wait(on_gone: Callable[[], None]) -> None:
    # Not by sys.stdin: its lock, held by this thread, aborts the interpreter's own clean end.
    while os.read(STDIN, 4096):
        pass
    on_gone()
