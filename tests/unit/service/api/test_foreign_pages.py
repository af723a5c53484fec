"""Who may use a server that asks for no token: this machine's programs, and no other site's page."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from tests.unit.service.api.conftest import URL


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Host": "rebound.evil.example"},
        {"Host": "rebound.evil.example", "Origin": "http://rebound.evil.example"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/v1/jobs", "/healthz"])
def test_pages_of_other_sites_are_refused_where_there_are_no_tokens(
    client: TestClient, headers: dict[str, str], path: str
) -> None:
    answer = client.get(path, headers=headers)

    assert answer.status_code == 403
    assert answer.json()["code"] == "foreign_page"
    assert answer.json()["fix"]


def test_server_that_is_open_to_its_network_has_any_name_and_no_foreign_pages(
    settings: Settings,
) -> None:
    is_open = {"host": "0.0.0.0", "allow_anonymous": "yes-i-mean-it"}
    with TestClient(create_app(settings.model_copy(update=is_open)), "http://our-server") as client:
        own = client.get("/v1/jobs", headers={"Origin": "http://our-server"})
        foreign = client.get("/v1/jobs", headers={"Origin": "https://evil.example"})

    assert (own.status_code, foreign.status_code) == (200, 403)


@pytest.mark.parametrize(
    "headers", [{}, {"Host": "localhost:8000"}, {"Host": "[::1]:8000"}, {"Origin": URL}], ids=str
)
def test_local_programs_and_our_own_pages_are_answered(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert client.get("/v1/jobs", headers=headers).status_code == 200
