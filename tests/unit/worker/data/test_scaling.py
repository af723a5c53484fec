"""Ways of scaling numbers: by moments, by ranks, by quantiles; and the seasons of dates."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from statistics import NormalDist
from typing import get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lowloss.results import Column, ColumnKind
from lowloss.spec import Scaling
from worker.data.columns import RawColumns, read_columns
from worker.data.features import FittedFeatures, design_matrix
from worker.data.fit import MAX_BINS, MIN_BIN_ROWS, NEAR, QUANTILES, fit_features
from worker.engine.array_types import FloatArray

SCALINGS: tuple[Scaling, ...] = get_args(Scaling)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
COLUMNS = st.lists(FLOATS, min_size=1, max_size=40)


def fitted(column: pl.Series, scaling: Scaling) -> FittedFeatures:
    is_date = column.dtype.is_temporal()
    kind = ColumnKind.date if is_date else ColumnKind.numeric
    columns = [Column(name="x", kind=kind, missing=0, distinct=2)]
    raw = read_columns(pl.DataFrame({"x": column}), columns)
    return fit_features(columns, raw, max_levels=10, scaling=scaling)


def as_seen(features: FittedFeatures, column: list[float] | pl.Series) -> FloatArray:
    """The design matrix of some later rows."""
    frame = pl.DataFrame({"x": column})
    columns = [Column(name="x", kind=features.numeric[0].kind, missing=0, distinct=2)]
    return design_matrix(features, read_columns(frame, columns))


def scaled(values: list[float], scaling: Scaling, later: list[float]) -> list[float]:
    """Later values, scaled by a fit on some."""
    return list(map(float, as_seen(fitted(pl.Series(values), scaling), later)[:, 0]))


def test_standard_scaling_counts_standard_deviations_from_the_mean() -> None:
    assert scaled([0.0, 0.0, 4.0, 4.0], "standard", [2.0, 4.0, -2.0]) == [0.0, 1.0, -2.0]


def test_robust_scaling_counts_interquartile_ranges_from_the_median_and_bends() -> None:
    values = [0.0, 1.0, 2.0, 3.0, 4.0]

    found = scaled(values, "robust", [2.0, 4.0, 8.0, 1e30, -1e30])

    # z / sqrt(1 + (z / 3)²) of z = 0, 1, 3: the interquartile range is 2.
    assert found[:3] == pytest.approx([0.0, 1 / np.sqrt(1 + 1 / 9), 3 / np.sqrt(2)])
    assert found[3:] == pytest.approx([3.0, -3.0])


def test_robust_scaling_takes_half_the_range_where_most_values_are_one() -> None:
    features = fitted(pl.Series([0.0] * 18 + [8.0, 4.0]), "robust")

    assert (features.numeric[0].center, features.numeric[0].scale) == (0.0, 4.0)


def test_quantiles_of_many_values_become_normal_scores() -> None:
    values = np.random.default_rng(0).lognormal(sigma=2.0, size=20_001)
    shares = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])

    found = scaled(values.tolist(), "quantile", np.quantile(values, shares).tolist())

    assert found == pytest.approx([NormalDist().inv_cdf(s) for s in shares], abs=0.06)


def test_quantiles_beyond_the_extreme_knots_are_all_the_same() -> None:
    values = list(map(float, range(1, 1001)))
    extreme = NormalDist().inv_cdf(0.5 / QUANTILES)

    found = scaled(values, "quantile", [-1e30, 0.0, 2000.0, 3e38])

    assert found == pytest.approx([extreme, extreme, -extreme, -extreme])


def test_value_of_several_quantiles_has_the_mean_of_their_scores() -> None:
    features = fitted(pl.Series([0.0] * 500 + [1.0] * 500), "quantile")

    found = as_seen(features, [0.0, 1.0, 0.5])[:, 0]

    # Half a normal distribution's mean is sqrt(2 / pi) from 0.
    assert found[1] == pytest.approx(np.sqrt(2 / np.pi), abs=0.05)
    assert found[0] == pytest.approx(-found[1])
    assert found[2] == pytest.approx(0.0, abs=1e-6)


@given(values=COLUMNS, later=st.lists(FLOATS, min_size=2, max_size=20))
@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", "piecewise"])
def test_order_is_kept_and_all_is_finite(
    scaling: Scaling, values: list[float], later: list[float]
) -> None:
    found = scaled(values, scaling, sorted(later))

    assert np.isfinite(found).all()
    # Two values an ulp apart may be rounded to the same, or by an ulp of what they become.
    assert (np.diff(found) >= -1e-6 * np.maximum(1.0, np.abs(found[1:]))).all()


@given(values=COLUMNS)
@example(values=[0.0] * 20 + [1e-42] * 10 + [1.0, -1.0] * 3)
@example(values=[1.5e-38] * 20 + [1.6e-38] * 10 + [1.7e-38] * 10)
@example(values=[float(np.finfo(np.float32).min)] * 5 + [0.001, 0.002] * 20)
def test_knots_rise_and_can_be_told_apart_in_float32(values: list[float]) -> None:
    (feature,) = fitted(pl.Series(values), "quantile").numeric

    knots = np.array(feature.knots, dtype=np.float32)
    assert np.isfinite(knots).all()
    assert (np.diff(knots) >= np.finfo(np.float32).tiny).all()
    assert (np.diff(feature.heights) > 0).all()


@given(values=COLUMNS)
@example(values=[0.0] * 500 + [1.0] * 500)
@example(values=[0.0, float(np.finfo(np.float32).tiny)])
@example(values=[float(np.finfo(np.float32).min)] * 5 + [0.001, 0.002] * 20)
def test_bins_hold_all_training_rows_and_can_be_told_apart_in_float32(values: list[float]) -> None:
    features = fitted(pl.Series(values), "piecewise")

    bins = features.bins
    assert bins is not None
    assert 1 <= len(bins.column_J) <= min(MAX_BINS, max(1, len(values) // MIN_BIN_ROWS))
    assert (bins.width_J > 0).all()
    assert np.isfinite(bins.start_J + bins.width_J).all()
    seen = bins.encode(as_seen(features, values))
    assert np.isfinite(seen).all()
    # From the start of the first bin to the end of the last.
    if np.ptp(as_seen(features, values)[:, 0]) > NEAR:
        assert seen[np.argmin(values)].tolist() == pytest.approx([-1.0] * len(bins.column_J))
        assert seen[np.argmax(values)].tolist() == pytest.approx([1.0] * len(bins.column_J))


def test_two_values_have_one_bin() -> None:
    features = fitted(pl.Series([0.0] * 500 + [1.0] * 500), "piecewise")

    assert features.bins is not None
    assert features.bins.encode(as_seen(features, [0.0, 1.0])).tolist() == [[-1.0], [1.0]]


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("value", [0.0, -7.0, 1e6, 3e38, -1e-42])
@pytest.mark.parametrize("rows", [1, 30])
def test_constant_column_is_0_unless_it_is_unscaled(
    scaling: Scaling, value: float, rows: int
) -> None:
    features = fitted(pl.Series([value] * rows), scaling)

    found = as_seen(features, [value, -value, 1e30])

    assert np.isfinite(found).all()
    assert found[0, 0] == pytest.approx(value if scaling == "none" else 0.0, abs=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_column_of_gaps_alone_is_an_indicator(scaling: Scaling) -> None:
    features = fitted(pl.Series([None] * 9, dtype=pl.Float64), scaling)

    found = as_seen(features, pl.Series([None, 1.0, -2e30]))

    assert found[0].tolist() == [0.0, 1.0]
    assert np.isfinite(found).all()
    assert found[1:, 1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("scaling", SCALINGS)
def test_value_beyond_float32_is_missing(scaling: Scaling) -> None:
    values = [1.0, 2.0, 5.0, float("inf"), float("-inf"), 1e39, float("nan"), None]

    features = fitted(pl.Series(values), scaling)

    found = as_seen(features, pl.Series(values))
    assert features.numeric[0].has_missing
    assert found[:, 1].tolist() == [0.0] * 3 + [1.0] * 5
    assert len({tuple(row) for row in found[3:]}) == 1


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", "piecewise"])
@pytest.mark.parametrize("unit", [1e-30, 1e-6, 1e30])
def test_unit_changes_nothing(scaling: Scaling, unit: float) -> None:
    values = np.random.default_rng(0).normal(size=101)

    plain = scaled(values.tolist(), scaling, values.tolist())
    found = scaled((values * unit).tolist(), scaling, (values * unit).tolist())

    assert found == pytest.approx(plain, abs=1e-4)


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", "piecewise"])
def test_sentinel_of_the_largest_size_leaves_the_others_apart(scaling: Scaling) -> None:
    lowest = float(np.finfo(np.float32).min)
    features = fitted(pl.Series([0.001, 0.002, 0.003] * 10), scaling)
    among = fitted(pl.Series([0.001, 0.002, 0.003] * 10 + [lowest] * 3), scaling)

    assert np.isfinite(as_seen(features, [lowest, -lowest])).all()
    assert np.isfinite(as_seen(among, [lowest, 0.002, -lowest])).all()
    if scaling != "standard":
        assert len(set(as_seen(among, [lowest, 0.001, 0.002, 0.003])[:, 0])) == 4


def days(start: date, count: int, step: int = 1) -> pl.Series:
    return pl.Series([start + timedelta(days=step * i) for i in range(count)])


def test_weekday_is_visible() -> None:
    dates = days(date(2024, 1, 1), 364)
    features = fitted(dates, "standard")

    waves = as_seen(features, dates)[:, 1:]

    assert features.numeric[0].seasons == (7.0,)
    assert np.allclose(waves[7:], waves[:-7], atol=1e-3)
    assert len({tuple(np.round(wave, 2)) for wave in waves}) == 7
    # Any effect of a weekday is a linear function of such waves, but for its higher frequencies.
    is_saturday = np.arange(364) % 7 == 5
    phase = waves[is_saturday].mean(axis=0)
    assert (waves @ phase)[is_saturday].min() > (waves @ phase)[~is_saturday].max()


def test_time_of_year_is_visible_before_1970_too() -> None:
    dates = days(date(1900, 3, 1), 4000, step=5)
    features = fitted(dates, "none")

    found = as_seen(features, pl.Series([date(1904, 7, 1), date(1950, 7, 1), date(1950, 1, 1)]))

    assert features.numeric[0].seasons == (7.0, 365.2425)
    sine_cosine = found[:, 3:5]
    assert np.allclose(sine_cosine[0], sine_cosine[1], atol=0.03)
    assert np.linalg.norm(sine_cosine[1] - sine_cosine[2]) > 1.9
    assert np.allclose(np.linalg.norm(sine_cosine, axis=1), 1.0)


def test_time_of_day_is_visible() -> None:
    instants = pl.Series([datetime(2020, 1, 1) + timedelta(hours=5 * i) for i in range(80)])
    features = fitted(instants, "standard")

    found = as_seen(features, pl.Series([datetime(1969, 5, 5, 6), datetime(2020, 1, 9, 6)]))

    assert features.numeric[0].seasons == (1.0, 7.0)
    # A quarter of a day is a quarter of a turn.
    assert np.allclose(found[:, 1:3], [[1.0, 0.0]] * 2, atol=0.01)


@pytest.mark.parametrize(
    ("dates", "seasons"),
    [
        (days(date(2024, 1, 1), 14), ()),
        (days(date(2024, 1, 1), 15), (7.0,)),
        (days(date(2024, 1, 1), 30, step=7), ()),
        (days(date(2024, 1, 1), 200, step=7), (365.2425,)),
        (days(date(2024, 1, 1), 730), (7.0,)),
        (days(date(2024, 1, 1), 740), (7.0, 365.2425)),
        (pl.Series([date(2024, 1, 1)] * 9), ()),
        (pl.Series([None] * 9, dtype=pl.Date), ()),
    ],
    ids=lambda v: str(v)[:30] if isinstance(v, tuple) else f"{len(v)} days",
)
def test_season_needs_two_whole_periods_and_more_than_one_phase(
    dates: pl.Series, seasons: tuple[float, ...]
) -> None:
    assert fitted(dates, "standard").numeric[0].seasons == seasons


def test_missing_date_has_an_indicator_and_the_centers_season() -> None:
    dates = days(date(2024, 1, 1), 29)
    features = fitted(pl.concat([dates, pl.Series([None], dtype=pl.Date)]), "standard")

    found = as_seen(features, pl.Series([None, date(2024, 1, 15)], dtype=pl.Date))

    assert found[:, -1].tolist() == [1.0, 0.0]
    assert found[0, :-1] == pytest.approx(found[1, :-1])


def test_no_rows_make_an_empty_matrix() -> None:
    features = fitted(days(date(2020, 1, 1), 900), "quantile")

    found = design_matrix(features, RawColumns(np.empty((0, 1), np.float32), ()))

    assert found.shape == (0, 5)


def test_missing_level_among_rare_ones_does_not_hide_them() -> None:
    levels = pl.Series(["a", "b", "c", "d", None, None, None])
    columns = [Column(name="c", kind=ColumnKind.categorical, missing=3, distinct=4)]
    raw = read_columns(pl.DataFrame({"c": levels}), columns)

    (category,) = fit_features(columns, raw, max_levels=10, scaling="none").categorical

    assert category.levels == ("", "a", "b", "c", "d")
    assert not category.has_other


def test_rare_values_are_kept_as_others() -> None:
    values = pl.Series(["a"] * 5 + ["b"] * 4 + ["c", "d"])
    columns = [Column(name="c", kind=ColumnKind.categorical, missing=0, distinct=4)]
    raw = read_columns(pl.DataFrame({"c": values}), columns)

    (category,) = fit_features(columns, raw, max_levels=10, scaling="none").categorical

    assert (category.levels, category.others) == (("a", "b"), ("c", "d"))
    assert category.width == 3
