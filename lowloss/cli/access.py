"""`lowloss projects`, `lowloss tokens` and `lowloss audit`: who may use the server, and who did."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import typer

from lowloss.cli.errors import PlainErrors
from lowloss.cli.output import out, print_json
from lowloss.cli.parameters import AsJson
from lowloss.cli.rendering.access import show_entries, show_projects, show_tokens
from lowloss.client.client import Client
from lowloss.results import Project, Token
from lowloss.spec import DEFAULT_PROJECT, Scope

app = typer.Typer(cls=PlainErrors)
projects = typer.Typer(
    cls=PlainErrors,
    help="Make projects and set their quotas; for admins.",
)
tokens = typer.Typer(cls=PlainErrors, help="Make and revoke tokens; for admins.")


@projects.command("create")
def create_project(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    as_json: AsJson = False,
) -> None:
    """Make a project without quotas, for which tokens can be made then."""
    project: Project = ctx.obj.create_project(name)
    print_json(project) if as_json else typer.echo(project.name)


@projects.command("quotas")
def set_quotas(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="PROJECT", help="A project's name.")],
    waiting: Annotated[int | None, typer.Option(min=0, help="Jobs that wait.")] = None,
    running: Annotated[int | None, typer.Option(min=0, help="Jobs that run.")] = None,
    stored_bytes: Annotated[
        int | None, typer.Option(min=0, help="Bytes of its datasets and artifacts.")
    ] = None,
    uploads: Annotated[int | None, typer.Option(min=0, help="Uploads in a minute.")] = None,
    submits: Annotated[int | None, typer.Option(min=0, help="Submissions in a minute.")] = None,
    age_days: Annotated[
        int | None,
        typer.Option(min=1, help="Days after which ended jobs and unused datasets are deleted."),
    ] = None,
    cpu_seconds: Annotated[
        int | None, typer.Option(min=0, help="Processor seconds of its jobs in 30 days.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set what a project may have and send at most; what is left out has no bound any more."""
    project: Project = ctx.obj.set_quotas(
        name,
        max_waiting_jobs=waiting,
        max_running_jobs=running,
        max_stored_bytes=stored_bytes,
        uploads_per_minute=uploads,
        submits_per_minute=submits,
        max_age_days=age_days,
        cpu_seconds_per_30_days=cpu_seconds,
    )
    print_json(project) if as_json else show_projects([project], out)


@projects.command("list")
def list_projects(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List projects by name."""
    listed = list(ctx.obj.projects())
    print_json(listed) if as_json else show_projects(listed, out)


@tokens.command("create")
def create_token(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose it is, or what it is for.")],
    project: Annotated[str, typer.Option(help="The project that it sees.")] = DEFAULT_PROJECT,
    scope: Annotated[
        Scope, typer.Option(help="Each includes those before it: read, submit, admin.")
    ] = Scope.submit,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day (UTC) from which on it is not valid."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token, and print its secret this once."""
    client: Client = ctx.obj
    expires_at = None if until is None else until.replace(tzinfo=UTC)
    created = client.create_token(name, project=project, scope=scope, expires_at=expires_at)
    if as_json:
        print_json(created)
        return
    typer.echo(created.secret)
    end = "" if expires_at is None else f" until {expires_at:%Y-%m-%d}"
    typer.echo(
        f"{created.id}: {created.scope} in the project {created.project}{end}. "
        "Keep the line above: it is not shown again.",
        err=True,
    )


@tokens.command("list")
def list_tokens(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the tokens of all projects, newest first."""
    listed = list(ctx.obj.tokens())
    print_json(listed) if as_json else show_tokens(listed, out)


@tokens.command("revoke")
def revoke_token(
    ctx: typer.Context,
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="A token's id.")],
    as_json: AsJson = False,
) -> None:
    """End a token for ever."""
    revoked: Token = ctx.obj.revoke_token(token_id)
    print_json(revoked) if as_json else typer.echo(f"{revoked.id} revoked")


@app.command()
def audit(
    ctx: typer.Context,
    project: Annotated[str | None, typer.Option(help="Show one project only.")] = None,
    count: Annotated[int, typer.Option("--last", min=1, help="How many entries.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who changed what and from where, and refused tokens, newest first; for admins."""
    client: Client = ctx.obj
    entries = list(islice(client.audit(project), count))
    print_json(entries) if as_json else show_entries(entries, out)
