"""The console of the commands, and their output as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import typer
from pydantic import BaseModel

from lowloss.cli.rendering import results as render
from lowloss.results import TableWarning
from lowloss.wording import make_printable

out = render.plain_console()


def print_warnings(warnings: Sequence[TableWarning]) -> None:
    """Print what the reader of a table decided in doubt, a line each, on standard error."""
    for warning in warnings:
        typer.echo(make_printable(f"warning: {warning.detail} ({warning.fix})"), err=True)


def print_json(result: BaseModel | Sequence[BaseModel]) -> None:
    """Print a result, or a list of them, as JSON."""
    if isinstance(result, BaseModel):
        typer.echo(result.model_dump_json())
    else:
        typer.echo(json.dumps([item.model_dump(mode="json") for item in result]))
