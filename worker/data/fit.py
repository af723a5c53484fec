"""Fits every feature on the training rows, and on no other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import polars as pl

from lowloss.results import Column, ColumnKind
from lowloss.spec import Scaling
from worker.data.columns import MISSING, RawColumns, input_names, is_categorical
from worker.data.features import FAR, CategoricalFeature, FittedFeatures, NumericFeature
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray

MATRIX_COLUMN = re.compile(r"X\[(\d+)\]")
# A spread below half of float32's step at the mean, or below its smallest normal number, is
# rounding noise, not signal.
FLAT_SHARE = 2.0**-24
FLAT_SPREAD = float(np.finfo(np.float32).tiny)
DAY, WEEK, YEAR = 1.0, 7.0, 365.2425
"""The periods of seasons, in days."""
QUANTILES = 33
"""Knots of scaling by quantiles: the extreme ones are at the shares 1/66 and 65/66."""
MAX_BINS, MIN_BIN_ROWS = 48, 20
"""A column's range is cut into at most so many bins, of about so many training rows at least."""
MAX_BINS_OF_TABLE = 4096
"""More than 85 columns have fewer bins each: a first layer is as wide as all of them."""
EXTENSION = 0.5
"""How far beyond the training rows' range, as a share of it, numbers reach a network: chosen."""
NO_LIMITS = (-float(FAR), float(FAR))
"""They hold for any number."""
ONE_HOT_LEVELS = 16
"""A category of more levels is embedded."""
NEAR, FAR_AWAY = 1e-30, 1e30
"""Multiples of a column's spread between which float32 can subtract and divide its quantiles."""
RARE_ROWS = 3
"""A level of fewer training rows is rare: what is learned of it is noise."""


def fit_features(
    columns: Sequence[Column],
    raw: RawColumns,
    *,
    max_levels: int,
    scaling: Scaling,
    embedded: frozenset[str] | None = None,
    is_limited: bool = True,
    own_max_levels: Mapping[str, int] | None = None,
    codes: frozenset[str] = frozenset(),
) -> FittedFeatures:
    """Fit every transform on these rows: the training rows, and no other.

    Categories of many levels are embedded; those of `embedded` where it is given. Of some columns
    `own_max_levels` are told apart, of the others `max_levels`. Standard scaling that `is_limited`
    cuts off what lies far beyond the training rows. Piecewise scaling tells the values of columns
    of `codes` apart.
    """
    limits = own_max_levels or {}
    inputs = input_names([column.name for column in columns])
    numbers = [c for c in columns if not is_categorical(c)]
    categories = [c for c in columns if is_categorical(c)]
    max_bins = max(1, min(MAX_BINS, MAX_BINS_OF_TABLE // max(1, len(numbers))))
    numeric = tuple(
        replace(
            _fit_numeric(
                column,
                inputs[column.name],
                raw.numeric_NR[:, i],
                scaling,
                is_limited=is_limited,
                is_of_codes=column.name in codes,
                max_bins=max_bins,
            ),
            offset=raw.offsets.get(i),
        )
        for i, column in enumerate(numbers)
    )
    categorical = tuple(
        _fit_categorical(column, inputs[column.name], strings, limits.get(column.name, max_levels))
        for column, strings in zip(categories, raw.strings, strict=True)
    )
    if embedded is None:
        embedded = frozenset(f.column for f in categorical if len(f.levels) > ONE_HOT_LEVELS)
    categorical = tuple(replace(f, is_embedded=f.column in embedded) for f in categorical)
    return FittedFeatures(numeric, categorical, scaling)


def as_matrix(features: FittedFeatures, *, matrix_columns: int) -> FittedFeatures:
    """Name the features of an NPZ: columns `X[0]`, `X[1]`, … are positions in its `X`."""
    matches = (MATRIX_COLUMN.fullmatch(feature.column) for feature in features.numeric)
    positions = tuple(int(match[1]) for match in matches if match)
    return replace(features, matrix_columns=matrix_columns, positions=positions)


def _fit_numeric(
    column: Column,
    name: str,
    values: FloatArray,
    scaling: Scaling,
    *,
    is_limited: bool,
    is_of_codes: bool,
    max_bins: int,
) -> NumericFeature:
    present = values[~np.isnan(values)].astype(np.float64)
    is_by_rank = scaling in {"robust", "quantile", "piecewise"}
    center, spread = _by_rank(present) if is_by_rank else _by_moments(present)
    is_flat = spread <= max(FLAT_SHARE * abs(center), FLAT_SPREAD)
    scale = 1.0 if is_flat else spread
    knots: tuple[float, ...] = ()
    heights: tuple[float, ...] = ()
    if scaling == "quantile":
        knots, heights = _quantile_knots((present - center) / scale)
    elif scaling == "piecewise":
        scaled = (present - center) / scale
        values_of_codes = _values(scaled) if is_of_codes else ()
        knots = values_of_codes or _bin_ends(scaled, max_bins)
    is_cut = is_limited and scaling == "standard"
    limits = _limits((present - center) / scale) if is_cut else NO_LIMITS
    return NumericFeature(
        column=column.name,
        input=name,
        kind=column.kind,
        center=center,
        scale=scale,
        has_missing=present.size < values.size,
        seasons=_seasons(present) if column.kind is ColumnKind.date else (),
        knots=knots,
        heights=heights,
        limits=limits,
    )


def _limits(scaled: Float64Array) -> tuple[float, float]:
    """Return the training rows' range, extended to both sides."""
    if not scaled.size:
        return NO_LIMITS
    margin = EXTENSION * float(np.ptp(scaled))
    low, high = float(scaled.min()) - margin, float(scaled.max()) + margin
    return max(low, NO_LIMITS[0]), min(high, NO_LIMITS[1])


def _by_moments(present: Float64Array) -> tuple[float, float]:
    """Return mean and standard deviation."""
    return (float(present.mean()), float(present.std())) if present.size else (0.0, 0.0)


def _by_rank(present: Float64Array) -> tuple[float, float]:
    """Return median and interquartile range; half of the whole range where that is 0."""
    if not present.size:
        return 0.0, 0.0
    low, center, high = (float(q) for q in np.quantile(present, [0.25, 0.5, 0.75]))
    spread = high - low
    if spread <= max(FLAT_SHARE * abs(center), FLAT_SPREAD):
        spread = float(np.ptp(present)) / 2
    return center, spread


def _quantile_knots(scaled: Float64Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return a column's quantiles, and the normal scores that they are mapped to.

    A value that several quantiles share has the mean of their scores.
    """
    if not scaled.size:
        return (0.0,), (0.0,)
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    scores = np.array([NormalDist().inv_cdf(share) for share in shares])
    knots, groups = np.unique(_as_float32(np.quantile(scaled, shares)), return_inverse=True)
    heights = np.bincount(groups, weights=scores) / np.bincount(groups)
    return tuple(map(float, knots)), tuple(map(float, heights))


def _bin_ends(scaled: Float64Array, max_bins: int) -> tuple[float, ...]:
    """Return the ends of bins that hold about the same number of rows each; two ends at least."""
    bins = max(1, min(max_bins, scaled.size // MIN_BIN_ROWS))
    shares = np.linspace(0, 1, bins + 1)
    # Values that there are: two of them have one bin, not a further end between them.
    within = np.clip(scaled, -FAR, FAR)
    quantiles = np.quantile(within, shares, method="nearest") if scaled.size else np.zeros(1)
    ends = np.unique(_as_float32(quantiles))
    # A column of one value has one bin, at whose start it is.
    return tuple(map(float, ends)) if len(ends) > 1 else (float(ends[0]), float(ends[0]) + 1.0)


def _values(scaled: Float64Array) -> tuple[float, ...]:
    """Return the values of a column of codes that are not rare: a bin lies between two of them.

    None where there are fewer than two.
    """
    values, rows = np.unique(_as_float32(scaled), return_counts=True)
    frequent = values[rows >= RARE_ROWS]
    return tuple(map(float, frequent)) if len(frequent) > 1 else ()


def _as_float32(quantiles: Float64Array) -> FloatArray:
    """Round quantiles to float32, within what it can subtract and divide."""
    within = np.clip(quantiles, -FAR_AWAY, FAR_AWAY)
    return np.where(np.abs(within) < NEAR, 0.0, within).astype(np.float32)


def _seasons(days: Float64Array) -> tuple[float, ...]:
    """Return the periods that dates tell apart: two whole ones at least, not always one phase."""
    if not days.size:
        return ()
    span = float(np.ptp(days))
    return tuple(
        period
        for period in (DAY, WEEK, YEAR)
        if span >= 2 * period and np.ptp(days % period) > period / 1000
    )


def _fit_categorical(
    column: Column, name: str, strings: pl.Series, max_levels: int
) -> CategoricalFeature:
    """Choose the most frequent levels, ties by value; a missing value comes first, however rare."""
    counted = strings.alias("level").value_counts(name="rows").rows()
    ordered = sorted(counted, key=lambda pair: (pair[0] != MISSING, -pair[1], pair[0]))
    # Where all are rare, the table is too small to be choosy.
    min_rows = (
        RARE_ROWS if any(rows >= RARE_ROWS for level, rows in counted if level != MISSING) else 1
    )
    frequent_levels = [level for level, rows in ordered if rows >= min_rows or level == MISSING]
    levels = tuple(frequent_levels[:max_levels])
    frequent = frozenset(levels)
    others = tuple(level for level, _ in ordered if level not in frequent)
    return CategoricalFeature(column.name, name, levels, others)
