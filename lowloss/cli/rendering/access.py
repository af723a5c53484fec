"""Shows projects, tokens and the audit log as tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console

from lowloss.cli.rendering.lists import format_time, print_table
from lowloss.results import AuditEntry, Project, Token
from lowloss.spec import Quotas
from lowloss.wording import DASH, in_words, make_printable


def show_projects(projects: Sequence[Project], console: Console) -> None:
    """Show projects, their quotas, and since when there is each."""
    rows = [
        (project.name, _describe_quotas(project.quotas), format_time(project.created_at))
        for project in projects
    ]
    columns = ("project", "quotas", "created")
    print_table(rows, console, columns=columns, wrapped="quotas", spare=("created",))


def show_tokens(tokens: Sequence[Token], console: Console) -> None:
    """Show tokens, what each may do, and until when."""
    now = datetime.now(UTC)
    rows = [
        (
            token.id,
            make_printable(token.name),
            token.project,
            token.scope.value,
            _describe_end(token, now),
            DASH if token.last_used_at is None else format_time(token.last_used_at),
        )
        for token in tokens
    ]
    columns = ("id", "name", "project", "scope", "valid until", "last used")
    print_table(rows, console, columns=columns, wrapped="name", spare=("last used", "project"))


def show_entries(entries: Sequence[AuditEntry], console: Console) -> None:
    """Show who did what, when and from where."""
    rows = [
        (
            format_time(entry.at),
            make_printable(entry.name) or "a wrong token",
            entry.project or DASH,
            make_printable(f"{entry.method} {entry.path}"),
            str(entry.status),
            make_printable(entry.peer),
        )
        for entry in entries
    ]
    columns = ("when", "who", "project", "what", "status", "from")
    print_table(
        rows, console, columns=columns, wrapped="what", spare=("from", "project"), min_width=40
    )


def _describe_quotas(quotas: Quotas) -> str:
    bounds = [f"{in_words(name)} {value:,}" for name, value in quotas if value is not None]
    return "\n".join(bounds) or "none"


def _describe_end(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at is None:
        return "no end"
    day = format_time(token.expires_at)
    return f"{day}\n(over)" if token.expires_at <= now else day
