"""A job whose table is not to be had from the object store fails at once, and says what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from lowloss.spec import DEFAULT_PROJECT, Task
from service.settings import Limits
from service.store.database import Database
from service.store.queue import enqueue_job
from tests.builders.object_store import ObjectStore
from tests.builders.outages import QuietChannel
from tests.builders.store import a_claim, a_spec, an_uploaded_table
from tests.conftest import NewUrl
from worker.execution.local import LocalExecutor
from worker.jobs.loading import JobResources
from worker.jobs.main import run_safely
from worker.progress.channel import Channel
from worker.progress.protocol import Ended, Ending


@pytest.fixture
def database(new_database_url: NewUrl, object_store: ObjectStore) -> Iterator[Database]:
    opened = Database(new_database_url("sqlite"), blob_store=object_store.new_url())
    yield opened
    opened.close()


def enqueue_a_job(database: Database) -> None:
    """A job with a table in the object store."""
    spec = a_spec(an_uploaded_table(database, rows=300))
    with database.transaction() as session:
        enqueue_job(session, spec, project=DEFAULT_PROJECT, task=Task.regression, max_attempts=3)


def run(database: Database, folder: Path) -> Ended:
    """Run the job as a worker's child does."""
    resources = JobResources(Limits(), LocalExecutor(), folder)
    channel = cast("Channel", QuietChannel(folder))
    return run_safely(database, a_claim(database).fence, channel, resources)


def test_job_without_its_table_fails_and_the_log_alone_names_the_object(
    database: Database,
    object_store: ObjectStore,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    enqueue_a_job(database)
    store_url = str(database.blob_store)
    (key,) = object_store.keys(store_url)
    object_store.delete(store_url, key)

    ended = run(database, tmp_path)

    assert (ended.ending, ended.reason) == (Ending.failed, "bytes_missing")
    _, sha256, secret, _ = key.split("/")
    assert f"{store_url}/{sha256}/{secret}/000000 is not there" in caplog.text
    assert f"the bytes with the SHA-256 {sha256} are not in the object store" in str(ended.error)
    assert "s3://" not in str(ended.error)
    assert secret not in str(ended.error)


def test_job_of_a_worker_without_the_library_fails_once_and_says_what_to_install(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue_a_job(database)
    for name in ("obstore", "obstore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)

    ended = run(database, tmp_path)

    assert (ended.ending, ended.reason) == (Ending.failed, "s3_extra_missing")
    assert "install lowloss[s3] where the worker is" in str(ended.error)
