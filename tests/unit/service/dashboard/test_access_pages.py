"""An admin's browser sees other projects; nobody else's does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import update

from lowloss.results import AuditEntry, JobState
from lowloss.spec import NewToken, Quotas, Scope
from service.app import create_app
from service.dashboard.access_pages import ACTIONS, QUOTA_LABELS, describe_action, describe_quotas
from service.settings import Settings
from service.store.database import Database
from service.store.jobs import record_outcome
from service.store.projects import create_project
from service.store.queue import finish_job
from service.store.schema import BrowserSessionRow
from service.store.tokens import create_token
from tests.builders.facts import some_insights
from tests.builders.store import a_claim, a_dataset, a_job
from tests.unit.service.api.conftest import URL

PAGE = {"Accept": "text/html"}
OWN = {"Origin": URL}


@pytest.fixture
def browser(settings: Settings, store: Database) -> Iterator[TestClient]:
    """A browser before a server with a table in the default project, and a project `vision`."""
    a_dataset(store)
    with store.transaction() as session:
        create_project(session, "vision")
    app = create_app(settings.model_copy(update={"tokens": (SecretStr("first"),)}))
    with TestClient(app, URL, follow_redirects=False) as client:
        yield client


def sign_in(browser: TestClient, secret: str) -> None:
    assert browser.post("/login", data={"token": secret}, headers=OWN).status_code == 303


def count_datasets(browser: TestClient) -> int:
    return len(browser.get("/v1/datasets").json()["items"])


def test_admin_sees_another_project_until_the_next_login(browser: TestClient) -> None:
    sign_in(browser, "first")
    assert count_datasets(browser) == 1

    answer = browser.post("/access/projects/vision/see", headers=OWN)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "project vision" in browser.get("/", headers=PAGE).text
    assert count_datasets(browser) == 0
    sign_in(browser, "first")
    assert count_datasets(browser) == 1


def test_what_an_admin_does_there_is_of_that_project(browser: TestClient) -> None:
    sign_in(browser, "first")
    browser.post("/access/projects/vision/see", headers=OWN)

    browser.post("/v1/datasets?name=a.csv", content=b"a,b\n1,2\n", headers=OWN)

    assert count_datasets(browser) == 1
    (upload, *_) = browser.get("/v1/audit?project=vision").json()["items"]
    assert upload["path"] == "/v1/datasets"
    paths = [entry["path"] for entry in browser.get("/v1/audit").json()["items"]]
    assert "/access/projects/vision/see" in paths


@pytest.mark.parametrize("scope", [Scope.read, Scope.submit])
def test_nobody_else_sees_another_project(
    browser: TestClient, store: Database, scope: Scope
) -> None:
    with store.transaction() as session:
        token = create_token(session, NewToken(name="x", project="vision", scope=scope))
    sign_in(browser, token.secret)

    assert browser.post("/access/projects/default/see", headers=OWN).status_code == 403
    # Not even where it was written down.
    with store.transaction() as session:
        session.execute(update(BrowserSessionRow).values(seen_project="default"))
    assert count_datasets(browser) == 0


def test_project_that_is_not_there_is_told(browser: TestClient) -> None:
    sign_in(browser, "first")

    answer = browser.post("/access/projects/none/see", headers=OWN)

    assert answer.status_code == 404
    assert "There is no project &#39;none&#39;" in answer.text
    assert count_datasets(browser) == 1


def test_reader_is_offered_nothing_to_change_and_told_why_in_a_page(
    browser: TestClient, store: Database
) -> None:
    with store.transaction() as session:
        reader = create_token(session, NewToken(name="x", scope=Scope.read))
    sign_in(browser, reader.secret)

    page, refused = (browser.get(address, headers=PAGE) for address in ("/", "/access"))

    assert 'class="reads"' in page.text
    assert 'href="/diagnose"' not in page.text
    assert refused.status_code == 403
    assert "this one has read" in refused.text
    assert refused.headers["content-type"].startswith("text/html")
    assert browser.get("/access").json()["code"] == "scope_too_narrow"
    for form in ("/new", "/diagnose"):
        assert "this one has read" in browser.get(form, headers=PAGE).text
    sign_in(browser, "first")
    assert 'class="reads"' not in browser.get("/", headers=PAGE).text


def test_reader_is_pointed_to_no_button(browser: TestClient, store: Database) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    insights = some_insights(next_space={"layers": 2}).model_dump(mode="json")
    remarks = ["Continue it with the proposed space, insights.next_space."]
    with store.transaction() as session:
        record_outcome(session, fence, phase=None, insights=insights, remarks=remarks)
        finish_job(session, fence, state=JobState.cancelled)
        reader = create_token(session, NewToken(name="x", scope=Scope.read))

    for secret, has_button in ((reader.secret, False), ("first", True)):
        sign_in(browser, secret)
        text = browser.get(f"/jobs/{job}", headers=PAGE).text
        assert ("by the button below" in text) == has_button
        assert ("Continue with layers 2<" in text) == has_button


def test_program_has_no_session_to_see_another_project_in(browser: TestClient) -> None:
    answer = browser.post("/access/projects/vision/see", headers={"Authorization": "Bearer first"})

    assert answer.status_code == 401
    assert "sign in with a browser" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("POST", "/login", 303, "signed in"),
        ("POST", "/v1/tokens/tok_1/revoke", 200, "revoked the token tok_1"),
        ("DELETE", "/v1/jobs/job_1", 204, "deleted the job job_1"),
        ("POST", "/v1/jobs", 401, "was refused: POST /v1/jobs"),
        ("POST", "/v1/jobs", 403, "was refused: POST /v1/jobs"),
        ("POST", "/v1/jobs", 422, "failed (422): POST /v1/jobs"),
        ("DELETE", "/v1/jobs/job_1", 404, "failed (404): DELETE /v1/jobs/job_1"),
        ("POST", "/v1/jobs/job_1/pause", 409, "failed (409): POST /v1/jobs/job_1/pause"),
        ("POST", "/v1/jobs", 500, "failed (500): POST /v1/jobs"),
        ("POST", "/v1/other", 404, "failed (404): POST /v1/other"),
        ("POST", "/v1/other", 200, "POST /v1/other"),
    ],
)
def test_audit_says_in_words_what_was_done(method: str, path: str, status: int, words: str) -> None:
    entry = AuditEntry(
        id="1",
        at=datetime.now(UTC),
        token="t",
        name="Ada",
        project="default",
        peer="::1",
        method=method,
        path=path,
        status=status,
    )

    assert describe_action(entry) == words
    assert describe_action(entry.model_copy(update={"name": ""})) == "was refused"


def test_every_change_that_the_api_makes_has_words(browser: TestClient) -> None:
    routes = browser.get("/openapi.json", headers={"Authorization": "Bearer first"}).json()["paths"]
    paths = {
        re.sub(r"\{\w+\}", "NAME", path)
        for path, methods in routes.items()
        if methods.keys() & {"post", "delete"}
    }

    silent = {"/v1/jobs/NAME/predict", "/v1/recipes"}
    assert paths - silent <= {path for path, _ in ACTIONS}


def test_every_quota_has_a_label_and_words_with_its_unit() -> None:
    quotas = Quotas(
        max_waiting_jobs=1,
        max_running_jobs=2,
        max_stored_bytes=5_000_000_000,
        uploads_per_minute=60,
        submits_per_minute=30,
        max_age_days=365,
        cpu_seconds_per_30_days=360_000,
    )

    words = describe_quotas(quotas)

    assert list(QUOTA_LABELS) == list(Quotas.model_fields)
    assert words == [
        "1 job may wait",
        "2 jobs may run at once",
        "5 GB of datasets and files",
        "60 uploads a minute",
        "30 submitted jobs a minute",
        "deleted after 365 days",
        "100 h 0 min of processor time in 30 days",
    ]
    assert describe_quotas(Quotas()) == []
