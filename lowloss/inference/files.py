"""Rows to predict from a table's file, read as the model's training table was."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from lowloss.inference.signature import Signature
from lowloss.results import TableWarning
from lowloss.tables.formats import guess_format
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from lowloss.tables.table import Table
from lowloss.validation import validate

METADATA = "lowloss.json"
"""The member of a `.keras` file that has the model's signature."""


def read_rows(path: Path, signature: Signature, options: Mapping[str, Any]) -> Table:
    """Read a table's file; its columns are read as those that the model was trained on."""
    parse_options = validate(ParseOptions, dict(options))
    return read_table(
        path, guess_format(path), parse_options, limits=TableLimits(), earlier=signature.readings
    )


@contextmanager
def plain_rows(
    model: Path, path: Path, options: Mapping[str, Any]
) -> Iterator[tuple[Path, tuple[TableWarning, ...]]]:
    """Yield a plain CSV of a table's file, as `predict.py` reads it, and the reader's warnings."""
    try:
        with zipfile.ZipFile(model) as archive:
            signature = Signature.model_validate_json(archive.read(METADATA))
    except (OSError, zipfile.BadZipFile, KeyError, ValidationError):
        # Which the script says itself.
        yield path, ()
        return
    table = read_rows(path, signature, options)
    texts = [c.dt.to_string("iso") if c.dtype.is_temporal() else c for c in table.frame]
    with tempfile.TemporaryDirectory(prefix="lowloss-") as folder:
        plain = Path(folder) / "rows.csv"
        pl.DataFrame(texts).write_csv(plain)
        yield plain, signature.select_warnings(table.warnings)
