"""`lowloss projects` and `lowloss tokens`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from typer.testing import Result

from lowloss.results import CreatedToken, Project, Token
from lowloss.spec import Quotas, Scope
from tests.builders.scripted_server import NOON, Server, a_json, a_page

Run = Callable[..., Result]


def a_token(**fields: Any) -> Token:
    values: dict[str, Any] = {
        "id": "tok_1",
        "name": "Ada",
        "project": "vision",
        "scope": Scope.submit,
        "created_at": NOON,
        "expires_at": None,
        "revoked_at": None,
        "last_used_at": None,
    }
    return Token(**values | fields)


def test_create_prints_the_secret_alone_on_its_line(run: Run) -> None:
    created = CreatedToken(secret="lowloss_s", **a_token().model_dump())
    server = Server(a_json(created, status=201))

    result = run(
        *("tokens", "create", "Ada", "--project", "vision", "--scope", "read"),
        *("--until", "2030-01-01"),
        server=server,
    )

    assert result.stdout == "lowloss_s\n"
    assert "not shown again" in result.stderr
    assert json.loads(server.bodies[0]) == {
        "name": "Ada",
        "project": "vision",
        "scope": "read",
        "expires_at": "2030-01-01T00:00:00+00:00",
    }


def test_list_says_until_when_each_token_is_valid(run: Run) -> None:
    tokens = (
        a_token(),
        a_token(id="tok_2", revoked_at=NOON),
        a_token(id="tok_3", expires_at=NOON.replace(year=2000), last_used_at=NOON),
    )

    shown = run("tokens", "list", server=Server(a_page(*tokens)))

    for part in ("tok_1", "no end", "tok_2", "2000-11-23", "(over)", "2026-11-23"):
        assert part in shown.stdout


def test_revoke_and_projects_say_what_was_done(run: Run) -> None:
    project = Project(name="vision", created_at=NOON, quotas=Quotas(max_running_jobs=2))

    revoked = run("tokens", "revoke", "tok_1", server=Server(a_json(a_token(revoked_at=NOON))))
    made = run("projects", "create", "vision", server=Server(a_json(project, status=201)))
    listed = run("projects", "list", server=Server(a_page(project)))
    setting = Server(a_json(project))
    bounds = ("--running", "2", "--age-days", "90", "--cpu-seconds", "5")
    changed = run("projects", "quotas", "vision", *bounds, server=setting)
    as_data = run("projects", "list", "--json", server=Server(a_page(project)))

    assert revoked.stdout == "tok_1 revoked\n"
    assert made.stdout == "vision\n"
    assert "max running jobs 2" in listed.stdout
    assert "max running jobs 2" in changed.stdout
    assert json.loads(setting.bodies[0])["max_running_jobs"] == 2
    assert json.loads(setting.bodies[0])["max_age_days"] == 90
    assert json.loads(setting.bodies[0])["cpu_seconds_per_30_days"] == 5
    assert json.loads(setting.bodies[0])["max_waiting_jobs"] is None
    assert json.loads(as_data.stdout)[0]["name"] == "vision"
