"""A model is visible before its job ends, and its two files are always of one model."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from lowloss.errors import ArtifactNotFound, LeaseLost
from lowloss.results import Job, JobState
from service.store.artifacts import (
    NewArtifact,
    find_artifacts,
    get_artifact,
    get_best_model,
    publish_model,
)
from service.store.blobs import CHUNK_BYTES, REPLACED_SECONDS, read_blob, reap_blobs
from service.store.database import Database, utc_now
from service.store.jobs import get_job, get_job_and_change
from service.store.queue import Fence, finish_job
from service.store.schema import BlobRow
from tests.builders.store import a_blob, a_claim, a_job, an_artifact, expire_lease

pytestmark = pytest.mark.homes


def export(database: Database, fence: Fence, data: bytes, *, trial: int | None = None) -> None:
    """Store a model as a worker does: both files at once, visible."""
    sha256 = a_blob(database, data)
    files = [
        NewArtifact(name, "application/zip", sha256, len(data))
        for name in ("model.keras", "model.onnx")
    ]
    with database.transaction() as session:
        publish_model(session, fence, files, trial=trial)


def list_names(database: Database, job_id: str) -> list[str]:
    with database.reading() as session:
        return [artifact.name for artifact in find_artifacts(session, job_id)]


def read(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return get_job(session, job_id)


def test_model_is_visible_while_its_job_runs(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    with database.reading() as session:
        before = get_job_and_change(session, job_id)[1]

    export(database, fence, b"model")
    an_artifact(database, fence, b"report", name="report.html")

    with database.reading() as session:
        job, change = get_job_and_change(session, job_id)
        assert get_best_model(session, job_id).size_bytes == len(b"model")
        with pytest.raises(ArtifactNotFound):
            get_artifact(session, job_id, "report.html")
    assert job.state is JobState.running
    assert job.outcome.model_ready_at is not None
    assert change.version > before.version
    assert change.events == before.events + 1


def test_end_of_the_job_shows_the_rest(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    export(database, fence, b"model")
    an_artifact(database, fence, b"report", name="report.html")

    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    assert list_names(database, job_id) == ["model.keras", "model.onnx", "report.html"]


def test_model_stays_until_the_next_one_is_whole(database: Database) -> None:
    job_id = a_job(database)
    export(database, a_claim(database).fence, b"first", trial=3)
    expire_lease(database, job_id)
    second = a_claim(database, "worker-2").fence
    assert list_names(database, job_id) == ["model.keras", "model.onnx"]
    assert read(database, job_id).outcome.model_trial == 3

    export(database, second, b"second")

    with database.reading() as session:
        names = ("model.keras", "model.onnx")
        sizes = {get_artifact(session, job_id, name).size_bytes for name in names}
    assert sizes == {len(b"second")}
    assert read(database, job_id).outcome.model_trial is None


def test_download_goes_on_while_its_model_is_replaced(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    model = b"x" * CHUNK_BYTES * 2 + b"the end"
    export(database, fence, model)
    with database.transaction() as session:
        session.execute(update(BlobRow).values(touched_at=utc_now(-7200)))
    with database.reading() as session:
        artifact = get_best_model(session, job_id)
    chunks = read_blob(database, artifact.sha256, stop=artifact.size_bytes)
    first = next(chunks)

    export(database, fence, b"second")

    assert reap_blobs(database) == 0
    assert first + b"".join(chunks) == model
    with database.transaction() as session:
        for row in session.scalars(select(BlobRow)):
            row.touched_at -= timedelta(seconds=REPLACED_SECONDS + 1)
    assert reap_blobs(database) == 1


def test_job_that_fails_keeps_the_model_that_it_had(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    export(database, fence, b"model", trial=1)

    with database.transaction() as session:
        finish_job(session, fence, state=JobState.failed, reason="crashed")

    with database.reading() as session:
        assert get_best_model(session, job_id).size_bytes == len(b"model")


def test_attempt_that_was_taken_over_shows_nothing(database: Database) -> None:
    job_id = a_job(database)
    first = a_claim(database).fence
    expire_lease(database, job_id)
    a_claim(database, "worker-2")

    with pytest.raises(LeaseLost):
        export(database, first, b"first")

    assert list_names(database, job_id) == []
