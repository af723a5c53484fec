"""Runs the server and the worker as children of this process; restarts those that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread, Timer

from lowloss.processes.environment import without_tokens
from lowloss.processes.parent import PARENT_PIPE, PREDECESSOR, watch_parent

SERVER, WORKER = "service.app", "worker.supervisor"
STOP_SECONDS = 60.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
"""The wait before a first restart, and the longest: it doubles with each."""
STEADY_SECONDS = 60.0
"""How long a process runs before its next end counts as a first one."""
START_SECONDS = 30.0
"""A process that gives up within this time of its first start never worked: its settings are wrong,
say, or its port is taken. Nothing is restarted then."""


@dataclass
class _Service:
    """A module that is to run for as long as this process does."""

    module: str
    env: Mapping[str, str]
    ends: SimpleQueue[_Event | None]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restarts: int = 0

    def start(self) -> None:
        """Start a process of it, and report its end."""
        env = dict(self.env)
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            env[PREDECESSOR] = str(self.process.pid)
        # A session of its own: Ctrl-C reaches only this process, which then ends the rest in order.
        process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            env=env,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self.process, self.started_at = process, time.monotonic()
        Thread(target=lambda: self.ends.put(_Event(self, process.wait())), daemon=True).start()

    def restart_later(self) -> float:
        """Restart it after some seconds, and return them."""
        if self.seconds >= STEADY_SECONDS:
            self.restarts = 0
        wait_seconds = min(FIRST_WAIT_SECONDS * 2.0**self.restarts, LONGEST_WAIT_SECONDS)
        self.restarts += 1
        timer = Timer(wait_seconds, self.ends.put, [_Event(self, None)])
        timer.daemon = True
        timer.start()
        return wait_seconds

    @property
    def seconds(self) -> float:
        """How long ago its process was started."""
        return time.monotonic() - self.started_at

    def never_worked(self, code: int) -> bool:
        """Return whether a code is that of a process that gave up at its first start."""
        return code >= 0 and not self.restarts and self.seconds < START_SECONDS


@dataclass(frozen=True)
class _Event:
    """The end of a service's process by a code; without one, that its restart is due."""

    service: _Service
    code: int | None


def serve(
    modules: list[str], settings: Mapping[str, str], *, report: Callable[[str], object]
) -> str | None:
    """Run modules until a signal; restart one that ends, after a wait that doubles, and report it.

    Return why a module gave up at its first start, which ends them all. Each process holds the
    other end of a pipe, and so ends however this process ends.
    """
    env = os.environ | dict(settings) | {PARENT_PIPE: "1"}
    # None for a signal. Signal handlers may put only into this queue.
    ends: SimpleQueue[_Event | None] = SimpleQueue()
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, lambda *_: ends.put(None)) for number in signals}
    watch_parent(lambda: ends.put(None))
    services = [
        _Service(module, env if module == SERVER else without_tokens(env), ends)
        for module in modules
    ]
    try:
        for service in services:
            service.start()
        while (event := ends.get()) is not None:
            service = event.service
            if event.code is None:
                service.start()
                continue
            reason = f"{service.module} ended with code {event.code}"
            if service.never_worked(event.code):
                return reason
            report(f"{reason}; it is started again in {service.restart_later():.0f} s")
        return None
    finally:
        _end_children([service.process for service in services if service.process is not None])
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end_children(children: list[subprocess.Popen[bytes]]) -> None:
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
