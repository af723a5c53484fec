"""The child's end of the pipes to its supervisor."""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from service.store.queue import Fence
from worker.progress.protocol import Ended

ALIVE_SECONDS = 1.0


class Channel:
    """Jobs come in by standard input, words go out by what was standard output.

    The end of standard input is the end of the supervisor, and so of this process: at once, since
    another worker may claim the job. Nobody else is left then to remove the `folder`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Whatever libraries print goes to standard error; the pipe is for messages alone.
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1, encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._jobs: queue.Queue[Fence] = queue.Queue()
        self._stop = threading.Event()
        self._finish = threading.Event()
        self._sent_at = 0.0
        self._measure_cpu: Callable[[], float] = lambda: 0.0
        self._sending = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def is_stopping(self) -> bool:
        """Whether the supervisor asked for the job to be left."""
        return self._stop.is_set()

    @property
    def must_finish(self) -> bool:
        """Whether the job's time is over: only what its export needs is still to be done."""
        return self._finish.is_set()

    def jobs(self) -> Iterator[Fence]:
        """Yield the jobs that the supervisor hands down, as they come."""
        while True:
            yield self._jobs.get()

    def count_cpu(self, measure: Callable[[], float]) -> None:
        """Tell with each sign of life what processor seconds other processes have taken so far."""
        self._measure_cpu = measure

    def ready(self) -> None:
        """Say that this process can take a job."""
        self._send({"ready": True})

    def alive(self) -> None:
        """Give a sign of life, once a second at most."""
        if time.monotonic() - self._sent_at >= ALIVE_SECONDS:
            self._send({"alive": True, "remote_cpu_seconds": self._measure_cpu()})

    def wait_for(self, what: str | None) -> None:
        """Say, in words, what keeps this process from working; None once nothing does."""
        self._send({"waits_for": what})

    def tell_cluster(self, addresses: Mapping[str, str]) -> None:
        """Say what of a cluster this process may end without: `HOST:PORT` by its name in words."""
        self._send({"cluster": dict(addresses)})

    def tell_silence(self, silence: str | None) -> None:
        """Say, in words, that the cluster does not answer; None once it does.

        Libraries may end this process where it stays so: the job is not to be blamed for that.
        """
        self._send({"silence": silence})

    def ended(self, ended: Ended) -> None:
        """Say how the job ended."""
        self._send({"ended": asdict(ended), "remote_cpu_seconds": self._measure_cpu()})

    def _send(self, message: dict[str, Any]) -> None:
        self._sent_at = time.monotonic()
        # Computations beside the job's own thread wait for the database, too, and say so.
        with self._sending:
            self._out.write(json.dumps(message) + "\n")

    def _listen(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "run" in message:
                # Here, in the order of the messages: what comes next is meant for this job.
                self._stop.clear()
                self._finish.clear()
                self._jobs.put(Fence(**message["run"]))
            elif "finish" in message:
                self._finish.set()
            elif "stop" in message:
                self._stop.set()
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(0)
