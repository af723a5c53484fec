"""The parameters that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from lowloss.cli.builtin import LOADERS

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
Target = Annotated[
    list[str] | None,
    typer.Option(help="The column to predict; a diagnosis takes several: --target A --target B."),
]
Builtin = Annotated[str | None, typer.Option(help=f"A built-in table: {', '.join(LOADERS)}.")]
DatasetId = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset's id.")]
