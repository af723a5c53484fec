"""The supervisor's end of its child process: started ahead of a job, so that imports are paid."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from service.store.queue import Fence
from worker.progress.protocol import Ended, Ending

COMMAND = (sys.executable, "-m", "worker.jobs.main")
END_SECONDS = 5.0
"""How long a child may take to end by itself once its pipe is closed."""

TOKENS = frozenset({"LOWLOSS_TOKEN", "LOWLOSS_TOKENS"})


@dataclass
class Child:
    """A running `python -m worker.jobs.main FOLDER`, and what it said last.

    The folder holds a job's table while it runs; it goes with the child, however that ends.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    jobs: int = 0
    is_ready: bool = False
    _heard_at: float = field(default_factory=time.monotonic)
    _pending: bytes = b""
    _ended: deque[Ended] = field(default_factory=deque)

    @classmethod
    def start(cls, command: Sequence[str] = COMMAND) -> Self:
        """Start a child; it says that it is ready once TensorFlow is imported."""
        folder = Path(tempfile.mkdtemp(prefix="lowloss-"))
        # It needs the database, and no token of the server.
        env = {name: text for name, text in os.environ.items() if name.upper() not in TOKENS}
        process = subprocess.Popen(
            [*command, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
        )
        return cls(process, folder)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    @property
    def silent_seconds(self) -> float:
        """How long ago it said something, or was told to do something."""
        return time.monotonic() - self._heard_at

    @property
    def memory_bytes(self) -> int:
        """Its resident memory; 0 when it is gone."""
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def wait_until_ready(self, seconds: float) -> bool:
        """Return whether it is ready for a job, after listening for `seconds` at most."""
        if not self.is_ready:
            self._listen(seconds)
        return self.is_ready and self.is_alive

    def run(self, fence: Fence) -> None:
        """Hand it a claimed job."""
        self.jobs += 1
        self._ended.clear()
        self._send({"run": asdict(fence)})

    def finish(self) -> None:
        """Ask it to end its job with what it has."""
        self._send({"finish": True})

    def stop(self) -> None:
        """Ask it to leave its job at the end of the epoch."""
        self._send({"stop": True})

    def ended(self, seconds: float) -> Ended | None:
        """Return how its job ended, if it did within `seconds`. A dead child has crashed."""
        if not self._ended:
            self._listen(seconds)
        if self._ended:
            return self._ended.popleft()
        if self.is_alive:
            return None
        self._listen(0)  # its last words, where it died right after them
        if self._ended:
            return self._ended.popleft()
        return Ended(Ending.crashed, error=_cause_of_death(self.process.returncode))

    def end(self) -> None:
        """Close its pipe, which ends it; kill it if that takes long; remove its folder."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _send(self, message: dict[str, Any]) -> None:
        self._heard_at = time.monotonic()
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it died: `ended` will say so

    def _listen(self, seconds: float) -> None:
        """Take in what it says, waiting for some seconds at most for a first word."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                return
        read = os.read(self.process.stdout.fileno(), 65_536)
        if not read:
            self.process.wait()
            return
        *lines, self._pending = (self._pending + read).split(b"\n")
        for line in lines:
            self._handle_message(json.loads(line))

    def _handle_message(self, message: dict[str, Any]) -> None:
        self._heard_at = time.monotonic()
        if "ready" in message:
            self.is_ready = True
        elif "ended" in message:
            said = message["ended"]
            self._ended.append(Ended(Ending(said["ending"]), said["reason"], said["error"]))


def _cause_of_death(code: int) -> str:
    if code < 0:
        name = f"signal {-code}"
        hint = " (out of memory?)" if code == -9 else ""
        return f"the worker's child was killed by {name}{hint}"
    return f"the worker's child exited with code {code}"
