"""The process that parses one upload: request on standard input, result on standard output."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lowloss.errors import Problem, TableTooLarge
from lowloss.results import TableFormat
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from service.settings import Limits
from service.tables.profile import profile_table


def profile_upload(request: dict[str, Any]) -> dict[str, Any]:
    """Return the profile of the table that a request names, or the problem with it."""
    limits = Limits.model_validate(request["limits"])
    try:
        table = read_table(
            Path(request["path"]),
            TableFormat(request["format"]),
            ParseOptions.model_validate(request["options"]),
            limits=limits,
        )
        profile = profile_table(table, limits=limits)
    except Problem as problem:
        return {"problem": problem.to_document()}
    except MemoryError:
        too_large = TableTooLarge("the table does not fit into memory", fix="upload fewer rows")
        return {"problem": too_large.to_document()}
    return {
        "rows": table.frame.height,
        "profile": [column.model_dump(mode="json") for column in profile],
    }


if __name__ == "__main__":
    json.dump(profile_upload(json.load(sys.stdin)), sys.stdout)
