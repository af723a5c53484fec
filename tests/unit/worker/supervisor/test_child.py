"""What a worker's child inherits, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from service.store.queue import Fence
from tests.builders.processes import wait_for
from worker.supervisor.child import Child


def test_child_has_the_database_and_no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWLOSS_TOKENS", "secret")
    monkeypatch.setenv("LOWLOSS_TOKEN", "secret")
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", "sqlite:///x")
    code = "import os; print(sorted(n for n in os.environ if n.startswith('LOWLOSS')), flush=True)"

    child = Child.start([sys.executable, "-c", code])
    output, _ = child.process.communicate(timeout=30)
    child.end()

    assert "LOWLOSS_DATABASE_URL" in output.decode()
    assert "LOWLOSS_TOKEN" not in output.decode()


def test_temporary_files_of_a_child_go_with_it() -> None:
    code = "import tempfile; print(tempfile.mkdtemp(), flush=True)"

    child = Child.start([sys.executable, "-c", code])
    output, _ = child.process.communicate(timeout=30)
    folder = Path(output.decode().strip())
    was_there = folder.exists()
    child.end()

    assert was_there
    assert folder.parent == child.folder.path
    assert not folder.parent.exists()


def test_pages_of_files_are_no_memory_of_a_child() -> None:
    code = (
        "import mmap, sys, tempfile\n"
        "with tempfile.TemporaryFile() as file:\n"
        "    file.truncate(2**28)\n"
        "    pages = mmap.mmap(file.fileno(), 2**28)\n"
        "pages[::4096]\n"
        "data = b'x' * 2**26\n"
        "print('{\"ready\": true}', flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = Child.start([sys.executable, "-c", code])

    wait_for(lambda: child.wait_until_ready(1.0), what="the child")
    resident_bytes, own_bytes = (
        psutil.Process(child.process.pid).memory_info().rss,
        child.memory_bytes,
    )
    child.end()

    assert resident_bytes > 2**28 + 2**26
    assert 2**26 < own_bytes < 2**27


def test_child_that_still_imports_is_killed_at_once() -> None:
    # Once ready, one is ended by its pipe, and exits with 0.
    child = Child.start([sys.executable, "-c", "import sys; sys.stdin.read()"])

    child.end()

    assert child.process.returncode == -signal.SIGKILL


def test_processor_time_of_a_child_that_has_ended_is_not_that_of_another_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    child = Child.start([sys.executable, "-c", "import sys; sys.stdin.read()"])
    child.end()
    # The system gives the number to another process: here to this one, which has used some time.
    own = psutil.Process(os.getpid())
    monkeypatch.setattr("worker.supervisor.child.psutil.Process", lambda _: own)

    assert child.measure_job_cpu_seconds() == 0.0


def test_processor_time_of_a_job_has_that_of_others_in_it_and_none_of_jobs_before() -> None:
    code = """
import json, sys
def say(**message):
    print(json.dumps(message), flush=True)
say(ready=True)
taken = 0
for line in sys.stdin:
    taken += 500
    say(alive=True, remote_cpu_seconds=taken - 200)
    end = {"ending": "succeeded", "reason": None, "error": None}
    say(ended=end, remote_cpu_seconds=taken)
"""
    child = Child.start([sys.executable, "-c", code])
    wait_for(lambda: child.wait_until_ready(1), what="the child")
    seconds = []
    for attempt in (1, 2):
        child.run(Fence("job_1", "worker-1", attempt))
        wait_for(lambda: child.ended(1), what="the job's end")
        seconds.append(child.measure_job_cpu_seconds())
    child.end()

    assert [500 <= each < 600 for each in seconds] == [True, True]
