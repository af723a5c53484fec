"""`lowloss workers`: what keeps a server going."""

from __future__ import annotations

import typer

from lowloss.cli.errors import PlainErrors
from lowloss.cli.output import out, print_json
from lowloss.cli.parameters import AsJson
from lowloss.cli.rendering.workers import show_workers
from lowloss.results.notes import NO_WORKER

app = typer.Typer(cls=PlainErrors)


@app.command()
def workers(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List workers, and what each runs; for admins."""
    listed = list(ctx.obj.workers())
    if as_json:
        print_json(listed)
        return
    if listed:
        show_workers(listed, out)
    if not any(worker.is_alive for worker in listed):
        typer.echo(NO_WORKER, err=True)
