"""The supervisor's end of its child process: started ahead of a job, so that imports are paid."""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import psutil

from lowloss.processes.environment import without_tokens
from service.store.queue import Fence
from worker.progress.protocol import Ended, Ending
from worker.supervisor.folders import WorkFolder

COMMAND = (sys.executable, "-m", "worker.jobs.main")
CLUSTER_SECONDS = 2.0
"""How long the head of a cluster, or this machine's node, may take to accept a connection."""
END_SECONDS = 5.0
"""How long a child may take to end by itself once its pipe is closed."""

IDLE_CPU_SECONDS = 0.1
"""Processor time below which a child counts as idle: the least that a busy machine gives it in the
time after which it is taken for hung."""
MAX_IDLE_STEP = 5.0
"""Seconds of idleness that are counted between two looks: both may have stood still together. Where
the child hangs with the database's lock, the supervisor looks only now and then."""


@dataclass
class _Idle:
    """How long a child has been idle, its processor time before that, and when it was looked at."""

    seconds: float
    cpu_seconds: float
    looked_at: float


@dataclass
class Child:
    """A running `python -m worker.jobs.main FOLDER`, and what it said last: also what it waits for.

    The folder holds a job's table while it runs, and what libraries write into temporary files; it
    goes with the child, however that ends.
    """

    process: subprocess.Popen[bytes]
    folder: WorkFolder
    jobs: int = 0
    is_ready: bool = False
    has_lost_cluster: bool = False
    _waits_for: str | None = None
    _cluster: dict[str, str] = field(default_factory=dict)
    _silence: str | None = None
    _heard_at: float = field(default_factory=time.monotonic)
    _pending: bytes = b""
    _ended: deque[Ended] = field(default_factory=deque)
    _remote_cpu: float = 0.0
    _cpu_seen: float = 0.0
    _cpu_before: float = 0.0
    _idle: _Idle = field(default_factory=lambda: _Idle(0.0, 0.0, 0.0))

    @classmethod
    def start(cls, command: Sequence[str] = COMMAND) -> Self:
        """Start a child; it says that it is ready once TensorFlow is imported."""
        folder = WorkFolder.make()
        # It needs the database, and no token of the server.
        env = without_tokens(os.environ) | {"TMPDIR": str(folder.path)}
        process = subprocess.Popen(
            [*command, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
        )
        return cls(process, folder)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    @property
    def waits_for(self) -> str | None:
        """What keeps it from working, in words."""
        return self._silence or self._waits_for

    @property
    def silent_seconds(self) -> float:
        """How long ago it said something, or was told to do something."""
        return time.monotonic() - self._heard_at

    def measure_idle_seconds(self) -> float:
        """Return for how long it has said nothing and used no processor time, as looks show."""
        now, cpu_seconds, idle = time.monotonic(), self._cpu_seconds(), self._idle
        is_active = self._heard_at > idle.looked_at
        is_active |= cpu_seconds - idle.cpu_seconds > IDLE_CPU_SECONDS
        if is_active:
            self._idle = _Idle(0.0, cpu_seconds, now)
        else:
            step = min(now - idle.looked_at, MAX_IDLE_STEP)
            self._idle = _Idle(idle.seconds + step, idle.cpu_seconds, now)
        return self._idle.seconds

    def measure_job_cpu_seconds(self) -> float:
        """Return the processor seconds of its job, and what others took for it.

        Of a dead child those that were seen last.
        """
        self._cpu_seconds()
        return max(0.0, self._cpu_seen + self._remote_cpu - self._cpu_before)

    def _cpu_seconds(self) -> float:
        if not self.is_alive:
            # Another process may have its number by now.
            return 0.0
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        # One that has died and was not waited for yet says nothing any more.
        self._cpu_seen = max(self._cpu_seen, float(times.user + times.system))
        return float(times.user + times.system)

    @property
    def memory_bytes(self) -> int:
        """Its resident memory, without that of its children; 0 when it is gone.

        Pages of files are not counted: the system lets go of them where memory is short.
        """
        try:
            memory = psutil.Process(self.process.pid).memory_info()
            return int(memory.rss - getattr(memory, "shared", 0))  # macOS does not tell.
        except psutil.Error:
            return 0

    def wait_until_ready(self, seconds: float) -> bool:
        """Return whether it is ready for a job, after listening for `seconds` at most.

        One whose cluster does not answer, or is lost, is not.
        """
        is_ready = self.is_ready and self._silence is None
        self._listen(0 if is_ready else seconds)
        has_cluster = self._silence is None and not self.has_lost_cluster
        return self.is_ready and has_cluster and self.is_alive

    def run(self, fence: Fence) -> None:
        """Hand it a claimed job."""
        self.jobs += 1
        self._ended.clear()
        self._cpu_seconds()
        self._cpu_before = self._cpu_seen + self._remote_cpu
        self._send({"run": asdict(fence)})

    def finish(self) -> None:
        """Ask it to end its job with what it has."""
        self._send({"finish": True})

    def stop(self) -> None:
        """Ask it to leave its job at the end of the epoch."""
        self._send({"stop": True})

    def ended(self, seconds: float) -> Ended | None:
        """Return how its job ended, if it did within `seconds`. A dead child ended it."""
        if not self._ended:
            self._listen(seconds)
        if self._ended:
            return self._ended.popleft()
        if self.is_alive:
            return None
        self._listen(0)  # its last words, where it died right after them
        if self._ended:
            return self._ended.popleft()
        return self.explain_death(_cause_of_death(self.process.returncode))

    def explain_death(self, cause: str) -> Ended:
        """Return how the job of a child ends that died, or hung so that it is to be ended.

        Ray's calls wait for a head that is away, and Ray ends processes that have none, or whose
        node died: no failure.
        """
        if silence := self._silence or self._find_silence():
            return Ended(Ending.cluster_lost, error=f"{silence}; {cause}")
        return Ended(Ending.died, error=cause)

    def end(self) -> None:
        """Close its pipe, which ends it; kill it if that takes long; remove its folder.

        One that still imports has nothing to lose, and would only write of its libraries.
        """
        if not self.is_ready:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.remove()

    def _find_silence(self) -> str | None:
        """Say, in words, what of its cluster is gone: it may have died before it could."""
        for name, address in self._cluster.items():
            host, _, port = address.rpartition(":")
            try:
                socket.create_connection((host, int(port)), timeout=CLUSTER_SECONDS).close()
            except OSError as error:
                return f"the Ray cluster: {name} does not answer at {address}: {error}"
        return None

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
        self._remote_cpu = message.get("remote_cpu_seconds", self._remote_cpu)
        if "waits_for" in message:
            self._waits_for = message["waits_for"]
        elif "cluster" in message:
            self._cluster = message["cluster"]
        elif "silence" in message:
            self._silence = message["silence"]
        elif "ready" in message:
            self.is_ready = True
        elif "ended" in message:
            end = message["ended"]
            self._waits_for = None
            ended = Ended(Ending(end["ending"]), end["reason"], end["error"])
            self._ended.append(ended)
            # It may say so before it has a job: it takes none any more.
            self.has_lost_cluster |= ended.ending is Ending.cluster_lost


def _cause_of_death(code: int) -> str:
    if code < 0:
        name = f"signal {-code}"
        hint = " (out of memory?)" if code == -9 else ""
        return f"the worker's child was killed by {name}{hint}"
    return f"the worker's child exited with code {code}"
