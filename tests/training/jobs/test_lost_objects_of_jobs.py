"""A job whose table is lost in the object store fails at once, and says which object it needs."""

from __future__ import annotations

from pathlib import Path
from typing import cast

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
from worker.progress.protocol import Ending


def test_job_without_its_table_fails_and_names_the_object(
    new_database_url: NewUrl, object_store: ObjectStore, tmp_path: Path
) -> None:
    store_url = object_store.new_url()
    database = Database(new_database_url("sqlite"), blob_store=store_url)
    spec = a_spec(an_uploaded_table(database, rows=300))
    with database.transaction() as session:
        enqueue_job(session, spec, project=DEFAULT_PROJECT, task=Task.regression, max_attempts=3)
    (key,) = object_store.keys(store_url)
    object_store.delete(store_url, key)
    fence = a_claim(database).fence
    resources = JobResources(Limits(), LocalExecutor(), tmp_path)

    ended = run_safely(database, fence, cast("Channel", QuietChannel(tmp_path)), resources)

    database.close()
    assert (ended.ending, ended.reason) == (Ending.failed, "bytes_missing")
    assert f"{key} is not there, or not as it was written" in str(ended.error)
