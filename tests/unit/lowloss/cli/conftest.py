"""A command line whose server is scripted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from lowloss import cli
from tests.builders.scripted_server import Server


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command against a server with the answers that are given."""

    def run_command(*arguments: str, server: Server | None = None) -> Result:
        client = (server or Server()).client()
        monkeypatch.setattr(cli, "Client", lambda url, token: client)
        return CliRunner().invoke(cli.app, list(arguments), prog_name="lowloss")

    return run_command
