"""Whatever check_job accepts is prepared whole and finite, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.errors import ClassTooSmall, JobFailed, Problem, TooFewRows
from lowloss.spec import JobSpec, Task
from tests.builders.tables import checked_frame
from worker.data.features import design_matrix
from worker.data.input_choices import input_choices
from worker.data.prepare import Prepared, prepare, prepare_refit

Rng = np.random.Generator
Kind = Callable[[Rng, int], Any]

KINDS: dict[str, Kind] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "far from 0": lambda rng, n: 1e7 + rng.normal(size=n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n) * 1e30,
    "sentinel": lambda rng, n: np.where(rng.random(n) < 0.1, -3.4028235e38, rng.normal(size=n)),
    "beyond float32": lambda rng, n: np.where(rng.random(n) < 0.1, 1e300, rng.normal(size=n)),
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-42,
    "mostly 0": lambda rng, n: np.where(rng.random(n) < 0.1, rng.normal(size=n), 0.0),
    "whole": lambda rng, n: rng.integers(-3, 4, n),
    "large and whole": lambda rng, n: 2**60 + rng.permutation(n),
    "flag": lambda rng, n: rng.random(n) < 0.3,
    "level": lambda rng, n: rng.choice(["a", "b", "ü\n", "[OOV]"], n).tolist(),
    "rare level": lambda rng, n: [f"level {rng.integers(n // 2)}" for _ in range(n)],
    "day": lambda rng, n: pl.Series(rng.integers(-9000, 9000, n)).cast(pl.Int32).cast(pl.Date),
    "instant": lambda rng, n: pl.Series(rng.integers(-(10**15), 10**15, n)).cast(pl.Datetime("us")),
    "constant": lambda _, n: [3.5] * n,
    "nothing": lambda _, n: pl.Series([None] * n, dtype=pl.Float64),
}
TARGETS: dict[str, Kind] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "far from 0": lambda rng, n: 1e8 + rng.normal(size=n),
    "skewed": lambda rng, n: rng.lognormal(sigma=2.0, size=n),
    "skewed with zeros": lambda rng, n: rng.poisson(rng.lognormal(size=n)) * 1.5,
    "outlier": lambda rng, n: np.where(np.arange(n) == n // 2, 1e9, rng.normal(size=n)),
    "two": lambda rng, n: rng.choice(["no", "yes"], n, p=[0.8, 0.2]).tolist(),
    "three": lambda rng, n: rng.integers(0, 3, n),
    "flag": lambda rng, n: rng.random(n) < 0.5,
}


def with_gaps(values: Any, rng: Rng) -> pl.Series:
    """The same with a fifth of the values missing."""
    series = pl.Series(values)
    is_missing = pl.Series(rng.random(len(series)) < 0.2)
    return series.to_frame("c").select(pl.when(~is_missing).then("c"))["c"]


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Some columns of mixed kinds, two that rows may be grouped or ordered by, and a target."""
    rows, rng = draw(st.integers(10, 90)), np.random.default_rng(draw(st.integers(0, 2**31)))
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5, unique=True))
    columns: dict[str, Any] = {}
    for kind in kinds:
        values = KINDS[kind](rng, rows)
        columns[kind] = with_gaps(values, rng) if draw(st.booleans()) else values
    target = TARGETS[draw(st.sampled_from(sorted(TARGETS)))](rng, rows)
    target = with_gaps(target, rng) if draw(st.booleans()) else target
    group = [f"g{g}" for g in rng.integers(0, draw(st.integers(1, 12)), rows)]
    time = rng.integers(0, draw(st.integers(1, 100)), rows)
    return columns | {"group": group, "time": time, "y": target}


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Any]:
    """A strategy and ways of preprocessing that go together."""
    strategy = draw(st.sampled_from(["holdout", "kfold", "repeated", "grouped", "ordered"]))
    folds = st.integers(2, 5)
    validation: dict[str, Any] = {"strategy": strategy}
    if strategy in {"kfold", "repeated"}:
        validation["folds"] = draw(folds)
    if strategy in {"grouped", "ordered"}:
        validation |= {"folds": draw(st.none() | folds)}
        validation["column"] = "group" if strategy == "grouped" else "time"
    validation["fraction"] = draw(st.sampled_from([0.1, 0.2, 0.4]))
    validation["test_fraction"] = draw(st.sampled_from([0.1, 0.2, 0.5]))
    scaling = st.sampled_from(["standard", "robust", "quantile", "none"])
    return {
        "validation": validation,
        "preprocessing": {
            "scale_features": draw(
                scaling | st.just({"choices": ["standard", "quantile", "piecewise"]})
            ),
            "select_features": draw(st.sampled_from(["auto", None, 2, {"choices": [1, None]}])),
            "scale_target": draw(st.booleans()),
            "log_target": draw(st.sampled_from([True, False, "auto"])),
            "class_weight": draw(st.sampled_from(["auto", "none"])),
        },
        "features": {"categorical": draw(st.sampled_from([(), ("time",)]))},
        "seed": draw(st.integers(0, 3)),
    }


def assert_whole(prepared: Prepared) -> None:
    """Shapes agree, all is finite, and each view is what its fit makes of the raw rows."""
    arrays, rows = prepared.arrays, len(prepared.labelled.y)
    assert arrays.x_VND.shape[:2] == (len(prepared.fits), rows)
    assert len(arrays.folds) == len(prepared.fits)
    assert np.isfinite(arrays.x_VND).all()
    assert np.isfinite(arrays.y_N).all()
    for number, (fit, fold) in enumerate(zip(prepared.fits, arrays.folds, strict=True)):
        x_ND = design_matrix(fit.features, prepared.labelled.raw, numbers=arrays.numbers)
        x_ND[:, fit.dropped] = 0
        assert np.array_equal(arrays.x_VND[fold.view], x_ND)
        inputs = fit.features.numbers
        assert inputs - len(fit.dropped) == min(inputs, fit.choice.select_features or inputs)
        seen, y_train = arrays.rows(number), prepared.labelled.y[fold.train_N]
        assert np.isfinite(seen.y_train_N).all()
        assert np.isfinite(seen.y_val_M).all()
        if fit.target.task is Task.regression:
            assert seen.y_train_N == pytest.approx(fit.target.standardise(y_train), abs=1e-4)
        else:
            assert set(seen.y_train_N) == set(range(len(fit.target.labels)))
        if fold.weight_N is not None:
            assert fold.weight_N.shape == fold.train_N.shape
            assert fold.weight_N.mean() == pytest.approx(1.0, abs=1e-5)


def prepared_or_refused(
    columns: dict[str, Any], job: dict[str, Any]
) -> tuple[Prepared, JobSpec] | Problem | JobFailed:
    """What comes of a job: nothing else may be raised."""
    try:
        table, check = checked_frame(columns, "y", **job)
        return prepare(table, check, max_levels=100), check.spec
    except (Problem, JobFailed) as refused:
        return refused


@settings(max_examples=150, deadline=None)
@given(columns=tables(), job=jobs())
def test_table_is_prepared_whole_and_finite_or_refused_with_a_reason(
    columns: dict[str, Any], job: dict[str, Any]
) -> None:
    match prepared_or_refused(columns, job):
        case Problem() as problem:
            assert problem.field
            assert problem.fix
        case JobFailed() as failed:
            assert failed.reason in {"split_too_small", "split_lacks_a_class"}
            assert "validation." in str(failed)
        case prepared, spec:
            assert len(prepared.fits) == spec.validation.fold_count * len(input_choices(spec))
            assert_whole(prepared)
            assert_whole(prepare_refit(prepared, spec, input_choices(spec)[-1:]))


STRATEGIES: list[dict[str, Any]] = [
    {"strategy": "holdout"},
    {"strategy": "holdout", "fraction": 0.45, "test_fraction": 0.5},
    {"strategy": "kfold", "folds": 2},
    {"strategy": "kfold", "folds": 20, "test_fraction": 0.05},
    {"strategy": "repeated", "folds": 3, "fraction": 0.05},
    {"strategy": "ordered", "column": "x"},
    {"strategy": "ordered", "column": "x", "folds": 4},
    {"strategy": "grouped", "column": "x"},
    {"strategy": "grouped", "column": "x", "folds": 4},
]


@pytest.mark.parametrize("validation", STRATEGIES, ids=str)
def test_smallest_table_that_is_let_through_splits(validation: dict[str, Any]) -> None:
    refused = []
    for rows in range(3, 400):
        x = np.random.default_rng(rows).permutation(rows) + 0.5
        found = prepared_or_refused({"x": x, "z": x, "y": x * 2 + 0.3}, {"validation": validation})
        if isinstance(found, tuple):
            break
        refused.append(type(found))

    assert rows < 300
    assert set(refused) == {TooFewRows}


@pytest.mark.parametrize("validation", STRATEGIES[:5], ids=str)
@pytest.mark.parametrize("rare", [3, 4, 10, 21])
def test_smallest_class_that_is_let_through_is_in_every_part(
    validation: dict[str, Any], rare: int
) -> None:
    y = ["rare"] * rare + ["a", "b"] * 150

    found = prepared_or_refused({"x": np.arange(len(y)) / 2, "y": y}, {"validation": validation})

    needs = 1 + validation["folds"] if validation["strategy"] == "kfold" else 3
    if rare < needs:
        assert isinstance(found, ClassTooSmall)
        return
    assert isinstance(found, tuple)
    splits, y_N = found[0].splits, found[0].labelled.y
    for fold in splits.folds:
        for rows in (fold.train, fold.validation, splits.test):
            assert set(y_N[rows]) == {0.0, 1.0, 2.0}
