"""Builds what a command submits from files, uploads and `--set FIELD=VALUE`."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from lowloss.cli.builtin import builtin_csv
from lowloss.cli.output import print_warnings
from lowloss.cli.parsing import refuse_options
from lowloss.client.client import Client
from lowloss.errors import InvalidRequest
from lowloss.wording import make_printable

DATASET_ID = re.compile(r"ds_\w+")


def find_dataset(
    client: Client,
    dataset: str | None,
    builtin: str | None,
    options: Mapping[str, Any],
    *,
    silent_codes: Container[str] = (),
) -> str | None:
    """Return the id of a dataset; upload a file or a built-in table first.

    The warnings of an upload are printed, a line each, on standard error, but for `silent_codes`.
    Of a table that was uploaded before a line says that it has some. Raise InvalidRequest.
    """
    if builtin is not None:
        if dataset is not None:
            raise InvalidRequest(
                f"{dataset!r} and the built-in table {builtin!r} are two tables",
                field="DATASET",
                fix="leave it out, or --builtin",
            )
        refuse_options(options, "a built-in table is parsed already")
        return client.upload(builtin_csv(builtin), name=builtin, format="csv").id
    if dataset is not None and Path(dataset).is_file():
        upload = client.make_upload(Path(dataset), **options)
        warnings = [w for w in upload.dataset.warnings if w.code not in silent_codes]
        if not upload.was_there:
            print_warnings(warnings)
        elif warnings:
            _remind_of_warnings(dataset, upload.dataset.id)
        return upload.dataset.id
    if dataset is not None and not DATASET_ID.fullmatch(dataset):
        what = "is no file" if Path(dataset).exists() else "is not there"
        raise InvalidRequest(
            f"the file {dataset!r} {what}",
            field="DATASET",
            fix="give a table's file, or the id of a dataset (ds_…): lowloss datasets list shows "
            "them",
        )
    refuse_options(options, f"{dataset!r} is parsed already")
    return dataset


def _remind_of_warnings(file: str, dataset_id: str) -> None:
    """Say where the warnings of a table are; they are more than those that a job is silent of."""
    text = f"{file} was uploaded before: lowloss datasets show {dataset_id} has its warnings"
    typer.echo(make_printable(text), err=True)


def one_or_several(targets: Sequence[str] | None) -> str | list[str] | None:
    """Return what a specification takes: one column, or a list of several."""
    if not targets:
        return None
    return targets[0] if len(targets) == 1 else list(targets)


def read_object(path: Path, *, field: str) -> dict[str, Any]:
    """Read the JSON object of a file; raise InvalidRequest."""
    try:
        document: Any = json.loads(path.read_bytes())
    except ValueError as error:
        raise InvalidRequest(f"{path} is not JSON: {error}", field=field) from error
    if not isinstance(document, dict):
        raise InvalidRequest(f"{path} is not a JSON object", field=field)
    return document


def set_fields(fields: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Set fields by their dotted paths; a value that is not JSON is a string."""
    for change in changes:
        _set_field(fields, change)
    return fields


def _set_field(fields: dict[str, Any], change: str) -> None:
    name, equals, text = change.partition("=")
    if not equals:
        raise InvalidRequest(f"{change!r} has no =", field="--set", fix="write FIELD=VALUE")
    *parents, last = name.split(".")
    parent_fields = fields
    for parent in parents:
        parent_fields = parent_fields.setdefault(parent, {})
        if not isinstance(parent_fields, dict):
            raise InvalidRequest(f"{parent!r} holds no fields", field="--set")
    try:
        parent_fields[last] = json.loads(text)
    except ValueError:
        parent_fields[last] = text
