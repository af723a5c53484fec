"""`lowloss workers`, `backup`, `restore`, `vacuum` and `doctor`: what keeps a server going."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from lowloss.cli.errors import PlainErrors
from lowloss.cli.extras import require_extra
from lowloss.cli.output import out, print_json
from lowloss.cli.parameters import AsJson
from lowloss.cli.rendering.workers import show_workers
from lowloss.results.notes import NO_WORKER

app = typer.Typer(cls=PlainErrors)

MAINTENANCE = "service.maintenance"
DataDir = Annotated[Path | None, typer.Option(help="Folder of the SQLite database.")]


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


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="DEST", help="The new file.")],
    data_dir: DataDir = None,
) -> None:
    """Back up the database of this machine's settings, while server and workers run."""
    _maintain("backup", str(file), data_dir=data_dir)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="SRC", help="A file of `lowloss backup`.")],
    data_dir: DataDir = None,
) -> None:
    """Restore a backup into a database that is not there yet, or is empty."""
    _maintain("restore", str(file), data_dir=data_dir)


@app.command()
def vacuum(data_dir: DataDir = None) -> None:
    """Rewrite the file of SQLite without what was deleted; an old one can shrink from then on."""
    _maintain("vacuum", data_dir=data_dir)


@app.command()
def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look at database, schema, clock, workers, disks and leftovers, and say what to do."""
    _maintain("doctor", *(["--json"] if as_json else []), data_dir=data_dir)


def _maintain(*arguments: str, data_dir: Path | None) -> None:
    """Run a command of the server's distribution, and end with its exit code."""
    require_extra("server", "service", detail="the server is not installed")
    settings = {} if data_dir is None else {"LOWLOSS_DATA_DIR": str(data_dir)}
    line = [sys.executable, "-m", MAINTENANCE, *arguments]
    code = subprocess.run(line, env=os.environ | settings, check=False).returncode
    if code:
        raise typer.Exit(code)
