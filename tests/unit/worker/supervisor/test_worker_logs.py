"""What a real worker writes: each entry with the ids of the job and the attempt."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from lowloss.results import JobState
from service.store.database import Database
from tests.builders.pretended_worker import MODULE
from tests.builders.processes import running
from tests.builders.store import a_job
from tests.builders.workers import wait_for_state


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_entries_of_an_attempt_have_the_ids_of_its_job(
    sqlite_database: Database, tmp_path: Path, log_format: str
) -> None:
    job_id = a_job(sqlite_database)
    start = partial(running, MODULE, data_dir=tmp_path, LOWLOSS_LOG_FORMAT=log_format)

    with start(database_url=sqlite_database.url.render_as_string()):
        wait_for_state(sqlite_database, job_id, JobState.succeeded, seconds=90)

    lines = (tmp_path / f"{MODULE}.log").read_text().splitlines()
    if log_format == "text":
        ends = [line for line in lines if line.endswith(f"[job={job_id} attempt=1]")]
        assert [line.rpartition(": an")[2].rpartition(" [")[0] for line in ends][:1] == [
            " attempt begins"
        ]
        return
    entries = [json.loads(line) for line in lines]
    messages = [e["message"] for e in entries if (e.get("job"), e.get("attempt")) == (job_id, 1)]
    assert messages == ["an attempt begins", "it ended: succeeded max_trials"]
