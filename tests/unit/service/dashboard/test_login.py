"""Signing in with a token: who gets in, and what other sites cannot do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from service.access.auth import COOKIE
from service.app import create_app
from service.settings import Settings
from tests.unit.service.api.conftest import URL

PAGE = {"Accept": "text/html"}
OWN = {"Origin": URL}


@pytest.fixture
def browser(settings: Settings) -> Iterator[TestClient]:
    """A browser before a server with two tokens, not signed in."""
    tokens = (SecretStr("first"), SecretStr("sécond"))
    app = create_app(settings.model_copy(update={"tokens": tokens}))
    with TestClient(app, URL, follow_redirects=False) as client:
        yield client


def sign_in(browser: TestClient, token: str = "sécond", next_page: str = "/datasets") -> None:
    answer = browser.post("/login", data={"token": token, "next": next_page}, headers=OWN)

    assert answer.status_code == 303


def test_browser_is_led_to_the_login_and_back(browser: TestClient) -> None:
    answer = browser.get("/datasets?cursor=x", headers=PAGE)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/datasets%3Fcursor%3Dx"
    assert 'value="/datasets?cursor=x"' in browser.get(answer.headers["location"]).text


def test_session_opens_pages_and_the_api(browser: TestClient) -> None:
    sign_in(browser)

    assert browser.get("/", headers=PAGE).status_code == 200
    assert browser.get("/v1/jobs").status_code == 200
    assert "Sign out" in browser.get("/", headers=PAGE).text


def test_cookie_is_for_this_site_and_for_no_script(browser: TestClient) -> None:
    answer = browser.post("/login", data={"token": "first"}, headers=OWN)

    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    assert "first" not in cookie


def test_cookie_needs_encryption_where_the_login_had_it(browser: TestClient) -> None:
    headers = OWN | {"X-Forwarded-Proto": "https"}

    answer = browser.post("/login", data={"token": "first"}, headers=headers)

    assert "secure" in answer.headers["set-cookie"].lower()


def test_wrong_token_is_told_and_opens_nothing(browser: TestClient) -> None:
    answer = browser.post("/login", data={"token": "thirdd", "next": "/datasets"}, headers=OWN)

    assert answer.status_code == 401
    assert "no valid token" in answer.text
    assert 'value="/datasets"' in answer.text
    assert COOKIE not in browser.cookies


def test_session_ends_with_sign_out(browser: TestClient) -> None:
    sign_in(browser)

    browser.post("/logout", headers=OWN)

    assert browser.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "x"]
)
def test_login_leads_to_no_other_site(browser: TestClient, target: str) -> None:
    answer = browser.post("/login", data={"token": "first", "next": target}, headers=OWN)

    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": URL},
        {"Sec-Fetch-Site": "same-site", "Origin": URL},
    ],
    ids=str,
)
def test_other_sites_change_nothing_with_a_session(
    browser: TestClient, headers: dict[str, str]
) -> None:
    sign_in(browser)

    for path in ("/v1/jobs/x/cancel", "/logout", "/login"):
        answer = browser.post(path, headers=headers)

        assert answer.status_code == 403, path
    assert browser.get("/v1/jobs").status_code == 200


@pytest.mark.parametrize("headers", [{"Origin": URL}, {"Sec-Fetch-Site": "same-origin"}], ids=str)
def test_own_pages_change_things_with_a_session(
    browser: TestClient, headers: dict[str, str]
) -> None:
    sign_in(browser)

    assert browser.post("/v1/jobs/x/cancel", headers=headers).status_code == 404


def test_session_stands_beside_cookies_of_others(browser: TestClient) -> None:
    sign_in(browser)
    session = f"{COOKIE}={browser.cookies[COOKIE]}"
    browser.cookies.clear()

    for others in ('prefs={"a":1}', "odd", "a=b=c; @=1", 'q="x;y"'):
        answer = browser.get("/v1/jobs", headers={"Cookie": f"{others}; {session}"})

        assert answer.status_code == 200, others


def test_session_stands_beside_the_password_of_a_proxy(browser: TestClient) -> None:
    sign_in(browser)

    answer = browser.get("/v1/jobs", headers={"Authorization": "Basic dXNlcjpwYXNz"})

    assert answer.status_code == 200


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "\t"])
def test_origin_that_is_none_is_refused(browser: TestClient, origin: str) -> None:
    sign_in(browser)

    answer = browser.post("/v1/jobs/x/cancel", headers={"Origin": origin})

    assert answer.status_code == 403


def test_signing_out_twice_leads_to_the_login(browser: TestClient) -> None:
    answer = browser.post("/logout", headers=OWN)

    assert answer.headers["location"] == "/login"


def test_program_with_a_token_needs_no_origin(browser: TestClient) -> None:
    headers = {"Authorization": "Bearer first"}

    assert browser.post("/v1/jobs/x/cancel", headers=headers).status_code == 404


def test_server_without_tokens_has_no_login(client: TestClient) -> None:
    answer = client.get("/login?next=/datasets", follow_redirects=False)

    assert answer.headers["location"] == "/datasets"
    assert "Sign out" not in client.get("/").text
