"""Each request has an id, which its client, its problem and the log have; and a line of the log."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from lowloss.processes.logs import JsonLines
from service.app import create_app
from service.settings import Settings
from tests.builders.processes import wait_for
from tests.builders.server_process import TOKEN, a_server_process

MADE = re.compile(r"[0-9a-f]{16}")


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/job_none", "/", "/healthz", "/nowhere"])
def test_id_of_a_request_comes_back_and_is_made_where_there_is_none(
    client: TestClient, path: str
) -> None:
    named = client.get(path, headers={"X-Request-ID": "proxy-7.a_B"})
    unnamed = [client.get(path).headers["X-Request-ID"] for _ in range(2)]

    assert named.headers["X-Request-ID"] == "proxy-7.a_B"
    assert all(map(MADE.fullmatch, unnamed))
    assert unnamed[0] != unnamed[1]


@pytest.mark.parametrize("brought", ["", "a" * 65, "a b", "a\tb", "<x>", "a,b", "ä"])
def test_id_that_is_no_plain_token_is_replaced(client: TestClient, brought: str) -> None:
    answer = client.get("/healthz", headers={b"X-Request-ID": brought.encode("latin-1")})

    assert MADE.fullmatch(answer.headers["X-Request-ID"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/jobs/job_none"), ("PUT", "/v1/jobs"), ("GET", "/v1/jobs?limit=x")],
)
def test_problem_has_the_id_of_its_request(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path, headers={"X-Request-ID": "mine"})

    assert answer.status_code >= 400
    assert answer.json()["request_id"] == "mine"


def test_entry_of_a_failed_request_has_its_id(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[dict[str, Any]] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonLines().format(record)))

    handler = Collect()
    logging.getLogger("service").addHandler(handler)
    app.state.resources.database.close()
    app.state.resources.database.reading = None
    try:
        answer = client.get("/v1/jobs", headers={"X-Request-ID": "mine"})
    finally:
        logging.getLogger("service").removeHandler(handler)

    assert (answer.status_code, answer.json()["request_id"]) == (500, "mine")
    (line,) = [line for line in lines if line["message"] == "a request failed"]
    assert line["request"] == "mine"
    assert "TypeError" in line["error"]


def access_lines(settings: Settings, caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What the log has of four requests."""
    token = {"Authorization": "Bearer secret"}
    with (
        caplog.at_level(logging.INFO, "lowloss.access"),
        TestClient(create_app(settings), "http://127.0.0.1", client=("192.0.2.7", 1)) as client,
    ):
        client.get("/v1/jobs/job_none?x=secret", headers=token)
        client.get("/v1/jobs", headers={"Authorization": "Bearer wrong"})
        client.get("/healthz")
        client.post("/nowhere/secret", headers=token)
    return [
        json.loads(JsonLines().format(record))
        for record in caplog.records
        if record.name == "lowloss.access"
    ]


def test_access_log_has_a_line_a_request_and_no_secret(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {"tokens": (SecretStr("secret"),), "access_log": True}

    lines = access_lines(settings.model_copy(update=changes), caplog)

    keys = ("method", "route", "status", "token", "peer")
    assert [tuple(line[key] for key in keys) for line in lines] == [
        ("GET", "/v1/jobs/{job_id}", 422, "LOWLOSS_TOKENS[0]", "192.0.2.7"),
        ("GET", "none", 401, "", "192.0.2.7"),
        ("GET", "/healthz", 200, "", "192.0.2.7"),
        ("POST", "none", 404, "LOWLOSS_TOKENS[0]", "192.0.2.7"),
    ]
    assert all(0 < line["ms"] < 60_000 for line in lines)
    assert "secret" not in json.dumps(lines)
    assert "wrong" not in json.dumps(lines)


def test_no_request_is_logged_unless_that_is_wanted(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {"tokens": (SecretStr("secret"),)}

    assert access_lines(settings.model_copy(update=changes), caplog) == []


def test_every_line_of_a_real_server_is_json_with_the_ids(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        log.open("wb") as errors,
        a_server_process(
            tmp_path / "data",
            stderr=errors,
            LOWLOSS_LOG_FORMAT="json",
            LOWLOSS_ACCESS_LOG="true",
            LOWLOSS_TOKENS=TOKEN,
        ) as server,
        server.client(TOKEN) as client,
    ):
        client.get("/v1/jobs", headers={"X-Request-ID": "mine"})
        # The line is written after the response.
        wait_for(lambda: "lowloss.access" in log.read_text(), seconds=20)

    lines = [json.loads(line) for line in log.read_text().splitlines()]

    (line,) = [line for line in lines if line["logger"] == "lowloss.access"]
    assert (line["request"], line["status"], line["level"]) == ("mine", 200, "info")
    assert line["time"].endswith("+00:00")


def test_format_that_is_none_is_refused_with_the_variable() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service.app"],
        env={"LOWLOSS_LOG_FORMAT": "xml", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert done.stderr.startswith("lowloss: LOWLOSS_LOG_FORMAT: ")
