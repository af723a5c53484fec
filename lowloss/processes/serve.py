"""Runs the server and the worker as children of this process, and ends them with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

from lowloss.processes.parent import PARENT_PIPE, watch_parent

SERVER, WORKER = "service.app", "worker.supervisor"
STOP_SECONDS = 60.0
TOKENS = frozenset({"LOWLOSS_TOKEN", "LOWLOSS_TOKENS"})
"""Settings that only the server needs."""

Child = subprocess.Popen[bytes]


def serve(modules: list[str], settings: Mapping[str, str]) -> str | None:
    """Run modules until a signal, or until one of them ends; return which one ended by itself.

    Each child holds the other end of a pipe, and so ends however this process ends.
    """
    env = os.environ | dict(settings) | {PARENT_PIPE: "1"}
    # Which module ended by itself; None for a signal. Signal handlers may put only into this queue.
    ends: SimpleQueue[str | None] = SimpleQueue()
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, lambda *_: ends.put(None)) for number in signals}
    watch_parent(lambda: ends.put(None))
    children: list[Child] = []
    try:
        for module in modules:
            children.append(_start(module, env))
            Thread(target=_report_end, args=(module, children[-1], ends), daemon=True).start()
        return ends.get()
    finally:
        _end_children(children)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _start(module: str, env: Mapping[str, str]) -> Child:
    if module != SERVER:
        env = {name: text for name, text in env.items() if name.upper() not in TOKENS}
    # A session of its own: Ctrl-C reaches only this process, which then ends the children in order.
    return subprocess.Popen(
        [sys.executable, "-m", module], env=env, stdin=subprocess.PIPE, start_new_session=True
    )


def _report_end(module: str, child: Child, ends: SimpleQueue[str | None]) -> None:
    ends.put(f"{module} ended with code {child.wait()}")


def _end_children(children: list[Child]) -> None:
    for child in children:
        with suppress(ProcessLookupError):
            child.terminate()
    for child in children:
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdin is not None:
            child.stdin.close()
