"""The audit log over HTTP: what is in it, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from service.access.wrong_tokens import MAX_WRONG
from service.app import create_app
from service.resources import audit
from service.settings import Settings
from tests.unit.service.api.conftest import URL

ADMIN = {"Authorization": "Bearer admin"}


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings.model_copy(update={"tokens": (SecretStr("admin"),)}))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, URL, raise_server_exceptions=False) as opened:
        yield opened


def entries(client: TestClient) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client.get("/v1/audit", headers=ADMIN).json()["items"]
    return listed


def test_changes_and_refused_tokens_are_recorded_and_reads_are_not(client: TestClient) -> None:
    client.get("/v1/jobs", headers=ADMIN)
    client.post("/v1/jobs/job_1/cancel?secret=query", headers=ADMIN)
    client.post("/v1/jobs/job_1/predict", json={"rows": []}, headers=ADMIN)
    client.get("/v1/jobs", headers={"Authorization": "Bearer guess"})
    client.get("/v1/jobs")

    refused, change = entries(client)

    assert (change["name"], change["project"]) == ("LOWLOSS_TOKENS[0]", "default")
    assert (change["method"], change["path"]) == ("POST", "/v1/jobs/job_1/cancel")
    assert (change["status"], change["peer"]) == (422, "testclient")
    assert (refused["token"], refused["status"]) == ("", 401)
    assert (refused["method"], refused["path"]) == ("GET", "/v1/jobs")


def test_no_secret_is_in_the_log(client: TestClient) -> None:
    secret = client.post("/v1/tokens", json={"name": "a"}, headers=ADMIN).json()["secret"]
    client.post(f"/v1/tokens/{secret}/revoke", headers=ADMIN)
    client.get("/v1/jobs", headers={"Authorization": "Bearer my-other-password"})

    text = client.get("/v1/audit", headers=ADMIN).text

    assert secret not in text
    assert "my-other-password" not in text
    assert "lowloss_…" in text


def test_sign_in_is_recorded_right_or_wrong(client: TestClient) -> None:
    for token in ("wrong", "admin"):
        client.post("/login", data={"token": token}, headers={"Origin": URL})

    right, wrong = entries(client)

    assert (right["path"], right["name"], right["status"]) == ("/login", "LOWLOSS_TOKENS[0]", 303)
    assert (wrong["path"], wrong["name"], wrong["status"]) == ("/login", "", 401)


def test_wrong_tokens_are_slowed_and_the_right_one_is_not(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/v1/jobs", headers=ADMIN).status_code == 200
    wrong = {"Authorization": "Bearer guess"}

    answers = [client.get("/v1/jobs", headers=wrong) for _ in range(MAX_WRONG + 20)]
    login = client.post("/login", data={"token": "guess"}, headers={"Origin": URL})

    statuses = [answer.status_code for answer in answers]
    assert statuses == [401] * MAX_WRONG + [429] * 20
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["code"] == "too_many_requests"
    assert login.status_code == 429
    assert client.get("/v1/jobs", headers=ADMIN).status_code == 200
    # The log is bounded by that, too.
    assert len(entries(client)) == MAX_WRONG
    assert caplog.text.count("a wrong token came from testclient") == MAX_WRONG


def test_request_is_answered_where_the_log_cannot_be_written(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(audit, "record_entry", fail)

    answer = client.post("/v1/projects", json={"name": "vision"}, headers=ADMIN)

    assert answer.status_code == 201
    assert "/v1/projects" in caplog.text
    assert entries(client) == []
