"""What a worker's child inherits."""

from __future__ import annotations

import sys

import pytest

from worker.supervisor.child import Child


def test_child_has_the_database_and_no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWLOSS_TOKENS", "secret")
    monkeypatch.setenv("LOWLOSS_TOKEN", "secret")
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", "sqlite:///x")
    code = "import os; print(sorted(n for n in os.environ if n.startswith('LOWLOSS')), flush=True)"

    child = Child.start([sys.executable, "-c", code])
    output, _ = child.process.communicate(timeout=30)
    child.folder.rmdir()

    assert "LOWLOSS_DATABASE_URL" in output.decode()
    assert "LOWLOSS_TOKEN" not in output.decode()
