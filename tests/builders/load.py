"""Processes that keep a machine busy, for tests of what a job does beside them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

MAX_SECONDS = 300
"""Each ends by itself then, whatever became of its test."""
SPIN = """
import sys, time
deadline = time.monotonic() + float(sys.argv[1])
print("spinning", flush=True)
while time.monotonic() < deadline:
    sum(range(10_000))
"""


@contextmanager
def busy_processes(count: int, *, seconds: float = MAX_SECONDS) -> Iterator[None]:
    """Run processes that do nothing but compute, until the block or their time ends."""
    command = [sys.executable, "-c", SPIN, str(seconds)]
    # Linux shares processor time between sessions first: in one, all would count as one process.
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
