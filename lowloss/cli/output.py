"""What commands print: on a plain console, or JSON and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence

import typer
from pydantic import BaseModel

from lowloss.cli.rendering import results as render

out = render.plain_console()


def print_json(found: BaseModel | Sequence[BaseModel]) -> None:
    """Print what was found as JSON."""
    if isinstance(found, BaseModel):
        typer.echo(found.model_dump_json())
    else:
        typer.echo(json.dumps([each.model_dump(mode="json") for each in found]))
