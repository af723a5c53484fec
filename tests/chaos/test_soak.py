"""Many jobs in a row: memory, descriptors, files and the database's bytes.

`LOWLOSS_SOAK_JOBS` says how many with pretended training: `make chaos` runs 2,000, beside 30 that
train. What was measured is printed.
"""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import psutil
import pytest
from sqlalchemy import func, select, text

from lowloss import Client
from lowloss.results import JobState
from lowloss.spec import DEFAULT_PROJECT, Task
from service.store.database import Database
from service.store.queue import enqueue_job
from service.store.schema import JobRow
from tests.builders.pretended_worker import MODULE, TRIALS
from tests.builders.processes import free_port, running, wait_for, wait_until_ready
from tests.builders.store import a_spec, an_uploaded_table
from tests.chaos.test_crashes import SERVER, WORKER, url

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
PARTS = 10
CONNECTION_DESCRIPTORS = 2
"""SQLite's file and its WAL: a pool opens another connection where threads ask at once."""
MAX_GROWTH = 0.15
"""Of memory and of the bytes of a job, from the second tenth of the jobs to the last."""


@dataclass(frozen=True)
class Soak:
    """So many jobs of a worker, whose settings these are; `spec` is what a job asks for."""

    worker: str
    jobs: int
    trials: int
    settings: dict[str, str]
    spec: dict[str, Any]


PRETENDED = Soak(
    MODULE,
    int(os.environ.get("LOWLOSS_SOAK_JOBS", "200")),
    TRIALS,
    {"PRETENDED_EPOCH_SECONDS": "0", "LOWLOSS_POLL_SECONDS": "0.02"},
    {},
)
TRAINED = Soak(
    WORKER,
    30,
    3,
    {},
    {
        "budget": {"max_trials": 3, "max_epochs": 5, "max_seconds": None, "diagnosis_seconds": 0},
        "search_space": {"layers": 1, "width": 16, "batch_size": 32},
        "preprocessing": {"scale_features": "standard"},
        "final": {"confirm_top": 1, "confirm_seeds": 1, "members": 1},
        "algorithm": "random",
        "pruning": None,
    },
)


@dataclass(frozen=True)
class Sample:
    """What worker, with its child, server and database take after a tenth of the jobs."""

    worker_bytes: int
    worker_descriptors: int
    server_bytes: int
    server_descriptors: int
    database_bytes: int
    temporary_files: int


def take_sample(
    database: Database, worker: Popen[bytes], server: Popen[bytes], temporary: Path
) -> Sample:
    processes = psutil.Process(worker.pid), psutil.Process(server.pid)
    children = processes[0].children(recursive=True)
    with database.reading() as session:
        # The file alone grows at checkpoints.
        pages, page_bytes = (
            session.scalar(text(f"PRAGMA {name}")) for name in ("page_count", "page_size")
        )
    return Sample(
        sum(process.memory_info().rss for process in (processes[0], *children)),
        processes[0].num_fds(),
        processes[1].memory_info().rss,
        processes[1].num_fds(),
        pages * page_bytes,
        len(list(temporary.iterdir())),
    )


def run_part(database: Database, client: Client, dataset: str, soak: Soak) -> None:
    """Submit a tenth of the jobs, wait for them, and read each of them over HTTP."""
    spec = a_spec(dataset, **soak.spec)
    with database.transaction() as session:
        ids = [
            enqueue_job(
                session, spec, project=DEFAULT_PROJECT, task=Task.regression, max_attempts=1
            )
            for _ in range(soak.jobs // PARTS)
        ]
    wait_for(lambda: count_unfinished(database) == 0, seconds=600, what="the jobs' ends")
    for job_id in ids:
        job = client.job(job_id)
        assert (job.state, job.progress.trials_done) == (JobState.succeeded, soak.trials)


def count_unfinished(database: Database) -> int:
    query = select(func.count()).where(JobRow.finished_at.is_(None))
    with database.reading() as session:
        return session.scalar(query) or 0


@pytest.mark.parametrize("soak", [PRETENDED, TRAINED], ids=["pretended", "trained"])
def test_many_jobs_take_no_more_than_few(
    sqlite_database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], soak: Soak
) -> None:
    where, port, temporary = url(sqlite_database), str(free_port()), tmp_path / "tmp"
    temporary.mkdir()

    def start(module: str, **settings: str) -> AbstractContextManager[Popen[bytes]]:
        settings |= {"TMPDIR": str(temporary)}
        return running(module, data_dir=tmp_path, database_url=where, **settings)

    with (
        Client(f"http://127.0.0.1:{port}") as client,
        start(SERVER, LOWLOSS_PORT=port) as server,
        start(soak.worker, **soak.settings) as worker,
    ):
        wait_until_ready(client)
        dataset = an_uploaded_table(sqlite_database, rows=300)
        samples = []
        for _ in range(PARTS):
            run_part(sqlite_database, client, dataset, soak)
            samples.append(take_sample(sqlite_database, worker, server, temporary))

    with capsys.disabled():
        sys.stdout.write(f"\nafter each {soak.jobs // PARTS} jobs:\n")
        sys.stdout.writelines(f"  {sample}\n" for sample in samples)
    first, last = samples[1], samples[-1]
    # Where memory is short the system takes some back for a while.
    for of_process in ("worker_bytes", "server_bytes"):
        most = max(getattr(sample, of_process) for sample in samples[:2])
        assert getattr(last, of_process) <= most * (1 + MAX_GROWTH)
    assert last.worker_descriptors <= first.worker_descriptors + CONNECTION_DESCRIPTORS
    assert last.server_descriptors <= first.server_descriptors + CONNECTION_DESCRIPTORS
    assert last.temporary_files <= first.temporary_files
    of_a_job = (first.database_bytes - samples[0].database_bytes) / (soak.jobs // PARTS)
    of_all = (last.database_bytes - first.database_bytes) / (soak.jobs // PARTS * (PARTS - 2))
    assert of_all <= of_a_job * (1 + MAX_GROWTH)
