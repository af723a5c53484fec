"""Which of many alike cases run in `make test`, and which in `make test-all` alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def slow_but(values: Iterable[Any], fast: Collection[Any]) -> list[Any]:
    """Return parameters, or tuples of them, of which all but the fast ones are marked slow."""

    def marked(value: Any) -> Any:
        parameters = value if isinstance(value, tuple) else (value,)
        return value if value in fast else pytest.param(*parameters, marks=pytest.mark.slow)

    return [marked(value) for value in values]
