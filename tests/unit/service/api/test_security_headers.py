"""Every response of every route has the headers that bound what a browser does with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import SecretStr

from lowloss.results import JobState
from service.app import create_app
from service.dashboard.static_files import load_static_files
from service.resources.security_headers import SECURITY_HEADERS
from service.settings import Settings
from service.store.artifacts import NewArtifact, add_artifact
from service.store.database import Database
from service.store.jobs import get_job
from service.store.queue import finish_job
from tests.builders.server_process import a_server_process, read_all
from tests.builders.store import a_blob, a_claim, a_job, a_trial

REPORT = "/jobs/{job_id}/files/{name}"


def list_routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Each route with each of its methods; what deletes comes last."""
    routes = [
        (method, route.path or "")
        for route in iter_route_contexts(app.routes)
        for method in sorted(route.methods or ())
    ]
    yield from sorted(routes, key=lambda route: route[0] == "DELETE")


def fill(store: Database) -> dict[str, str]:
    """A job with a trial, a report and a dataset, and what routes have in their addresses."""
    job_id = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    report = a_blob(store, b"<h1>report</h1>")
    with store.transaction() as session:
        add_artifact(session, fence, NewArtifact("report.html", "text/html", report, 15))
        dataset = get_job(session, job_id).dataset
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    ids = {"job_id": job_id, "dataset_id": dataset, "number": "1", "name": "report.html"}
    return ids | {"project": "default", "token_id": "tok_none", "version": "none"}


def check(where: str, headers: dict[str, str]) -> None:
    """Each header is there once, and says no less than it should."""
    for name in SECURITY_HEADERS:
        assert headers.get(name.lower()), f"{where} lacks {name}"
    policy = headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy, where
    if where.endswith(f" 200 {REPORT}"):
        # Its styles are inside it; it is kept apart from this site.
        assert policy[0] == "sandbox allow-scripts"
        # Browsers refuse any other value for what is in a sandbox.
        assert headers["cross-origin-opener-policy"] == "unsafe-none"
        return
    assert "frame-ancestors 'none'" in policy, where
    assert "unsafe" not in headers["content-security-policy"], where
    assert headers["x-content-type-options"] == "nosniff", where


def test_every_answer_of_every_route_has_them(
    app: FastAPI, client: TestClient, store: Database
) -> None:
    ids, pages = fill(store), []

    for method, route in list_routes(app):
        missing = dict.fromkeys(ids, "none") | {"number": "9"}
        for values in (ids, missing):
            accept = {"Accept": "text/html"}
            address = route.format(**values)
            answer = client.request(method, address, headers=accept, follow_redirects=False)
            is_page = answer.headers.get("content-type", "").startswith("text/html")
            pages += [route] if is_page and values is ids and answer.status_code == 200 else []
            check(f"{method} {answer.status_code} {route}", dict(answer.headers))

    # The test saw the pages themselves, and not only their errors.
    assert {"/", "/queue", "/datasets", "/new", "/diagnose", "/access", "/docs"} <= set(pages)
    assert {"/jobs/{job_id}", "/datasets/{dataset_id}", REPORT} <= set(pages)
    assert len(set(pages)) >= 15


def test_what_no_route_answers_has_them(settings: Settings, client: TestClient) -> None:
    version = load_static_files().version
    app = create_app(settings.model_copy(update={"tokens": (SecretStr("secret"),)}))
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as guarded:
        answers = [
            client.get("/nowhere"),
            client.get("/nowhere", headers={"Accept": "text/html"}),
            client.put("/v1/jobs"),
            client.get("/v1/jobs", headers={"Host": "evil.example"}),
            client.get(f"/static/{version}/pages.css"),
            client.post("/v1/jobs", content=b"x" * 2_000_000),
            guarded.get("/v1/jobs"),
            guarded.get("/", headers={"Accept": "text/html"}, follow_redirects=False),
            guarded.get("/login"),
        ]

    assert [answer.status_code for answer in answers] == [
        *(404, 404, 405, 403, 200, 413, 401, 303, 200)
    ]
    for answer in answers:
        check(str(answer.url), dict(answer.headers))


def test_failure_of_the_server_has_them(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.resources.database, "reading", None)

    for path in ("/v1/jobs", "/"):
        answer = client.get(path)
        assert answer.status_code == 500
        check(path, dict(answer.headers))


def test_what_is_no_http_is_refused_with_them(tmp_path: Path) -> None:
    with a_server_process(tmp_path) as server, server.connect(b"no http\r\n\r\n") as connection:
        head = read_all(connection).decode().partition("\r\n\r\n")[0]

    assert head.startswith("HTTP/1.1 400 ")
    headers = dict(re.findall(r"^([\w-]+): (.*?)\r?$", head, re.MULTILINE))
    check("no http", {name.lower(): text for name, text in headers.items()})
