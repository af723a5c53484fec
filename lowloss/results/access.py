"""Projects and tokens."""

from __future__ import annotations

from datetime import datetime

from lowloss.results.parts import Result
from lowloss.spec.access import Scope


class Project(Result):
    """Whose datasets and jobs: what is in one project, tokens of others do not see."""

    name: str
    created_at: datetime


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
