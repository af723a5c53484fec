"""The environment of child processes."""

from __future__ import annotations

from collections.abc import Mapping

TOKENS = frozenset({"LOWLOSS_TOKEN", "LOWLOSS_TOKENS"})
"""Settings that only the server needs."""


def without_tokens(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the tokens of clients, however they are spelt."""
    return {name: value for name, value in env.items() if name.upper() not in TOKENS}
