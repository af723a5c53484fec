"""Who sends a request: the project whose things a caller sees, and what it may do there."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lowloss.errors import ScopeTooNarrow
from lowloss.results import Token
from lowloss.spec import DEFAULT_PROJECT, Scope

CALLER = "lowloss.caller"
"""Where the scope of a request has its Caller."""
REFUSED = "lowloss.refused"
"""Set in the scope of a request whose token is wrong."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PREDICT = re.compile(r"/v1/jobs/[^/]+/predict")
FORM_PATHS = frozenset({"/new", "/diagnose"})
"""Pages of forms: of no use to who may not send them."""
ADMIN_PATHS = ("/access", "/metrics", "/v1/audit", "/v1/projects", "/v1/tokens", "/v1/workers")
"""The addresses of what belongs to all projects, with those below them."""


@dataclass(frozen=True)
class Caller:
    """Whoever sends a request; `name` is of its token, and `token_id` says which one that is."""

    token_id: str
    name: str
    project: str
    scope: Scope

    def seeing(self, project: str | None) -> Caller:
        """Return an admin who sees a project, unless it is None; others see their own alone."""
        if project is None or self.scope is not Scope.admin:
            return self
        return replace(self, project=project)


LOCAL = Caller("", "a program of this machine", DEFAULT_PROJECT, Scope.admin)
"""The caller of each request where a server has no tokens."""


def caller_of_token(token: Token) -> Caller:
    """Return the caller that has a token."""
    return Caller(token.id, token.name, token.project, token.scope)


def caller_of_setting(position: int) -> Caller:
    """Return the caller that has a token out of LOWLOSS_TOKENS."""
    name = f"LOWLOSS_TOKENS[{position}]"
    return Caller(name, name, DEFAULT_PROJECT, Scope.admin)


def find_needed_scope(method: str, path: str) -> Scope:
    """Return the scope that a request needs.

    A route that nobody thought of here needs `submit` unless it only reads.
    """
    if any(path == admin or path.startswith(f"{admin}/") for admin in ADMIN_PATHS):
        return Scope.admin
    if path in FORM_PATHS:
        return Scope.submit
    if method in SAFE_METHODS or is_prediction(method, path):
        return Scope.read
    return Scope.submit


def is_prediction(method: str, path: str) -> bool:
    """Return whether a request is for predictions: a POST that changes nothing."""
    return method == "POST" and PREDICT.fullmatch(path) is not None


def check_scope(caller: Caller, method: str, path: str) -> None:
    """Raise ScopeTooNarrow where a caller may not send a request."""
    needed = find_needed_scope(method, path)
    if not caller.scope.includes(needed):
        raise ScopeTooNarrow(
            f"this needs a token with the scope {needed}; this one has {caller.scope}",
            field="Authorization",
            fix="ask an admin of this server for a token with that scope",
        )
