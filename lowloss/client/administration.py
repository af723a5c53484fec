"""What the client asks as an admin: projects, tokens, the audit log and workers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lowloss.client.retries import Retries
from lowloss.results import AuditEntry, CreatedToken, Project, Token, Worker
from lowloss.spec import DEFAULT_PROJECT, Scope


class Administration:
    """The requests of a Client that need a token with the scope `admin`."""

    _retries: Retries

    def projects(self) -> Iterator[Project]:
        """Yield every project by name."""
        return self._retries.read_pages("/v1/projects", Project)

    def create_project(self, name: str, **quotas: int | None) -> Project:
        """Make a project, whose `quotas` are fields of `lowloss.spec.Quotas`."""
        body = {"name": name, "quotas": quotas}
        return self._retries.read("POST", "/v1/projects", Project, json=body, attempts=1)

    def set_quotas(self, project: str, **quotas: int | None) -> Project:
        """Replace the quotas of a project; those that are left out have no bound any more."""
        path = f"/v1/projects/{project}/quotas"
        return self._retries.read("POST", path, Project, json=quotas)

    def tokens(self) -> Iterator[Token]:
        """Yield the tokens of all projects, newest first; revoked ones, too."""
        return self._retries.read_pages("/v1/tokens", Token)

    def create_token(
        self,
        name: str,
        *,
        project: str = DEFAULT_PROJECT,
        scope: Scope | str = Scope.submit,
        expires_at: datetime | None = None,
    ) -> CreatedToken:
        """Make a token of a project; its `secret` is in this response alone."""
        end = None if expires_at is None else expires_at.isoformat()
        body = {"name": name, "project": project, "scope": scope, "expires_at": end}
        return self._retries.read("POST", "/v1/tokens", CreatedToken, json=body, attempts=1)

    def revoke_token(self, token_id: str) -> Token:
        """End a token for ever: the next request with it is refused."""
        return self._retries.read("POST", f"/v1/tokens/{token_id}/revoke", Token)

    def audit(self, project: str | None = None) -> Iterator[AuditEntry]:
        """Yield who changed what, and which tokens were refused, newest first; of all projects."""
        params = {} if project is None else {"project": project}
        return self._retries.read_pages("/v1/audit", AuditEntry, params)

    def workers(self) -> Iterator[Worker]:
        """Yield workers, the one that was started last first, and what each runs."""
        return self._retries.read_pages("/v1/workers", Worker)
