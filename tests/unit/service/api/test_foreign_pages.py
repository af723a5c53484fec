"""Who may use a server that asks for no token: this machine's programs, and no other site's page."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

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


@pytest.mark.parametrize(
    "headers", [{}, {"Host": "localhost:8000"}, {"Host": "[::1]:8000"}, {"Origin": URL}], ids=str
)
def test_local_programs_and_our_own_pages_are_answered(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert client.get("/v1/jobs", headers=headers).status_code == 200
