"""Quotas and rates over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from service.store.database import Database
from tests.builders.live_server import a_csv, count_rows, upload
from tests.builders.store import a_parsed_csv


def bound(client: TestClient, **quotas: int) -> Any:
    return client.post("/v1/projects/default/quotas", json=quotas)


def test_submits_over_the_rate_come_again_later(client: TestClient, store: Database) -> None:
    assert bound(client, submits_per_minute=2).json()["quotas"]["submits_per_minute"] == 2
    spec = {"dataset": a_parsed_csv(store, a_csv()), "target": "y"}

    answers = [client.post("/v1/jobs", json=spec) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202, 202, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["code"] == "too_many_requests"
    assert client.get("/v1/jobs").status_code == 200


def test_upload_over_a_quota_is_refused_and_leaves_nothing(
    client: TestClient, store: Database
) -> None:
    bound(client, max_stored_bytes=10)

    answer = upload(client, a_csv())

    assert count_rows(store)["blobs"] == 0

    assert (answer.status_code, answer.json()["code"]) == (403, "quota_exceeded")
    assert client.get("/v1/datasets").json()["items"] == []
    bound(client, uploads_per_minute=0)
    assert upload(client, a_csv()).status_code == 429


def test_job_over_the_quota_is_refused_and_a_resend_is_not(
    client: TestClient, store: Database
) -> None:
    bound(client, max_waiting_jobs=1)
    spec = {"dataset": a_parsed_csv(store, a_csv()), "target": "y"}
    headers = {"Idempotency-Key": "monday"}
    first = client.post("/v1/jobs", json=spec, headers=headers)

    another = client.post("/v1/jobs", json=spec)
    again = client.post("/v1/jobs", json=spec, headers=headers)

    assert (another.status_code, another.json()["code"]) == (403, "quota_exceeded")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


def test_project_is_made_with_quotas(client: TestClient) -> None:
    fields = {"name": "guests", "quotas": {"max_running_jobs": 1}}

    made = client.post("/v1/projects", json=fields)

    assert made.json()["quotas"]["max_running_jobs"] == 1
    assert client.post("/v1/projects/nowhere/quotas", json={}).status_code == 404
    assert client.post("/v1/projects/guests/quotas", json={"max": 1}).status_code == 422
