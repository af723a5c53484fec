"""The problems of a server by their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowloss.errors import Problem, UnknownProblem


def _collect_problems(parent: type[Problem]) -> dict[str, type[Problem]]:
    problems: dict[str, type[Problem]] = {}
    for problem in parent.__subclasses__():
        problems |= {problem.code: problem} | _collect_problems(problem)
    return problems


PROBLEMS = _collect_problems(Problem)
"""Every problem code and its class."""


def problem_from_document(document: Mapping[str, Any]) -> Problem:
    """Build the problem that a problem details document describes."""
    problem = PROBLEMS.get(str(document.get("code")), UnknownProblem)
    return problem(
        str(document.get("detail") or document.get("title") or "no detail given"),
        field=document.get("field"),
        fix=document.get("fix"),
        errors=tuple(document.get("errors", ())),
    )
