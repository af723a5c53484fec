"""`lowloss datasets`: uploaded tables."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from lowloss.cli.builtin import builtin_csv
from lowloss.cli.errors import PlainErrors
from lowloss.cli.output import out, print_json, print_warnings
from lowloss.cli.parameters import AsJson, Builtin, DatasetId
from lowloss.cli.parsing import refuse_options, with_parse_options
from lowloss.cli.queries import run_query
from lowloss.cli.rendering.lists import show_datasets, show_kinds, show_profile
from lowloss.client.client import Client
from lowloss.errors import InvalidRequest
from lowloss.results import Dataset, TableFormat
from lowloss.wording import list_first

SHOWN_NAMES = 5
MAX_COLUMNS = 50
"""An upload shows no more columns than this one by one."""

app = typer.Typer(cls=PlainErrors, help="Uploaded tables.")

FORMATS = ", ".join(TableFormat)


@app.command("add")
@with_parse_options
def add_dataset(
    ctx: typer.Context,
    path: Annotated[Path | None, typer.Argument(help="A table's file.")] = None,
    builtin: Builtin = None,
    name: Annotated[str | None, typer.Option(help="A name; the file's if not given.")] = None,
    table_format: Annotated[
        str | None,
        typer.Option("--format", help=f"{FORMATS}; by the file if not given."),
    ] = None,
    sql: Annotated[str | None, typer.Option(help="A query whose rows are the table.")] = None,
    database: Annotated[
        str | None, typer.Option("--from", help="Its database: postgresql://… or sqlite:///PATH.")
    ] = None,
    as_json: AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Upload a table."""
    client: Client = ctx.obj
    _check_source({"PATH": path, "--builtin": builtin, "--sql": sql}, database)
    if path is not None:
        dataset = client.upload(path, name=name, format=table_format, **options)
    else:
        refuse_options({"format": table_format} | options, "only a file is parsed")
        if builtin is not None:
            dataset = client.upload(builtin_csv(builtin), name=name or builtin, format="csv")
        else:
            dataset = client.upload(run_query(str(sql), str(database)), name=name or "query")
    _show_dataset(dataset, as_json=as_json, max_columns=MAX_COLUMNS)


def _check_source(sources: dict[str, Path | str | None], database: str | None) -> None:
    """Raise InvalidRequest unless there is one source of a table, and a database of a query."""
    present = [name for name, value in sources.items() if value is not None]
    if not present:
        raise InvalidRequest("there is nothing to upload", field="PATH", fix="or use --builtin")
    if len(present) > 1:
        raise InvalidRequest(
            f"{' and '.join(present)} are several tables", field=present[0], fix="give one of them"
        )
    is_query = present == ["--sql"]
    if is_query and database is None:
        raise InvalidRequest("a query needs its database", field="--from", fix="give its URL")
    if database is not None and not is_query:
        raise InvalidRequest("only a query has a database", field="--from", fix="give --sql")


@app.command("list")
def list_datasets(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List datasets, newest first."""
    datasets = list(ctx.obj.datasets())
    print_json(datasets) if as_json else show_datasets(datasets, out)


@app.command("show")
def show_dataset(ctx: typer.Context, dataset_id: DatasetId, as_json: AsJson = False) -> None:
    """Show a dataset's columns."""
    _show_dataset(ctx.obj.dataset(dataset_id), as_json=as_json)


@app.command("reread")
@with_parse_options
def reread_dataset(
    ctx: typer.Context, dataset_id: DatasetId, as_json: AsJson = False, *, options: dict[str, Any]
) -> None:
    """Read a dataset's bytes with other options, as a dataset of its own."""
    dataset = ctx.obj.reread(dataset_id, **options)
    _show_dataset(dataset, as_json=as_json, max_columns=MAX_COLUMNS)


@app.command("delete")
def delete_dataset(ctx: typer.Context, dataset_id: DatasetId, as_json: AsJson = False) -> None:
    """Delete a dataset that no unfinished job needs."""
    ctx.obj.delete_dataset(dataset_id)
    typer.echo(json.dumps({"deleted": dataset_id}) if as_json else f"{dataset_id} deleted")


def _show_dataset(dataset: Dataset, *, as_json: bool, max_columns: float = math.inf) -> None:
    if as_json:
        print_json(dataset)
        return
    out.print(f"{dataset.id}  {dataset.rows:,} rows x {dataset.columns} columns")
    if len(dataset.names) > 1:
        out.print(f"the same bytes were uploaded as {list_first(dataset.names, SHOWN_NAMES, repr)}")
    if len(dataset.profile) <= max_columns:
        show_profile(dataset, out)
    else:
        show_kinds(dataset, out)
        out.print(f"lowloss datasets show {dataset.id} lists them")
    print_warnings(dataset.warnings)
