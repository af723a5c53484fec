"""What is asked for when a project or a token is made."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from lowloss.spec.parts import Spec, Text

DEFAULT_PROJECT = "default"
"""The project that always exists: that of LOWLOSS_TOKENS, and of a server without tokens."""

ProjectName = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
"""Small letters, digits and hyphens, at most 63: what fits into an address."""


class Scope(StrEnum):
    """What a token allows; each scope includes those before it."""

    read = "read"
    submit = "submit"
    admin = "admin"

    def includes(self, needed: Scope) -> bool:
        """Return whether this scope allows what needs another one."""
        scopes = list(Scope)
        return scopes.index(self) >= scopes.index(needed)


MAX_QUOTA = 2**53 - 1
Count = Annotated[int, Field(ge=0, le=MAX_QUOTA)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class Quotas(Spec):
    """What a project may have and send at most; null is without a bound.

    Jobs that wait are queued or paused. Stored bytes are those of its datasets and artifacts. What
    is older than `max_age_days` is deleted: jobs since their end, datasets that no job has since
    they were last uploaded, or read anew.
    """

    max_waiting_jobs: Count | None = None
    max_running_jobs: Count | None = None
    max_stored_bytes: Count | None = None
    uploads_per_minute: Count | None = None
    submits_per_minute: Count | None = None
    max_age_days: Days | None = None
    cpu_seconds_per_30_days: Count | None = None


class NewProject(Spec):
    """A project to be made."""

    name: ProjectName
    quotas: Quotas = Quotas()


class NewToken(Spec):
    """A token to be made; without `expires_at` it is valid until it is revoked."""

    name: Annotated[Text, Field(min_length=1, max_length=200)]
    project: ProjectName = DEFAULT_PROJECT
    scope: Scope = Scope.submit
    expires_at: AwareDatetime | None = None
