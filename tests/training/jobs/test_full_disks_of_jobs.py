"""A worker's full disk ends its attempt, and neither the job nor an artifact for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from lowloss.spec import DEFAULT_PROJECT, Task
from service.settings import Limits
from service.store.database import Database, is_out_of_space
from service.store.queue import enqueue_job
from tests.builders.disks import a_small_disk
from tests.builders.outages import QuietChannel
from tests.builders.store import a_claim, a_spec, an_uploaded_table
from worker.execution.local import LocalExecutor
from worker.jobs.loading import JobResources
from worker.jobs.main import run_safely
from worker.progress.channel import Channel
from worker.progress.protocol import Ending


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 128 KB."""
    with a_small_disk(tmp_path, "128k") as folder:
        yield folder


def test_table_that_has_no_room_hands_the_job_back(
    sqlite_database: Database, small_disk: Path
) -> None:
    spec = a_spec(an_uploaded_table(sqlite_database, rows=20_000))
    with sqlite_database.transaction() as session:
        enqueue_job(session, spec, project=DEFAULT_PROJECT, task=Task.regression, max_attempts=1)
    fence = a_claim(sqlite_database).fence
    resources = JobResources(Limits(), LocalExecutor(), small_disk)

    ended = run_safely(sqlite_database, fence, cast("Channel", QuietChannel(small_disk)), resources)

    assert ended.ending is Ending.disk_full
    assert ended.error == (
        "the worker has no room for temporary files (TMPDIR): [Errno 28] No space left on device"
    )
    assert list(small_disk.iterdir()) == []


def test_full_disk_is_recognised_in_errors_of_native_code() -> None:
    of_hdf5 = OSError("Can't write data (errno = 28, error message = 'No space left on device')")

    assert is_out_of_space(of_hdf5)
    assert is_out_of_space(RuntimeError("/tmp/variables; No space left on device"))
    assert not is_out_of_space(RuntimeError("no such layer"))
