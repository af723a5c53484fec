"""An upload: a CSV of many rows, read and profiled as the server does it, in a child process."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lowloss.results import TableFormat
from lowloss.tables.options import ParseOptions
from service.settings import Settings
from service.tables.parse import Bounds, parse_upload

COLUMNS = 50
WORDS = np.array(["red", "green", "blue", "a longer word", ""])


def upload(rows: int) -> dict[str, Any]:
    """Return seconds and peak memory of a table of numbers.

    Four of whose columns are words and dates.
    """
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        _write(path, rows)
        bounds = Bounds(settings.parser_bytes, settings.parse_seconds)
        started = time.perf_counter()
        profile = parse_upload(
            path, TableFormat.csv, ParseOptions(), limits=settings.limits, bounds=bounds
        )
        seconds = time.perf_counter() - started
        assert (profile.rows, profile.columns) == (rows, COLUMNS)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "rows": rows,
            "columns": COLUMNS,
            "file_bytes": path.stat().st_size,
            "seconds": seconds,
            "child_peak_bytes": children.ru_maxrss * 1024,
        }


def _write(path: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {
        f"number {i}": rng.normal(size=rows).round(6) for i in range(COLUMNS - 10)
    }
    columns |= {f"count {i}": rng.integers(0, 10**i, rows) for i in range(1, 7)}
    columns |= {f"word {i}": rng.choice(WORDS, rows) for i in range(3)}
    days = np.datetime64("2020-01-01") + rng.integers(0, 1000, rows)
    pl.DataFrame(columns | {"day": days}).write_csv(path)
