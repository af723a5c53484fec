"""Checks that a command's optional packages are installed."""

from __future__ import annotations

import importlib.util

from lowloss.errors import InvalidRequest


def require_extra(
    extra: str, *modules: str, detail: str, field: str | None = None, alternative: str = ""
) -> None:
    """Raise InvalidRequest with the command to run unless all modules of an extra are installed.

    No module is imported. `alternative` says what else the user can do.
    """
    if all(importlib.util.find_spec(module) is not None for module in modules):
        return
    fix = f'pip install "lowloss[{extra}]"'
    if alternative:
        fix = f"{fix}, or {alternative}"
    raise InvalidRequest(detail, field=field, fix=fix)
