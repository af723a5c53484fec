"""Runs the server and the worker as children of this process, and leaves none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lowloss.parent import PARENT_PIPE

SERVER, WORKER = "service.app", "worker.supervisor"
STOP_SECONDS = 60.0
LOOK_SECONDS = 0.2


def serve(modules: list[str], settings: Mapping[str, str]) -> str | None:
    """Run modules until a signal or until one of them ends; answers which ended by itself.

    Each child holds the other end of a pipe, and ends when this process does, however it does.
    """
    env = os.environ | dict(settings) | {PARENT_PIPE: "1"}
    is_stopping = False

    def stop(*_: Any) -> None:
        nonlocal is_stopping
        is_stopping = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    children = {module: _start(module, env) for module in modules}
    try:
        while not is_stopping:
            for module, child in children.items():
                if child.poll() is not None:
                    return f"{module} ended with code {child.returncode}"
            time.sleep(LOOK_SECONDS)
        return None
    finally:
        for child in children.values():
            _end(child)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _start(module: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches this process alone, which then ends them in order.
    return subprocess.Popen(
        [sys.executable, "-m", module], env=env, stdin=subprocess.PIPE, start_new_session=True
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdin is not None:
        child.stdin.close()
