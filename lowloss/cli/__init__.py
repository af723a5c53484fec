"""The command line: parse, call the Client, render."""

from __future__ import annotations

from typing import Annotated

import typer

from lowloss import __version__
from lowloss.cli import access, datasets, diagnoses, jobs, operations, predict, processes, results
from lowloss.cli.errors import (
    FAILED,
    INTERRUPTED,
    REFUSED,
    SERVER_FAILED,
    UNREACHABLE,
    PlainErrors,
    exit_code,
)
from lowloss.client.client import Client

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "REFUSED",
    "SERVER_FAILED",
    "UNREACHABLE",
    "app",
    "exit_code",
    "main",
]

HELP = f"""Search hyperparameters of Keras models on tables, and find out why a loss is high.

Exit codes:

0 all went well;
{FAILED} the job failed or was cancelled;
{REFUSED} the command or the request is wrong;
{UNREACHABLE} the server cannot be reached, or time ran out;
{SERVER_FAILED} the server failed;
{INTERRUPTED} interrupted.
"""

app = typer.Typer(cls=PlainErrors, help=HELP, pretty_exceptions_enable=False)


def show_version(value: bool) -> None:  # typer's callback
    """Print the version and end."""
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option(envvar="LOWLOSS_URL", help="The server.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="LOWLOSS_TOKEN", help="A bearer token.")
    ] = None,
    version: Annotated[  # noqa: ARG001  # its callback prints it
        bool, typer.Option("--version", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """Build the client of the command from the options that all commands share."""
    ctx.obj = Client(url, token)
    ctx.call_on_close(ctx.obj.close)


for group in (processes, jobs, diagnoses, results, predict, access, operations):
    app.add_typer(group.app)
app.add_typer(datasets.app, name="datasets")
app.add_typer(access.projects, name="projects")
app.add_typer(access.tokens, name="tokens")


def main() -> None:
    """Run the command line."""
    app()
