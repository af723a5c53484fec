"""What is of one project, nobody of another sees: each route, for each scope.

The requests are made from the OpenAPI document, so that a new route cannot be forgotten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lowloss.results import JobState
from lowloss.spec import DEFAULT_PROJECT, Scope
from service.access import wrong_tokens
from service.app import create_app
from service.settings import Settings
from service.store.database import Database
from service.store.queue import finish_job
from tests.builders.live_server import a_csv, count_rows
from tests.builders.store import a_claim, a_parsed_csv, a_trial, add_diagnosis, an_artifact
from tests.unit.service.api.conftest import URL

NEEDED = {
    "GET /v1/datasets": Scope.read,
    "POST /v1/datasets": Scope.submit,
    "GET /v1/datasets/{dataset_id}": Scope.read,
    "DELETE /v1/datasets/{dataset_id}": Scope.submit,
    "POST /v1/datasets/{dataset_id}/reread": Scope.submit,
    "GET /v1/jobs": Scope.read,
    "POST /v1/jobs": Scope.submit,
    "GET /v1/jobs/{job_id}": Scope.read,
    "DELETE /v1/jobs/{job_id}": Scope.submit,
    "POST /v1/jobs/{job_id}/cancel": Scope.submit,
    "POST /v1/jobs/{job_id}/pause": Scope.submit,
    "POST /v1/jobs/{job_id}/resume": Scope.submit,
    "POST /v1/jobs/{job_id}/continue": Scope.submit,
    "POST /v1/jobs/{job_id}/priority": Scope.submit,
    "GET /v1/jobs/{job_id}/trials": Scope.read,
    "GET /v1/jobs/{job_id}/trials/{number}": Scope.read,
    "GET /v1/jobs/{job_id}/events": Scope.read,
    "GET /v1/jobs/{job_id}/artifacts": Scope.read,
    "GET /v1/jobs/{job_id}/artifacts/{name}": Scope.read,
    "GET /v1/jobs/{job_id}/best-model": Scope.read,
    "GET /v1/jobs/{job_id}/diagnosis": Scope.read,
    "POST /v1/jobs/{job_id}/predict": Scope.read,
    "POST /v1/diagnoses": Scope.submit,
    "POST /v1/recipes": Scope.submit,
    "POST /v1/projects": Scope.admin,
    "GET /v1/projects": Scope.admin,
    "POST /v1/projects/{project}/quotas": Scope.admin,
    "POST /v1/tokens": Scope.admin,
    "GET /v1/tokens": Scope.admin,
    "POST /v1/tokens/{token_id}/revoke": Scope.admin,
    "GET /v1/audit": Scope.admin,
    "GET /v1/workers": Scope.admin,
    "GET /metrics": Scope.admin,
}
"""The scope that each route needs; the probes need no token."""
PROBES = {"GET /healthz", "GET /readyz"}
BODIES: dict[str, Any] = {
    "POST /v1/jobs/{job_id}/priority": {"priority": 3},
    "POST /v1/jobs/{job_id}/predict": {"rows": [{"x": 1.0}]},
    "POST /v1/projects": {"name": "another"},
    "POST /v1/projects/{project}/quotas": {},
    "POST /v1/tokens": {"name": "another"},
}


@dataclass(frozen=True)
class Owner:
    """A project with a dataset, a finished job and a token of each scope."""

    project: str
    tokens: dict[Scope, str]
    dataset: str = ""
    job: str = ""
    secrets: tuple[str, ...] = field(default=())
    """What only this project may ever read."""


@contextmanager
def admitted(app: FastAPI) -> Iterator[TestClient]:
    """A client of a server, with the token of its first admin."""
    with TestClient(app, URL, raise_server_exceptions=False) as opened:
        opened.headers["Authorization"] = f"Bearer {make_token(opened, scope=Scope.admin)}"
        yield opened


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with admitted(app) as opened:
        yield opened


def make_token(client: TestClient, **fields: Any) -> str:
    answer = client.post("/v1/tokens", json={"name": "token"} | fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def an_owner(client: TestClient, store: Database, project: str, number: int) -> Owner:
    """A project whose job has all that a job can have."""
    if project != DEFAULT_PROJECT:
        assert client.post("/v1/projects", json={"name": project}).status_code == 201
    tokens = {scope: make_token(client, project=project, scope=scope) for scope in Scope}
    name = f"table-of-{project}"
    dataset = a_parsed_csv(store, a_csv(), name=name, project=project)
    spec = {"dataset": dataset, "target": "y", "name": f"job-of-{project}"}
    headers = bearer(tokens[Scope.submit]) | {"Idempotency-Key": "monday"}
    job = str(client.post("/v1/jobs", json=spec, headers=headers).json()["id"])
    fence = a_claim(store).fence
    assert fence.job_id == job
    a_trial(store, fence, 1, score=float(number))
    add_diagnosis(store, fence)
    an_artifact(store, fence, project.encode(), name=f"artifact-of-{project}")
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    secrets = (dataset, job, name, f"job-of-{project}", f"artifact-of-{project}")
    return Owner(project, tokens, dataset, job, secrets)


@pytest.fixture
def owners(app: FastAPI, client: TestClient) -> tuple[Owner, Owner]:
    store: Database = app.state.resources.database
    return an_owner(client, store, DEFAULT_PROJECT, 7), an_owner(client, store, "vision", 8)


def operations(app: FastAPI) -> list[str]:
    paths = app.openapi()["paths"]
    return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]


def address_of(route: str, owner: Owner, *, number: int = 1) -> str:
    values = {
        "job_id": owner.job,
        "dataset_id": owner.dataset,
        "number": str(number),
        "name": f"artifact-of-{owner.project}",
        "token_id": "tok_none",
        "project": owner.project,
    }
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], route.partition(" ")[2])


def body_of(route: str, owner: Owner) -> dict[str, Any]:
    """What a route takes; of its owner where it names something."""
    if route == "POST /v1/datasets":
        return {"content": a_csv(41)}
    if route == "POST /v1/jobs":
        return {"json": {"dataset": owner.dataset, "target": "y", "warm_start_from": [owner.job]}}
    if route == "POST /v1/diagnoses":
        recipe = {"layers": [{"units": 1}], "loss": "mse"}
        return {"json": {"dataset": owner.dataset, "target": "y", "recipe": recipe}}
    if route == "POST /v1/jobs/{job_id}/continue":
        return {"json": {}}
    return {"json": BODIES[route]} if route in BODIES else {}


def send(client: TestClient, route: str, owner: Owner, token: str) -> Any:
    method = route.partition(" ")[0]
    address, body = address_of(route, owner), body_of(route, owner)
    # The same id for all: problems have it.
    headers = bearer(token) | {"X-Request-ID": "probe"}
    return client.request(method, address, headers=headers, **body)


def test_every_route_has_its_scope(app: FastAPI) -> None:
    assert set(operations(app)) == set(NEEDED) | PROBES


def test_every_route_asks_every_token_for_its_scope(
    client: TestClient, owners: tuple[Owner, Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    # It sends more wrong tokens than an address may.
    monkeypatch.setattr(wrong_tokens, "MAX_WRONG", 1000)
    own = owners[1]
    revoked = client.post(
        "/v1/tokens", json={"name": "x", "project": "vision", "scope": "admin"}
    ).json()
    client.post(f"/v1/tokens/{revoked['id']}/revoke")

    # What deletes comes last.
    for route, needed in sorted(NEEDED.items(), key=lambda item: "DELETE" in item[0]):
        for scope, token in own.tokens.items():
            status = send(client, route, own, token).status_code
            if scope.includes(needed):
                assert status < 500, f"{route} as {scope}: {status}"
                assert status not in {401, 403}, f"{route} as {scope}: {status}"
            else:
                assert status == 403, f"{route} as {scope}: {status}"
        for token in (revoked["secret"], "wrong", ""):
            assert send(client, route, own, token).status_code == 401, route
    for route in PROBES:
        assert send(client, route, own, "").status_code == 200


def test_no_route_does_anything_with_what_is_of_another_project(
    database_url: str, tmp_path: Path
) -> None:
    app = create_app(Settings(data_dir=tmp_path, database_url=database_url))
    store: Database = app.state.resources.database
    with admitted(app) as client:
        other, own = (
            an_owner(client, store, project, number)
            for number, project in enumerate((DEFAULT_PROJECT, "vision"))
        )
        _try_everything(app, client, other, own)


def _try_everything(app: FastAPI, client: TestClient, other: Owner, own: Owner) -> None:
    store: Database = app.state.resources.database
    missing = Owner(other.project, own.tokens, "ds_none", "job_none")
    routes = [route for route in operations(app) if "{job_id}" in route or "{dataset_id}" in route]
    routes += ["POST /v1/jobs", "POST /v1/diagnoses"]
    before = count_rows(store)

    for route in routes:
        for token in own.tokens.values():
            foreign, absent = (send(client, route, owner, token) for owner in (other, missing))

            # It is as if it did not exist: the same status, and the same words around another id.
            assert foreign.status_code in {403, 404, 422}, f"{route}: {foreign.status_code}"
            texts = [
                foreign.text.replace(other.job, "ID").replace(other.dataset, "ID"),
                absent.text.replace("job_none", "ID").replace("ds_none", "ID"),
            ]
            assert foreign.status_code == absent.status_code, route
            assert texts[0] == texts[1], route
    assert count_rows(store) == before
    assert len(routes) == 20


def test_each_project_has_what_is_its_own(
    app: FastAPI, client: TestClient, owners: tuple[Owner, Owner]
) -> None:
    for own, other in (owners, owners[::-1]):
        token = own.tokens[Scope.read]
        for route, needed in NEEDED.items():
            if needed is not Scope.read or "predict" in route or "best-model" in route:
                continue
            answer = send(client, route, own, token)

            assert answer.status_code == 200, f"{route}: {answer.text}"
            for secret in other.secrets:
                assert secret not in answer.text, route


@pytest.mark.parametrize("kind", ["jobs", "datasets"])
def test_lists_of_a_project_lead_to_no_other(
    client: TestClient, owners: tuple[Owner, Owner], kind: str
) -> None:
    own, other = (
        client.get(f"/v1/{kind}", headers=bearer(owner.tokens[Scope.read])).json()
        for owner in owners
    )
    page = client.get(f"/v1/{kind}?limit=1", headers=bearer(owners[0].tokens[Scope.read])).json()
    sought = client.get(
        f"/v1/{kind}",
        params={"name": owners[1].secrets[0 if kind == "datasets" else 1]},
        headers=bearer(owners[0].tokens[Scope.read]),
    ).json()

    assert [len(own["items"]), len(other["items"])] == [1, 1]
    assert own["items"][0]["id"] != other["items"][0]["id"]
    # Of two rows in the table a page of one would lead on to the other.
    assert page["next"] is None
    assert sought["items"] == []


def test_a_key_of_one_project_is_free_in_another(
    client: TestClient, owners: tuple[Owner, Owner]
) -> None:
    jobs = set()
    for owner in owners:
        headers = bearer(owner.tokens[Scope.submit]) | {"Idempotency-Key": "monday"}
        spec = {"dataset": owner.dataset, "target": "y", "name": f"job-of-{owner.project}"}
        jobs.add(client.post("/v1/jobs", json=spec, headers=headers).json()["id"])

    assert jobs == {owner.job for owner in owners}


def test_job_of_another_project_is_not_told_by_its_etag(
    client: TestClient, owners: tuple[Owner, Owner]
) -> None:
    other, own = owners
    read = bearer(other.tokens[Scope.read])
    etag = client.get(f"/v1/jobs/{other.job}", headers=read).headers["etag"]
    # The server knows the job by heart now.
    assert client.get(f"/v1/jobs/{other.job}", headers=read).status_code == 200

    for tag in (etag, "*"):
        headers = bearer(own.tokens[Scope.read]) | {"If-None-Match": tag}
        assert client.get(f"/v1/jobs/{other.job}", headers=headers).status_code == 404
        assert client.get(f"/v1/jobs/{other.job}?wait=1", headers=headers).status_code == 404


def test_the_same_bytes_are_new_to_each_project_and_one_blob(
    app: FastAPI, client: TestClient, owners: tuple[Owner, Owner]
) -> None:
    other, own = owners
    store: Database = app.state.resources.database
    assert other.dataset != own.dataset
    blobs = count_rows(store)["blobs"]

    headers = bearer(own.tokens[Scope.submit])
    client.post("/v1/projects", json={"name": "third"})
    third = bearer(make_token(client, project="third"))
    assert client.post("/v1/datasets", content=a_csv(), headers=third).status_code == 201
    again = client.post("/v1/datasets?name=again", content=a_csv(), headers=headers)
    assert again.status_code == 200
    assert again.json()["names"] == ["table-of-vision", "again"]
    client.delete(f"/v1/jobs/{own.job}", headers=headers)
    assert client.delete(f"/v1/datasets/{own.dataset}", headers=headers).status_code == 204

    read = client.get(f"/v1/datasets/{other.dataset}", headers=bearer(other.tokens[Scope.read]))
    assert read.json()["names"] == ["table-of-default"]
    assert count_rows(store)["blobs"] == blobs


def test_place_in_the_queue_is_among_the_jobs_of_its_project(
    client: TestClient, owners: tuple[Owner, Owner]
) -> None:
    for owner in owners:
        spec = {"dataset": owner.dataset, "target": "y"}
        headers = bearer(owner.tokens[Scope.submit])

        assert client.post("/v1/jobs", json=spec, headers=headers).json()["queue_position"] == 1


PAGES = (
    *("/", "/queue", "/datasets", "/new", "/diagnose", "/datasets/{dataset}", "/jobs/{job}"),
    *("/jobs/{job}/history", "/jobs/{job}/diagnosis", "/jobs/{job}/files/report.html"),
    *("/jobs/{job}/trials", "/jobs/{job}/trials/1", "/jobs/{job}/predict", "/new?from={job}"),
    *("/new?dataset={dataset}&target=y", "/diagnose?dataset={dataset}", "/compare?job={job}"),
)


def test_pages_show_nothing_of_another_project(
    client: TestClient, owners: tuple[Owner, Owner]
) -> None:
    other, own = owners
    headers = bearer(own.tokens[Scope.admin])
    values = {"job": other.job, "dataset": other.dataset}

    for page in PAGES:
        address = page.format(**values)
        answer = client.get(address, headers=headers)

        # A page may repeat the id that it was asked for.
        names = [name for name in other.secrets if name not in values.values()]
        assert [name for name in names if name in answer.text] == [], page
        if page.startswith(("/jobs/{job}", "/datasets/{dataset}", "/new?from", "/compare")):
            assert answer.status_code == 404, page


def test_page_of_access_is_for_admins(client: TestClient, owners: tuple[Owner, Owner]) -> None:
    own = owners[1]
    reader, admin = (bearer(own.tokens[scope]) for scope in (Scope.read, Scope.admin))

    shown = client.get("/access", headers=admin)

    assert client.get("/access", headers=reader).status_code == 403
    assert 'href="/access"' not in client.get("/", headers=reader).text
    assert 'href="/access"' in client.get("/", headers=admin).text
    for part in ("vision", "POST /v1/projects", "admin", "tok_"):
        assert part in shown.text
    assert own.tokens[Scope.admin] not in shown.text


def test_every_page_is_among_those_that_are_tried(app: FastAPI) -> None:
    from fastapi.routing import iter_route_contexts

    paths = [
        route.path or ""
        for route in iter_route_contexts(app.routes)
        if "GET" in (route.methods or ())
    ]
    hidden = {
        re.sub(r"\{(job|dataset)_id\}", r"{\1}", path).replace("{number}", "1")
        for path in paths
        if not path.startswith("/v1/")
    }
    tried = {page.partition("?")[0].replace("report.html", "{name}") for page in PAGES}
    shared = {"/access", "/login", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"}

    assert hidden - tried - shared == {"/static/{version}/{name}"}
    assert json.dumps(sorted(tried - hidden)) == "[]"
