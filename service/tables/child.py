"""The process that reads one file: request on standard input, result on standard output."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Any

from lowloss.errors import Problem, TableTooLarge
from lowloss.recipes.keras_hdf5 import read_attributes, unreadable_hdf5
from lowloss.results import Reading, TableFormat
from lowloss.tables.formats import guess_format
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ALLOWED, ParseOptions
from lowloss.tables.read import read_table
from service.settings import Limits
from service.tables.child_bounds import ChildBounds
from service.tables.profile import describe_columns
from service.tables.sentinels import warn_of_sentinels


def profile_upload(request: dict[str, Any]) -> dict[str, Any]:
    """Return the profile of the table that a request names, or the problem with it."""
    limits = Limits.model_validate(request["limits"])
    try:
        table_format = TableFormat(request["format"])
        options = ParseOptions.model_validate(request["options"])
        table = read_table(Path(request["path"]), table_format, options, limits=limits)
        categories = {name for name, kind in (options.types or {}).items() if kind == "category"}
        profile = describe_columns(table, limits=limits, categories=categories)
        has_null_values = "null_values" in ALLOWED.get(table_format, frozenset())
        codes = warn_of_sentinels(table, profile, has_null_values=has_null_values)
        warnings = (*table.warnings, *codes)
    except Problem as problem:
        return {"problem": problem.to_document()}
    except MemoryError:
        return {"problem": _too_large().to_document()}
    return {
        "rows": table.frame.height,
        "profile": profile,
        "warnings": [warning.model_dump(mode="json") for warning in warnings],
    }


def _too_large() -> TableTooLarge:
    return TableTooLarge("the table does not fit into memory", fix="send fewer rows")


def read_rows(request: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the rows to predict that a request names, as lists of plain values."""
    path = Path(request["path"])
    table_format = guess_format(path)
    allowed = ALLOWED.get(table_format, frozenset())
    defaults = {name: value for name, value in request["defaults"].items() if name in allowed}
    earlier = {
        name: Reading.model_validate(reading) for name, reading in request["earlier"].items()
    }
    try:
        table = read_table(
            path,
            table_format,
            ParseOptions.model_validate(defaults | request["options"]),
            limits=TableLimits.model_validate(request["limits"]),
            earlier=earlier,
        )
    except Problem as problem:
        return {"problem": problem.to_document()}
    except MemoryError:
        return {"problem": _too_large().to_document()}
    return {
        "columns": table.to_columns(),
        "warnings": [warning.model_dump(mode="json") for warning in table.warnings],
    }


def read_model(request: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that describe the Keras model of an HDF5 file."""
    try:
        return {"attributes": read_attributes(Path(request["path"]))}
    except Problem as problem:
        return {"problem": problem.to_document()}
    except MemoryError:
        return {"problem": unreadable_hdf5("it does not fit into memory").to_document()}


READERS = {"table": profile_upload, "rows": read_rows, "model": read_model}


if __name__ == "__main__":
    # In so short a process it takes longer to look for garbage than it saves.
    gc.disable()
    request = json.load(sys.stdin)
    ChildBounds(**request.pop("bounds")).enter()
    result = READERS[request["kind"]](request)
    # At once: `json.dump` encodes in Python.
    sys.stdout.write(json.dumps(result))
