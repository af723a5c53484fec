"""Projects, tokens, and who did what with them."""

from __future__ import annotations

from datetime import datetime

from lowloss.results.parts import Result
from lowloss.spec.access import Quotas, Scope


class Project(Result):
    """Whose datasets and jobs: what is in one project, tokens of others do not see."""

    name: str
    created_at: datetime
    quotas: Quotas


class Token(Result):
    """A token without its secret, which nobody stores.

    `last_used_at` is of the minute in which it was used last.
    """

    id: str
    name: str
    project: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class CreatedToken(Token):
    """A new token with its secret, which is shown this once."""

    secret: str


class AuditEntry(Result):
    """A request that could change something, or that was refused for its token.

    `token` is the id of its token; empty where there is none, or a wrong one. `peer` is the address
    that it came from.
    """

    id: str
    at: datetime
    token: str
    name: str
    project: str
    peer: str
    method: str
    path: str
    status: int
