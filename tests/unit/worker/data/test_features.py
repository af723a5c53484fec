"""Corners of the transforms: what float32 cannot hold, flat columns, odd levels, small classes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from lowloss.results import Column, ColumnKind
from lowloss.spec import Scaling, Validation
from worker.data.columns import RawColumns, find_offset, read_columns, read_numbers
from worker.data.features import FittedFeatures, design_matrix
from worker.data.fit import fit_features
from worker.data.splits import Traits, split_rows


def a_column(name: str, kind: ColumnKind = ColumnKind.numeric) -> Column:
    return Column(name=name, kind=kind, missing=0, distinct=2)


def fitted(
    values: dict[str, pl.Series], *, max_levels: int = 100, scaling: Scaling = "standard"
) -> tuple[FittedFeatures, RawColumns]:
    columns = [
        a_column(n, ColumnKind.categorical if s.dtype == pl.String else ColumnKind.numeric)
        for n, s in values.items()
    ]
    raw = read_columns(pl.DataFrame(values), columns)
    return fit_features(columns, raw, max_levels=max_levels, scaling=scaling), raw


def test_numbers_beyond_float32_are_missing() -> None:
    column = pl.Series([1.0, 1e300, -1e300, float("inf"), float("nan"), None])

    numbers = read_numbers(column)

    assert numbers.dtype == np.float32
    assert np.isnan(numbers).tolist() == [False, True, True, True, True, True]


def test_dates_are_days_since_1970() -> None:
    days = read_numbers(pl.Series([date(1970, 1, 2), None, date(1969, 12, 31)]))
    instants = read_numbers(pl.Series([datetime(1970, 1, 2, 12), datetime(2000, 1, 1)]))

    assert days[[0, 2]].tolist() == [1.0, -1.0]
    assert np.isnan(days[1])
    assert instants.tolist() == [1.5, 10957.0]


SECONDS = 1_700_000_000 + np.arange(500) * 3.25


def profiled(name: str, values: Sequence[float] | np.ndarray) -> Column:
    numbers = np.asarray(values, dtype=np.float64)
    measures = {"min": numbers.min(), "max": numbers.max(), "sd": numbers.std()}
    return a_column(name).model_copy(update=measures)


@pytest.mark.parametrize(
    ("values", "is_wide"),
    [
        (SECONDS, True),
        (SECONDS * 1000, True),
        (-SECONDS, True),
        (1e6 + np.arange(500), False),
        (20_200_000 + np.arange(500) * 50, False),
        (np.arange(500) / 7, False),
        (np.arange(500) * 1e30, False),
        (np.full(500, 1.7e9), False),
    ],
)
def test_offset_is_of_numbers_that_float32_cannot_tell_apart(
    values: np.ndarray, is_wide: bool
) -> None:
    offset = find_offset(profiled("x", values))

    assert (offset is not None) is is_wide
    if offset is not None:
        assert np.min(values) <= offset <= np.max(values)


def test_unix_seconds_lose_no_digits() -> None:
    columns = [profiled("t", SECONDS), profiled("x", np.arange(500))]
    frame = pl.DataFrame({"t": SECONDS, "x": np.arange(500.0)})

    raw = read_columns(frame, columns, with_offsets=True)
    features = fit_features(columns, raw, max_levels=10, scaling="standard")

    standardised = (SECONDS - SECONDS.mean()) / SECONDS.std()
    assert np.abs(design_matrix(features, raw)[:, 0] - standardised).max() < 1e-5
    assert [feature.offset is None for feature in features.numeric] == [False, True]
    assert raw.numeric_NR[:, 1].tolist() == list(range(500))


def test_spread_beside_a_large_mean_is_not_lost() -> None:
    values = 1e6 + np.random.default_rng(0).normal(size=500)

    features, raw = fitted({"x": pl.Series(values)})

    x_N = design_matrix(features, raw)[:, 0]
    assert x_N.std() == pytest.approx(1.0, abs=0.01)
    assert np.abs(x_N - (values - values.mean()) / values.std()).max() < 0.1


def test_numbers_far_beyond_the_training_rows_are_cut_off() -> None:
    features, _ = fitted({"x": pl.Series(np.linspace(0.0, 10.0, 101))})
    later = np.array([[0.0], [12.0], [15.0], [59.0], [-900.0]], dtype=np.float32)

    x_N = design_matrix(features, RawColumns(later, ()))[:, 0]

    in_units = x_N * features.scales + features.centers
    assert in_units.tolist() == pytest.approx([0.0, 12.0, 15.0, 15.0, -5.0], abs=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, 3e38, 1e-42])
def test_flat_column_stays_finite_where_later_rows_differ(value: float) -> None:
    features, _ = fitted({"x": pl.Series([value] * 30)})

    later = RawColumns(np.array([[value], [value + 1.0]], dtype=np.float32), ())

    assert features.scales.tolist() == [1.0]
    assert np.isfinite(design_matrix(features, later)).all()


@pytest.mark.parametrize("scale", [1e-30, 1e-9, 1e30])
def test_tiny_and_huge_units_are_standardised(scale: float) -> None:
    values = np.random.default_rng(0).normal(size=200)

    features, raw = fitted({"x": pl.Series(values * scale)})

    assert design_matrix(features, raw)[:, 0].std() == pytest.approx(1.0, rel=1e-4)


def test_unscaled_features_are_the_raw_values_themselves() -> None:
    values = [1e6 + 0.0625, None, 1e6 + 7.0]

    features, raw = fitted({"x": pl.Series(values)}, scaling="none")

    x_ND = design_matrix(features, raw)
    assert x_ND[[0, 2], 0].tolist() == [values[0], values[2]]
    assert x_ND[1].tolist() == [np.float32(1e6 + 3.53125), 1.0]


def test_column_without_a_value_in_the_training_rows_is_only_an_indicator() -> None:
    features, _ = fitted({"x": pl.Series([None, None], dtype=pl.Float64)})

    x_ND = design_matrix(features, RawColumns(np.array([[np.nan], [5.0]], np.float32), ()))

    assert x_ND[0].tolist() == [0.0, 1.0]
    assert x_ND[1].tolist() == [5.0, 0.0]


def test_missing_value_is_a_level_even_where_levels_are_cut() -> None:
    values = ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + [None]

    features, raw = fitted({"c": pl.Series(values)}, max_levels=2)

    assert features.categorical[0].levels == ("", "a")
    assert design_matrix(features, raw)[[0, 5, 9, 12]].tolist() == [
        [0, 1, 0],
        [0, 0, 1],
        [0, 0, 1],
        [1, 0, 0],
    ]


def test_missing_value_unknown_to_the_training_rows_is_all_zeros() -> None:
    features, _ = fitted({"c": pl.Series(["a", "b"])})

    x_ND = design_matrix(features, RawColumns(np.empty((1, 0), np.float32), (pl.Series([""]),)))

    assert x_ND.tolist() == [[0.0, 0.0]]


def test_frequent_levels_come_first_and_ties_by_value() -> None:
    features, _ = fitted({"c": pl.Series(["z", "y", "z", "x", "y", "w"])})

    assert features.categorical[0].levels == ("y", "z", "w", "x")


def test_long_strings_cost_no_more_than_their_bytes() -> None:
    values = ["a", "b"] * 50_000 + ["x" * 100_000]

    features, raw = fitted({"c": pl.Series(values)})

    # As a fixed-width array these would take 40 GB.
    assert design_matrix(features, raw).sum() == len(values)


@pytest.mark.parametrize("rows", [3, 4, 5, 9])
@pytest.mark.parametrize("fractions", [(0.6, 0.3), (0.3, 0.6), (0.45, 0.45), (0.05, 0.05)])
def test_smallest_class_keeps_a_training_row(rows: int, fractions: tuple[float, float]) -> None:
    classes = np.array([0] * 50 + [1] * rows)
    validation = Validation(strategy="holdout", fraction=fractions[0], test_fraction=fractions[1])

    splits = split_rows(Traits(50 + rows, classes=classes), validation, seed=0)

    for part in (splits.folds[0].train, splits.folds[0].validation, splits.test):
        assert set(classes[part]) == {0, 1}
