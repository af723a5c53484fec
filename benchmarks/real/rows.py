"""The rows of a job, split as its worker splits them, for peers that train and are tested on them.

Arrays carry a key: N rows of the table, T test rows, C classes, or 1 for a regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lowloss.results import Dataset, TableFormat
from lowloss.spec import JobSpec, Task
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from service.settings import Limits
from service.tables.check import check_job
from service.tables.profile import profile_table
from worker.data.columns import is_categorical, read_strings
from worker.data.prepare import keep_targets, prepare
from worker.data.scores import scores
from worker.data.splits import Rows
from worker.data.target import Float64Array, Target

MISSING_WORD = "missing"
MAX_DIFFERENCE = 5e-4
"""How far the test metric of a constant may be off, as a share: a job takes a large table's mean
over a sample of the rows."""


@dataclass(frozen=True)
class JobRows:
    """The columns that a job sees, and its rows: those of its first fold, and the test rows.

    Columns of `categories` hold words, and one for a missing value; the others float64, where NaN
    is missing and dates are days since 1970. `y_N` is in the target's units, or class indices.
    """

    frame: pl.DataFrame
    categories: tuple[str, ...]
    y_N: Float64Array
    target: Target
    train: Rows
    validation: Rows
    test: Rows

    @property
    def is_regression(self) -> bool:
        """Whether the target is a number."""
        return self.target.task is Task.regression

    @property
    def metric(self) -> str:
        """The metric that methods are compared by; lower is better."""
        return "rmse" if self.is_regression else "log_loss"

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that hold no categories."""
        return tuple(name for name in self.frame.columns if name not in self.categories)

    def score(self, prediction_TC: Float64Array) -> float:
        """Score predictions of the test rows, as the job scores its model's."""
        return scores(self.target, self.y_N[self.test], prediction_TC)[self.metric]

    def score_constant(self) -> float:
        """Score the mean of all rows but the test rows, or their shares of the classes."""
        y = np.delete(self.y_N, self.test)
        if self.is_regression:
            answer_C = np.array([y.mean()])
        else:
            answer_C = np.bincount(y.astype(np.int64), minlength=len(self.target.labels)) / len(y)
        return self.score(np.tile(answer_C, (len(self.test), 1)))


def read_job_rows(path: Path, request: dict[str, Any]) -> JobRows:
    """Read a table, and split it as the worker does for the job of a request without a dataset."""
    limits, options = Limits(), ParseOptions()
    table_format = TableFormat(path.suffix.removeprefix("."))
    table = read_table(path, table_format, options, limits=limits)
    dataset = Dataset(
        id="peers",
        name=path.stem,
        sha256="",
        format=table_format,
        size_bytes=path.stat().st_size,
        rows=table.frame.height,
        columns=table.frame.width,
        created_at=datetime.now(UTC),
        profile=profile_table(table, limits=limits),
    )
    spec = JobSpec.model_validate({"dataset": dataset.id} | request)
    checked = check_job(spec, dataset, limits=limits)
    prepared = prepare(table, checked, max_levels=limits.max_levels)
    frame = keep_targets(table.frame, checked, table.words)
    first = prepared.splits.folds[0]
    return JobRows(
        pl.DataFrame([_as_peers_see(frame[c.name], is_categorical(c)) for c in checked.features]),
        tuple(column.name for column in checked.features if is_categorical(column)),
        prepared.labelled.y,
        prepared.labelled.target,
        first.train,
        first.validation,
        prepared.splits.test,
    )


def check_are_job_rows(rows: JobRows, constant: float) -> None:
    """Refuse rows on which a constant has another test metric than in the job.

    Of classes it says little: however rows are drawn, the test rows have the same shares of them.
    """
    here = rows.score_constant()
    if abs(here / constant - 1) > MAX_DIFFERENCE:
        raise SystemExit(
            f"a constant has {here:.6g} on the test rows, and {constant:.6g} in the job: its rows "
            "were split by other code. Measure the job again: --again"
        )


def _as_peers_see(column: pl.Series, is_category: bool) -> pl.Series:
    if is_category:
        return read_strings(column).replace({"": MISSING_WORD})
    if column.dtype.is_temporal():
        column = column.cast(pl.Datetime("us")).dt.epoch("us") / 86_400e6
    return column.cast(pl.Float64).fill_null(float("nan"))
