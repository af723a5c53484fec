"""Errors that no handler raises, tokens, probes and metrics."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from pysqlite3.dbapi2 import OperationalError as BusyError
from sqlalchemy.exc import OperationalError

from lowloss.results import JobState
from service.access.auth import is_reachable
from service.app import create_app
from service.settings import Settings
from service.store.database import Database
from tests.builders.store import a_job
from tests.unit.service.api.conftest import URL

PROBLEM = "application/problem+json"


def test_unknown_address_is_a_problem(client: TestClient) -> None:
    answer = client.get("/v1/job")

    assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")
    assert answer.headers["content-type"] == PROBLEM


def test_wrong_method_names_those_that_the_address_takes(client: TestClient) -> None:
    answer = client.put("/v1/jobs")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    assert answer.json()["fix"] == "it takes GET, POST"


def test_busy_database_asks_to_come_back(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> Any:
        raise OperationalError("SELECT", {}, BusyError("database is locked"))

    monkeypatch.setattr("service.api.jobs.list_jobs", busy)

    answer = client.get("/v1/jobs")

    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert int(answer.headers["retry-after"]) > 0


def test_fault_of_ours_is_logged_and_tells_strangers_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise RuntimeError("the secret is forty-two")

    monkeypatch.setattr("service.api.jobs.list_jobs", fail)

    answer = client.get("/v1/jobs")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "forty-two" not in answer.text
    assert "RuntimeError: the secret is forty-two" in caplog.text


# Tokens


@pytest.fixture
def guarded(settings: Settings) -> Iterator[TestClient]:
    tokens = (SecretStr("first"), SecretStr("sécond"))
    app = create_app(settings.model_copy(update={"tokens": tokens}))
    with TestClient(app, URL) as client:
        yield client


@pytest.mark.parametrize(
    "header",
    [None, "", "first", "Bearer", "Bearer ", "Bearer firs", "Bearer firstt", "Basic first"],
)
@pytest.mark.parametrize("path", ["/v1/jobs", "/metrics", "/docs", "/openapi.json", "/nowhere"])
def test_request_without_a_valid_token_is_refused(
    guarded: TestClient, *, header: str | None, path: str
) -> None:
    headers = {} if header is None else {"Authorization": header}

    answer = guarded.get(path, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("header", ["Bearer first", "bearer first", "Bearer sécond"])
def test_each_token_opens_the_server(guarded: TestClient, *, header: str) -> None:
    answer = guarded.get("/v1/jobs", headers={b"Authorization": header.encode()})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_need_no_token(guarded: TestClient, *, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_tokens_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "LOWLOSS_TOKENS", " first, second,,")

    tokens = Settings().tokens

    assert [token.get_secret_value() for token in tokens] == ["first", "second"]


@pytest.mark.parametrize(
    ("host", "is_open"),
    [
        ("127.0.0.1", False),
        ("127.0.1.1", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("", True),
        ("example.org", True),
    ],
)
def test_server_is_reachable_from_elsewhere_unless_its_address_is_loopback(
    host: str, *, is_open: bool
) -> None:
    assert is_reachable(host) is is_open


# Probes and metrics


def test_server_over_an_older_schema_is_alive_but_not_ready(
    app: FastAPI, client: TestClient, store: Database
) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")

    ready, alive = client.get("/readyz"), client.get("/healthz")

    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert alive.status_code == 200


def test_readiness_does_not_wait_for_a_writer(client: TestClient, store: Database) -> None:
    with store.transaction():
        answer = client.get("/readyz")

    assert answer.status_code == 200


def test_metrics_count_jobs_by_state_and_requests_by_route(
    client: TestClient, store: Database
) -> None:
    for state in (JobState.succeeded, JobState.failed, JobState.queued):
        job_id = a_job(store, state=state)
    client.get(f"/v1/jobs/{job_id}")
    client.get(f"/v1/jobs/{job_id}")
    client.get("/nowhere")
    client.request("BREW", "/v1/jobs")

    answer = client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    for line in (
        'lowloss_jobs{state="succeeded"} 1.0',
        'lowloss_jobs{state="failed"} 1.0',
        'lowloss_jobs{state="queued"} 1.0',
        'lowloss_jobs{state="running"} 0.0',
        'lowloss_attempts_total{outcome="succeeded"} 1.0',
        'lowloss_attempts_total{outcome="lease_expired"} 0.0',
        'lowloss_retries_total{outcome="crashed"} 0.0',
        'lowloss_workers{state="idle"} 0.0',
        'lowloss_parsers{state="running"} 0.0',
        'lowloss_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="200"} 2.0',
        'lowloss_http_requests_total{method="GET",route="none",status="404"} 1.0',
        'lowloss_http_requests_total{method="other",route="/v1/jobs",status="405"} 1.0',
        'lowloss_http_request_seconds_count{method="GET",route="/v1/jobs/{job_id}",status="200"}'
        " 2.0",
    ):
        assert line in lines
    values = dict(line.rsplit(" ", 1) for line in lines if line[0] != "#")
    for name in ("oldest_queued_job_seconds", "database_bytes", "disk_free_bytes"):
        assert float(values[f"lowloss_{name}"]) > 0


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_need_no_other_site(client: TestClient, *, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert "http" not in answer.text.replace("http-equiv", "")
