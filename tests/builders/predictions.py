"""Finished jobs with a model, and requests to predict with it."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from lowloss.results import JobState
from service.store.artifacts import NewArtifact, add_artifact
from service.store.database import Database
from service.store.queue import finish_job
from tests.builders.store import a_blob, a_claim, a_job


def a_finished_job(
    store: Database, content: bytes, name: str = "model.onnx", *, job_id: str | None = None
) -> str:
    """A job that succeeded, with `model.keras` and this artifact; answers its id."""
    job_id = job_id or a_job(store)
    fence = a_claim(store).fence
    contents = {"model.keras": b"keras", name: content}
    made = [
        NewArtifact(each, "application/octet-stream", a_blob(store, data), len(data))
        for each, data in contents.items()
    ]
    with store.transaction() as session:
        for new in made:
            add_artifact(session, fence, new)
        finish_job(session, fence, state=JobState.succeeded)
    return job_id


def ask(client: TestClient, job_id: str, **body: Any) -> Any:
    """Ask for predictions by a body of JSON."""
    return client.post(f"/v1/jobs/{job_id}/predict", json=body)


def ask_file(client: TestClient, job_id: str, data: bytes, **params: str) -> Any:
    """Ask for predictions of a file."""
    headers = {"content-type": "text/csv"}
    return client.post(f"/v1/jobs/{job_id}/predict", content=data, headers=headers, params=params)
