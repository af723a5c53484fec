"""Tokens over HTTP: the first one, what each scope allows, and the end of one."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from lowloss.spec import Scope
from service.access import tokens as access_tokens
from service.app import create_app
from service.settings import Settings
from tests.unit.service.api.conftest import URL


def make_token(client: TestClient, **fields: Any) -> Any:
    answer = client.post("/v1/tokens", json={"name": "a token"} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def bearer(token: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['secret']}"}


def test_first_admin_is_made_where_no_token_is_asked_for_which_ends_with_it(
    client: TestClient,
) -> None:
    refused = client.post("/v1/tokens", json={"name": "me", "scope": "submit"})
    assert (refused.status_code, refused.json()["field"]) == (422, "scope")
    assert client.get("/v1/jobs").status_code == 200

    admin = make_token(client, scope="admin")

    assert client.get("/v1/jobs").status_code == 401
    assert client.get("/v1/jobs", headers=bearer(admin)).status_code == 200
    assert client.get("/v1/tokens", headers=bearer(admin)).json()["items"][0]["last_used_at"]
    assert client.get("/healthz").status_code == 200


def test_server_hears_of_a_token_that_another_process_made(
    client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_tokens, "LOOK_SECONDS", 0.0)
    assert client.get("/v1/jobs").status_code == 200

    with TestClient(create_app(settings), URL) as other:
        make_token(other, scope="admin")

    assert client.get("/v1/jobs").status_code == 401


def test_secret_is_shown_once_and_kept_by_no_cache(client: TestClient) -> None:
    answer = client.post("/v1/tokens", json={"name": "first", "scope": "admin"})

    admin = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert admin["secret"] not in client.get("/v1/tokens", headers=bearer(admin)).text


@pytest.mark.parametrize("scope", list(Scope))
def test_scope_says_what_a_token_may_do(client: TestClient, scope: Scope) -> None:
    admin = make_token(client, scope="admin")
    client.headers |= bearer(admin)
    client.headers |= bearer(make_token(client, scope=scope))
    requests = {
        Scope.read: [("GET", "/v1/jobs"), ("POST", "/v1/jobs/x/predict"), ("GET", "/")],
        Scope.submit: [("POST", "/v1/jobs"), ("DELETE", "/v1/jobs/x"), ("POST", "/v1/recipes")],
        Scope.admin: [("GET", "/v1/tokens"), ("POST", "/v1/projects"), ("GET", "/metrics")],
    }

    for needed, sent in requests.items():
        for method, path in sent:
            answer = client.request(method, path)

            if scope.includes(needed):
                assert answer.status_code not in {401, 403}, path
            else:
                assert answer.status_code == 403, path
                assert answer.json()["code"] == "scope_too_narrow"
                assert f"the scope {needed}" in answer.json()["detail"]


def test_token_that_has_ended_is_not_made_and_one_without_a_zone_neither(
    client: TestClient,
) -> None:
    for end in ("2020-01-01T00:00:00Z", "2090-01-01T00:00:00"):
        fields = {"name": "late", "scope": "admin", "expires_at": end}

        answer = client.post("/v1/tokens", json=fields)

        assert (answer.status_code, answer.json()["field"]) == (422, "expires_at")


def test_revoked_token_is_refused_with_the_next_request(client: TestClient) -> None:
    client.headers |= bearer(make_token(client, scope="admin"))
    token = make_token(client)
    assert client.get("/v1/jobs", headers=bearer(token)).status_code == 200

    revoked = client.post(f"/v1/tokens/{token['id']}/revoke").json()

    assert revoked["revoked_at"]
    answer = client.get("/v1/jobs", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_browser_signs_in_with_a_token_of_the_store_and_is_out_with_its_end(
    client: TestClient,
) -> None:
    admin = make_token(client, scope="admin")
    own = {"Origin": URL}
    answer = client.post("/login", data={"token": admin["secret"]}, headers=own)
    assert answer.status_code == 200
    assert "Sign out" in answer.text
    assert client.get("/v1/jobs").status_code == 200

    client.post(f"/v1/tokens/{admin['id']}/revoke", headers=own)

    assert client.get("/v1/jobs").status_code == 401


def test_tokens_of_the_setting_have_every_scope_beside_those_of_the_store(
    settings: Settings,
) -> None:
    app = create_app(settings.model_copy(update={"tokens": (SecretStr("old"),)}))
    with TestClient(app, URL, headers={"Authorization": "Bearer old"}) as client:
        token = make_token(client, scope="read")
        other = make_token(client, scope="admin")

        assert client.get("/v1/projects").json()["items"][0]["name"] == "default"
        assert client.get("/v1/projects", headers=bearer(token)).status_code == 403
        assert client.get("/v1/projects", headers=bearer(other)).status_code == 200


def test_token_is_valid_where_its_use_cannot_be_recorded(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = make_token(client, scope="admin")

    def fail(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(access_tokens, "record_use", fail)

    assert client.get("/v1/jobs", headers=bearer(admin)).status_code == 200
