"""What any upload must come to: a sound table, or a problem that says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, settings
from pydantic import ValidationError

from lowloss.errors import InvalidRequest, Problem, TableInvalid
from lowloss.results import QUANTILES, Column, TableFormat
from lowloss.spec import JobSpec
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from lowloss.tables.table import Table
from service.tables.check import check_job
from tests.builders.tables import LIMITS, a_dataset_of

PROMISED = {pl.Boolean, pl.Int64, pl.Float64, pl.String, pl.Date, pl.Datetime("us")}


BOUNDED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def outcome_of(
    path: Path,
    format: TableFormat,  # noqa: A002
    options: ParseOptions | None = None,
) -> Table | None:
    """The table, once it is found sound; None where it was refused as it should be."""
    try:
        table = read_table(path, format, options or ParseOptions(), limits=LIMITS)
    except TableInvalid as problem:
        assert_is_helpful(problem)
        return None
    assert_is_sound(table, format)
    return table


def assert_is_helpful(problem: Problem) -> None:
    assert 400 <= problem.status < 500
    assert problem.detail
    assert problem.fix


def assert_is_sound(table: Table, format: TableFormat) -> None:  # noqa: A002
    for column in table.frame:
        assert column.dtype in PROMISED
        if column.dtype == pl.Float64:
            assert column.drop_nulls().is_finite().all()
    dataset = a_dataset_of(table, format)
    written = json.dumps([c.model_dump(mode="json") for c in dataset.profile], allow_nan=False)
    assert "\\u0000" not in written, "PostgreSQL cannot store it"
    for column, measured in zip(table.frame, dataset.profile, strict=True):
        assert_is_measured(column, measured)
        try:
            spec = JobSpec.model_validate({"dataset": "ds_1", "target": column.name})
        except ValidationError:
            continue
        try:
            check_job(spec, dataset, limits=LIMITS)
        except InvalidRequest as problem:
            assert_is_helpful(problem)


def assert_is_measured(column: pl.Series, measured: Column) -> None:
    present = len(column) - measured.missing
    assert measured.missing == column.null_count()
    assert measured.distinct == column.drop_nulls().n_unique()
    assert sum(level.rows for level in measured.levels) <= present
    if measured.distinct == len(measured.levels):
        assert sum(level.rows for level in measured.levels) == present
    if measured.min is None or measured.max is None:
        assert (measured.quantiles, measured.histogram) == ((), None)
        return
    assert len(measured.quantiles) == len(QUANTILES)
    ends = measured.min, *measured.quantiles, measured.max
    assert list(ends) == sorted(ends)
    if measured.histogram is not None:
        edges, counts = measured.histogram.edges, measured.histogram.counts
        assert list(edges) == sorted(set(edges))
        assert (edges[0], edges[-1]) == (measured.min, measured.max)
        assert len(edges) - 1 == len(counts) <= 20
        assert sum(counts) == present
