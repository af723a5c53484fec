"""Datasets and their columns."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lowloss.results.parts import Result


class TableFormat(StrEnum):
    """How an uploaded table is encoded."""

    csv = "csv"
    parquet = "parquet"
    arrow = "arrow"
    npz = "npz"


class ColumnKind(StrEnum):
    """What a column holds, as far as a model is concerned.

    An `integer_category` is a number whose values count 0, 1, 2 … or 1, 2, 3 …: it may be a code.
    An `identifier` tells every row from every other.
    """

    numeric = "numeric"
    boolean = "boolean"
    integer_category = "integer_category"
    categorical = "categorical"
    date = "date"
    text = "text"
    identifier = "identifier"
    constant = "constant"


QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The shares that a column's `quantiles` are of."""


class Histogram(Result):
    """How many values lie in each of some bins of equal width; `edges` has one more than them."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Level(Result):
    """One distinct value of a column and the number of rows that hold it."""

    value: str
    rows: int


class Column(Result):
    """What was measured of one column at upload. Missing values count in `missing` alone.

    `levels` holds the most frequent values, and is complete when `distinct` equals its length.
    `mean`, `sd`, `min`, `max`, `quantiles` (at `QUANTILES`) and `histogram` are null, or empty,
    unless the column holds numbers, booleans (as 0 and 1) or dates (as days since 1970-01-01).
    """

    name: str
    kind: ColumnKind
    missing: int
    distinct: int
    is_integer: bool = False
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    sd: float | None = None
    quantiles: tuple[float, ...] = ()
    histogram: Histogram | None = None
    levels: tuple[Level, ...] = ()


class Dataset(Result):
    """An uploaded table; immutable, named by its SHA-256 and how it was parsed."""

    id: str
    name: str
    sha256: str
    format: TableFormat
    size_bytes: int
    rows: int
    columns: int
    created_at: datetime
    profile: tuple[Column, ...] = ()
