"""Tables for tests: written to a file, parsed, profiled and checked for real."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lowloss.results import Dataset, TableFormat
from lowloss.spec import JobSpec
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from lowloss.tables.table import Table
from service.settings import Limits
from service.tables.check import CheckedJob, check_job
from service.tables.profile import profile_table

LIMITS = Limits()


def one_view(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a job that has one fold, scaled one way, unless they say otherwise."""
    preprocessing = {"scale_features": "standard"} | given.get("preprocessing", {})
    return {"validation": {"strategy": "holdout"}} | given | {"preprocessing": preprocessing}


def write_csv(path: Path, columns: dict[str, Any]) -> Path:
    """A CSV file of some columns."""
    pl.DataFrame(columns).write_csv(path)
    return path


def a_dataset_of(table: Table, format: TableFormat = TableFormat.csv) -> Dataset:  # noqa: A002
    """What the store would know of a table."""
    return Dataset(
        id="ds_1",
        name="table",
        sha256="0" * 64,
        format=format,
        size_bytes=1,
        rows=table.frame.height,
        columns=table.frame.width,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        profile=profile_table(table, limits=LIMITS),
    )


def read(path: Path, **options: Any) -> Table:
    """A table file, its format told by its suffix."""
    format = TableFormat(path.suffix.removeprefix("."))  # noqa: A001
    return read_table(path, format, ParseOptions(**options), limits=LIMITS)


def checked(path: Path, target: str, **given: Any) -> tuple[Table, CheckedJob]:
    """A table file, and what the check makes of a job on it; one view unless it says otherwise."""
    table = read(path)
    spec = JobSpec.model_validate({"dataset": "ds_1", "target": target} | one_view(given))
    format = TableFormat(path.suffix.removeprefix("."))  # noqa: A001
    return table, check_job(spec, a_dataset_of(table, format), limits=LIMITS)


def checked_frame(columns: dict[str, Any], target: str, **given: Any) -> tuple[Table, CheckedJob]:
    """The same of columns in memory, typed as polars types them."""
    table = Table(pl.DataFrame(columns))
    spec = JobSpec.model_validate({"dataset": "ds_1", "target": target} | one_view(given))
    return table, check_job(spec, a_dataset_of(table), limits=LIMITS)


def mixed_columns(rows: int = 400, seed: int = 0) -> dict[str, Any]:
    """Columns of every kind: numbers near and far from 0, gaps, categories, dates, and useless."""
    rng = np.random.default_rng(seed)
    gaps = rng.normal(size=rows)
    days = rng.integers(18_000, 19_000, rows)
    return {
        "far away": 1e6 + rng.normal(size=rows),
        "number": rng.normal(size=rows),
        "gaps": [None if rng.random() < 0.2 else float(g) for g in gaps],
        "category": rng.choice(["red", "green", "", 'a "quoted", one'], rows).tolist(),
        "day": pl.Series(days).cast(pl.Int32).cast(pl.Date),
        "flag": (rng.random(rows) > 0.5).tolist(),
        "name": [f"user {i}" for i in range(rows)],
        "always 1": [1] * rows,
        "column_0": rng.normal(size=rows),
    }
