"""Every problem of a server by its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowloss.errors import Problem, UnknownProblem


def _problems(kind: type[Problem]) -> dict[str, type[Problem]]:
    found: dict[str, type[Problem]] = {}
    for each in kind.__subclasses__():
        found |= {each.code: each} | _problems(each)
    return found


PROBLEMS = _problems(Problem)
"""Every problem code and its class."""


def problem_from_document(document: Mapping[str, Any]) -> Problem:
    """The problem that a problem details document tells of."""
    kind = PROBLEMS.get(str(document.get("code")), UnknownProblem)
    return kind(
        str(document.get("detail") or document.get("title") or "no detail given"),
        field=document.get("field"),
        fix=document.get("fix"),
        errors=tuple(document.get("errors", ())),
    )
