"""The feature columns: how each is read, fitted on training rows, and put before the network.

N rows, R raw numeric columns, D features of the design matrix. A fitted `Features` is pure data:
`design_matrix` applies it with numpy, and `worker.model` writes the same steps as Keras layers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from lowloss.results import Column, ColumnKind
from worker.data.splits import Rows
from worker.engine.plans import FloatArray

PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MISSING = ""
"""The string that stands for a missing value."""
MATRIX_COLUMN = re.compile(r"X\[(\d+)\]")
# A spread below half of float32's step at the mean, or below its smallest normal number, is
# rounding noise, not signal.
FLAT_SHARE = 2.0**-24
FLAT_SD = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class NumericFeature:
    """A number, a boolean (0 or 1) or a date (days since 1970-01-01 UTC).

    `mean` and `sd` are of the training rows that have a value; `has_missing` whether some had
    none, which adds an indicator to the design matrix.
    """

    column: str
    input: str
    kind: ColumnKind
    mean: float
    sd: float
    has_missing: bool


@dataclass(frozen=True)
class CategoricalFeature:
    """A string; `levels` are those that get a column of the design matrix each.

    The empty string is a missing value, and a level of its own where training rows had it. A value
    that is no level leaves all columns 0.
    """

    column: str
    input: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Features:
    """All fitted features, in the order of the design matrix.

    That is: the numeric columns, an indicator for each of them with missing values, then each
    category's levels. `matrix_columns` is the width of an NPZ's `X`, of which `positions` are
    used; None for a table with named columns.
    """

    numeric: tuple[NumericFeature, ...]
    categorical: tuple[CategoricalFeature, ...]
    is_scaled: bool
    matrix_columns: int | None = None
    positions: tuple[int, ...] = ()

    @property
    def missing_positions(self) -> tuple[int, ...]:
        """Which of the numeric features have an indicator."""
        return tuple(i for i, feature in enumerate(self.numeric) if feature.has_missing)

    @property
    def means(self) -> FloatArray:
        """[R] The training rows' mean of each numeric feature."""
        return np.array([feature.mean for feature in self.numeric], dtype=np.float32)

    @property
    def sds(self) -> FloatArray:
        """[R] The training rows' standard deviation of each numeric feature."""
        return np.array([feature.sd for feature in self.numeric], dtype=np.float32)


@dataclass(frozen=True)
class RawColumns:
    """Feature columns as the model takes them: numbers [N, R] and a series of strings each.

    NaN and the empty string are missing values.
    """

    numeric_NR: FloatArray
    strings: tuple[pl.Series, ...]

    def take(self, rows: Rows) -> RawColumns:
        """Some of the rows."""
        return RawColumns(self.numeric_NR[rows], tuple(column[rows] for column in self.strings))


def is_categorical(column: Column) -> bool:
    """Whether a column is put before the network level by level."""
    return column.kind is ColumnKind.categorical


def read_columns(frame: pl.DataFrame, columns: Sequence[Column]) -> RawColumns:
    """The raw values of the feature columns, numbers as float32, as the exported model takes."""
    numbers = [read_numbers(frame[c.name]) for c in columns if not is_categorical(c)]
    strings = tuple(read_strings(frame[c.name]) for c in columns if is_categorical(c))
    numeric_NR = (
        np.stack(numbers, axis=1) if numbers else np.empty((frame.height, 0), dtype=np.float32)
    )
    return RawColumns(numeric_NR, strings)


def read_numbers(column: pl.Series) -> FloatArray:
    """A column as float32: booleans as 0 and 1, dates as days since 1970-01-01 UTC."""
    if column.dtype == pl.Date:
        column = column.cast(pl.Int32)
    elif isinstance(column.dtype, pl.Datetime):
        microseconds = column.dt.epoch("us").cast(pl.Float64)
        column = microseconds / 86_400e6
    with np.errstate(over="ignore"):  # what float32 cannot hold is missing
        values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float32)
    values[~np.isfinite(values)] = np.nan
    return values


def read_strings(column: pl.Series) -> pl.Series:
    """A column as strings, the empty one for a missing value."""
    return column.cast(pl.String).fill_null(MISSING)


def fit_features(
    columns: Sequence[Column], raw: RawColumns, *, max_levels: int, is_scaled: bool
) -> Features:
    """Fit every transform on these rows: the training rows, and no other."""
    inputs = input_names([column.name for column in columns])
    numbers = [c for c in columns if not is_categorical(c)]
    categories = [c for c in columns if is_categorical(c)]
    numeric = tuple(
        _fit_numeric(column, inputs[column.name], raw.numeric_NR[:, i])
        for i, column in enumerate(numbers)
    )
    categorical = tuple(
        _fit_categorical(column, inputs[column.name], strings, max_levels)
        for column, strings in zip(categories, raw.strings, strict=True)
    )
    return Features(numeric, categorical, is_scaled)


def as_matrix(features: Features, *, matrix_columns: int) -> Features:
    """The features of an NPZ: their columns `X[0]`, `X[1]`, … are positions in its `X`."""
    matches = (MATRIX_COLUMN.fullmatch(feature.column) for feature in features.numeric)
    positions = tuple(int(match[1]) for match in matches if match)
    return replace(features, matrix_columns=matrix_columns, positions=positions)


def input_names(columns: Sequence[str]) -> dict[str, str]:
    """The name of each column's input: its own where that is a plain name, else `column_<i>`."""
    names: dict[str, str] = {c: c for c in columns if PLAIN_NAME.fullmatch(c)}
    for position, column in enumerate(columns):
        if column in names:
            continue
        name = f"column_{position}"
        while name in names.values():
            name += "_"
        names[column] = name
    return {column: names[column] for column in columns}


def design_matrix(features: Features, raw: RawColumns) -> FloatArray:
    """[N, D] What the network sees."""
    missing_NR = np.isnan(raw.numeric_NR)
    numeric_NR = np.where(missing_NR, features.means, raw.numeric_NR)
    if features.is_scaled:
        # Subtract, then divide: x·scale + offset would lose a large mean's digits in float32.
        numeric_NR = (numeric_NR - features.means) / features.sds
    indicators = missing_NR[:, features.missing_positions].astype(np.float32)
    one_hot = [
        _one_hot(feature, strings)
        for feature, strings in zip(features.categorical, raw.strings, strict=True)
    ]
    return np.concatenate([numeric_NR, indicators, *one_hot], axis=1)


def _fit_numeric(column: Column, name: str, values: FloatArray) -> NumericFeature:
    present = values[~np.isnan(values)].astype(np.float64)
    mean = float(present.mean()) if present.size else 0.0
    sd = float(present.std()) if present.size else 0.0
    is_flat = sd <= max(FLAT_SHARE * abs(mean), FLAT_SD)
    return NumericFeature(
        column=column.name,
        input=name,
        kind=column.kind,
        mean=mean,
        sd=1.0 if is_flat else sd,
        has_missing=present.size < values.size,
    )


def _fit_categorical(
    column: Column, name: str, strings: pl.Series, max_levels: int
) -> CategoricalFeature:
    """The most frequent levels, ties by value; a missing value comes first, however rare."""
    counted = strings.alias("level").value_counts(name="rows").rows()
    ordered = sorted(counted, key=lambda pair: (pair[0] != MISSING, -pair[1], pair[0]))
    return CategoricalFeature(column.name, name, tuple(level for level, _ in ordered[:max_levels]))


def _one_hot(feature: CategoricalFeature, strings: pl.Series) -> FloatArray:
    """[N, levels] All zeros for a value that is not a level."""
    levels = feature.levels
    codes = strings.replace_strict(
        levels, range(len(levels)), default=-1, return_dtype=pl.Int64
    ).to_numpy()
    return np.asarray(codes[:, None] == np.arange(len(levels)), dtype=np.float32)
