"""The readers of bytes that strangers send, each as a function that returns or raises a Problem."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from lowloss.inference.rows import cells_from_columns, cells_from_rows, read_inputs
from lowloss.inference.signature import Signature
from lowloss.recipes.reading import read_recipe
from lowloss.results import TableFormat
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv, read_table
from service.api.predict import parse_body
from service.settings import Limits

INPUTS = Path(__file__).with_name("inputs")
"""Folders of bytes, by reader: where a run begins, and what broke something once."""
LIMITS = Limits()
SIGNATURE = Signature.model_validate(
    {
        "task": "regression",
        "target": "z",
        "labels": [],
        "matrix_columns": None,
        "inputs": [
            {"input": "x", "column": "x", "dtype": "float32", "kind": "numeric"},
            {"input": "y", "column": "y", "dtype": "string", "kind": "categorical"},
            {"input": "when", "column": "when", "dtype": "float64", "kind": "date"},
            {"input": "is", "column": "is", "dtype": "float32", "kind": "boolean"},
        ],
    }
)


def read_text_table(data: bytes) -> None:
    """Read bytes as a CSV, packed or not."""
    read_csv(data, ParseOptions(), limits=LIMITS)


def read_json_table(data: bytes) -> None:
    """Read bytes as JSON, a document or lines."""
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(data)
        read_table(path, TableFormat.jsonl, ParseOptions(), limits=LIMITS)


def read_any_recipe(data: bytes) -> None:
    """Read bytes as a recipe, ours or Keras's."""
    read_recipe(data, {})


def read_rows(data: bytes) -> None:
    """Read bytes as the body of a prediction, down to a model's inputs."""
    body = parse_body(data)
    if body.columns is None:
        read_inputs(SIGNATURE, cells_from_rows(SIGNATURE, body.rows or []))
    else:
        read_inputs(SIGNATURE, cells_from_columns(SIGNATURE, body.columns))


READERS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {
        "text_table": read_text_table,
        "json_table": read_json_table,
        "packed": read_text_table,
        "recipe": read_any_recipe,
        "rows": read_rows,
    }
)
