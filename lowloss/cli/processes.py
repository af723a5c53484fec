"""`lowloss serve` and `lowloss worker`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from lowloss.cli.errors import SERVER_FAILED, PlainErrors
from lowloss.cli.extras import require_extra
from lowloss.errors import LowlossError
from lowloss.processes.address import DEFAULT_HOST, DEFAULT_PORT, check_address
from lowloss.processes.serve import SERVER, WORKER, serve

app = typer.Typer(cls=PlainErrors)


@app.command("serve")
def serve_command(
    host: Annotated[
        str, typer.Option(envvar="LOWLOSS_HOST", help="Address to bind to.")
    ] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option(envvar="LOWLOSS_PORT", min=0, max=65535, help="Port to listen on.")
    ] = DEFAULT_PORT,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the SQLite database.")] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Run the server alone.")] = False,
) -> None:
    """Run the server, and a worker beside it, until Ctrl-C."""
    if no_worker:
        require_extra("server", "service", detail="the server is not installed")
    else:
        _require_worker(alternative="add --no-worker to run the server alone")
    try:
        check_address(host, port)
    except LowlossError as error:
        raise typer.BadParameter(str(error)) from error
    options = {"HOST": host, "PORT": port, "DATA_DIR": data_dir}
    _serve([SERVER] if no_worker else [SERVER, WORKER], options)


@app.command("worker")
def worker_command(
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the SQLite database.")] = None,
) -> None:
    """Run one worker until Ctrl-C; LOWLOSS_DATABASE_URL says where its jobs are."""
    _require_worker()
    _serve([WORKER], {"DATA_DIR": data_dir})


def _require_worker(*, alternative: str = "") -> None:
    # The server's distribution contains the package `worker` too, but not its dependencies.
    require_extra(
        "worker",
        "worker",
        "tensorflow",
        detail="the worker is not installed",
        alternative=alternative,
    )


def _serve(modules: list[str], options: dict[str, Any]) -> None:
    settings = {f"LOWLOSS_{name}": str(v) for name, v in options.items() if v is not None}
    reason = serve(modules, settings, report=partial(typer.echo, err=True))
    if reason is not None:
        typer.echo(f"error: {reason}; everything was stopped", err=True)
        raise typer.Exit(SERVER_FAILED)
