"""What a fold does not train on changes nothing that is fitted for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from lowloss.tables.table import Table
from tests.builders.tables import checked_frame, mixed_columns
from worker.data import prepare as module
from worker.data.columns import RawColumns
from worker.data.prepare import Prepared, prepare
from worker.data.target import Float64Array, fit_target, read_target
from worker.engine.array_types import FloatArray

STRATEGIES: dict[str, dict[str, Any]] = {
    "holdout": {"strategy": "holdout"},
    "kfold": {"strategy": "kfold", "folds": 3},
    "repeated": {"strategy": "repeated", "folds": 3},
    "grouped": {"strategy": "grouped", "column": "group"},
    "grouped folds": {"strategy": "grouped", "column": "group", "folds": 3},
    "ordered": {"strategy": "ordered", "column": "time"},
    "ordered folds": {"strategy": "ordered", "column": "time", "folds": 3},
}


def some_columns(rows: int = 240) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    given = {"group": np.arange(rows) // 6, "time": rng.permutation(rows) / 7}
    return mixed_columns(rows) | given | {"y": rng.lognormal(sigma=1.5, size=rows)}


def poisoned(frame: pl.DataFrame, is_held: pl.Series) -> Table:
    """The same table with other values in the rows that are held out, but for those it is split by.

    A text stays the class that it is: random splits look at it.
    """
    wrong = {
        "number": pl.lit(1e9),
        "far away": pl.lit(None),
        "gaps": pl.lit(-5e8),
        "category": pl.lit("poison"),
        "day": pl.col("day").dt.offset_by("40y"),
        "flag": pl.lit(True),
    }
    if frame.schema["y"].is_float():
        wrong["y"] = pl.lit(1e9)
    return Table(
        frame.with_columns(
            pl.when(is_held).then(value).otherwise(pl.col(name)).alias(name)
            for name, value in wrong.items()
        )
    )


def same_fit(one: Prepared, other: Prepared, fold: int) -> bool:
    """Whether a fold's transforms are the same, and its training rows as its network sees them."""
    mine, theirs = one.arrays.rows(fold), other.arrays.rows(fold)
    x_ND, other_x_ND = own_columns(one, fold), own_columns(other, fold)
    # Beyond its own columns a view has zeros, as many as the widest fold makes of it.
    width = min(x_ND.shape[1], other_x_ND.shape[1])
    units = {each.arrays.folds[fold].loss_unit for each in (one, other)}
    return (
        one.fits[fold].features == other.fits[fold].features
        and one.fits[fold].dropped.tolist() == other.fits[fold].dropped.tolist()
        and one.fits[fold].target == other.fits[fold].target
        and np.array_equal(x_ND[:, :width], other_x_ND[:, :width])
        and np.allclose(mine.y_train_N, theirs.y_train_N, atol=1e-5)
        and len(units) == 1
        and str(mine.weight_train_N) == str(theirs.weight_train_N)
    )


def own_columns(prepared: Prepared, fold: int) -> FloatArray:
    """The training rows as a fold's network sees them, without bins that only other folds have."""
    x_ND = prepared.arrays.rows(fold).x_train_ND
    bins = prepared.arrays.bins_of(prepared.arrays.folds[fold])
    if bins is None:
        return x_ND
    return np.delete(x_ND, np.flatnonzero(bins.is_there_J == 0), axis=1)


def leaking_folds(columns: dict[str, Any], **given: Any) -> list[int]:
    """The folds that see something of rows that they do not train on."""
    table, check = checked_frame(columns, "y", **given)
    clean = prepare(table, check, max_levels=100)
    found = []
    for number, fit in enumerate(clean.fits):
        is_held = np.ones(table.frame.height, dtype=bool)
        is_held[fit.split.train] = False
        wrong = prepare(poisoned(table.frame, pl.Series(is_held)), check, max_levels=100)
        assert np.array_equal(wrong.fits[number].split.train, fit.split.train)
        # It would show: the held rows are not what they were.
        was, now = clean.arrays.rows(number), wrong.arrays.rows(number)
        width = min(was.x_val_MD.shape[1], now.x_val_MD.shape[1])
        assert not np.array_equal(was.x_val_MD[:, :width], now.x_val_MD[:, :width])
        if not same_fit(clean, wrong, number):
            found.append(number)
    return found


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", "piecewise", "none"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_fold_sees_rows_that_it_does_not_train_on(strategy: str, scaling: str) -> None:
    leaking = leaking_folds(
        some_columns(),
        validation=STRATEGIES[strategy],
        preprocessing={"scale_features": scaling, "log_target": scaling == "quantile"},
    )

    assert leaking == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_fold_of_classes_sees_rows_that_it_does_not_train_on(strategy: str) -> None:
    rng = np.random.default_rng(2)
    classes = rng.choice(["a", "b", "c"], 240, p=[0.7, 0.2, 0.1])

    leaking = leaking_folds(
        some_columns() | {"y": classes.tolist()}, validation=STRATEGIES[strategy]
    )

    assert leaking == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_codes_are_told_from_numbers_by_the_rows_that_a_fold_trains_on(strategy: str) -> None:
    rng = np.random.default_rng(3)
    code = rng.integers(0, 20, 240)

    leaking = leaking_folds(
        some_columns() | {"code": code, "y": rng.normal(size=20)[code]},
        validation=STRATEGIES[strategy],
        preprocessing={"scale_features": "piecewise"},
    )

    assert leaking == []


@pytest.mark.parametrize("scaling", ["standard", "piecewise"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_inputs_are_selected_by_the_rows_that_a_fold_trains_on(strategy: str, scaling: str) -> None:
    leaking = leaking_folds(
        some_columns(),
        validation=STRATEGIES[strategy],
        preprocessing={"scale_features": scaling, "select_features": {"choices": [None, 2, 3]}},
    )

    assert leaking == []


@pytest.mark.parametrize("scale_target", [True, False])
def test_two_ways_of_scaling_see_no_more(scale_target: bool) -> None:
    leaking = leaking_folds(
        some_columns(),
        validation=STRATEGIES["kfold"],
        preprocessing={
            "scale_features": {"choices": ["standard", "quantile", "piecewise"]},
            "scale_target": scale_target,
        },
    )

    assert leaking == []


def test_skewness_of_other_rows_decides_nothing() -> None:
    columns = some_columns() | {"y": np.random.default_rng(3).uniform(1, 2, 240)}

    leaking = leaking_folds(columns, preprocessing={"log_target": "auto"})

    assert leaking == []


def test_features_fitted_on_all_rows_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RawColumns, "take", lambda raw, _: raw)

    leaking = leaking_folds(some_columns(), validation=STRATEGIES["kfold"])

    assert leaking == [0, 1, 2]


def test_target_fitted_on_all_rows_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    everything: list[Float64Array] = []

    def read(*given: Any) -> Float64Array:
        everything[:] = [read_target(*given)]
        return everything[0]

    monkeypatch.setattr(module, "read_target", read)
    monkeypatch.setattr(
        module, "fit_target", lambda target, _, **given: fit_target(target, everything[0], **given)
    )

    leaking = leaking_folds(some_columns(), validation=STRATEGIES["kfold"])

    assert leaking == [0, 1, 2]
