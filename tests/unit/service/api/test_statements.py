"""What a read costs the database."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lowloss.results import JobState
from service.store.database import Database
from service.store.queue import finish_job
from tests.builders.live_server import counted_statements
from tests.builders.store import a_claim, a_job, a_trial, add_diagnosis


def test_no_read_takes_more_than_three_statements(
    app: FastAPI, client: TestClient, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the poller reads, it reads for all.
    monkeypatch.setattr(app.state.resources.changes, "_read", lambda _: {})
    job_id = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    job = f"/v1/jobs/{job_id}"
    dataset = f"/v1/datasets/{client.get(job).json()['dataset']}"
    filled = {
        "/v1/datasets/{dataset_id}": dataset,
        "/v1/jobs/{job_id}": job,
        "/v1/jobs/{job_id}/trials/{number}": f"{job}/trials/1",
        "/v1/jobs/{job_id}/artifacts/{name}": f"{job}/artifacts/model.keras",
    }
    add_diagnosis(store, fence)
    client.post(f"{job}/cancel")
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)
    routes = [path for path, methods in app.openapi()["paths"].items() if "get" in methods]
    taken = {}

    for route in routes:
        address = filled.get(route, route.replace("{job_id}", job_id))
        with counted_statements(store) as statements:
            client.get(address)
        taken[route] = len(statements)

    assert len(taken) == 18
    assert {route: count for route, count in taken.items() if count > 3} == {}
    assert taken["/v1/jobs"] >= 1
