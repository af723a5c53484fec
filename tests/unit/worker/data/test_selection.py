"""The inputs that a search keeps: those that tell most of the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.builders.tables import checked_frame
from worker.data.input_choices import InputChoice, input_choices
from worker.data.prepare import Prepared, prepare
from worker.data.selection import find_dropped

RNG = np.random.default_rng(0)
ROWS = 200
X = RNG.normal(size=(ROWS, 6)) * [1, 1e3, 1e-3, 1, 1, 1]
X[:, 5] = 7.0
Y = X[:, 1] / 1e3 - 2 * X[:, 4] + RNG.normal(size=ROWS)


def dropped(count: int, y: Any = Y, *, is_regression: bool = True) -> list[int]:
    x_ND = X.astype(np.float32)
    return [int(i) for i in find_dropped(x_ND, y, count=count, is_regression=is_regression)]


def test_inputs_that_tell_most_are_kept_whatever_their_units() -> None:
    assert dropped(2) == [0, 2, 3, 5]


def test_inputs_of_classes_are_those_that_differ_between_them() -> None:
    classes = np.digitize(X[:, 2], [-5e-4, 5e-4]).astype(float)

    assert dropped(1, classes, is_regression=False) == [0, 1, 3, 4, 5]


@pytest.mark.parametrize("count", [6, 100])
def test_all_are_kept_where_there_are_no_more(count: int) -> None:
    assert dropped(count) == []


def test_an_input_of_one_value_goes_first() -> None:
    assert dropped(5) == [5]


@pytest.mark.parametrize("value", [0.1, 7.0])
def test_an_input_of_one_value_tells_nothing_of_classes(value: float) -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, 1000).astype(float)
    x_ND = np.stack([np.full(1000, value), rng.normal(size=1000)], axis=1).astype(np.float32)

    assert find_dropped(x_ND, classes, count=1, is_regression=False).tolist() == [0]


def test_the_first_inputs_are_dropped_where_none_varies() -> None:
    x_ND = np.full((4, 3), 0.1, dtype=np.float32)

    assert find_dropped(x_ND, np.arange(4.0), count=1, is_regression=True).tolist() == [0, 1]


def test_an_input_that_tells_all_classes_is_kept_beside_one_that_tells_nothing() -> None:
    classes = (np.arange(40) % 2).astype(float)
    x_ND = np.stack([np.arange(40) // 2 % 2, classes], axis=1).astype(np.float32)

    assert find_dropped(x_ND, classes, count=1, is_regression=False).tolist() == [0]


def wide(scaling: Any, selection: Any) -> Prepared:
    """A table of which only `x4`, the city and whether `x1` is missing matter."""
    x = X.astype(object)
    x[::4, 1] = None
    city = np.where(np.random.default_rng(1).random(ROWS) < 0.5, "Lyon", "Nice")
    columns = {f"x{i}": x[:, i].tolist() for i in range(5)} | {"city": city.tolist()}
    y = X[:, 4] + 3 * (city == "Lyon") + 3 * (np.arange(ROWS) % 4 == 0)
    table, check = checked_frame(
        columns | {"y": y},
        "y",
        preprocessing={"scale_features": scaling, "select_features": selection},
        validation={"strategy": "kfold", "folds": 3},
    )
    return prepare(table, check, max_levels=10)


def test_each_view_sees_the_inputs_that_it_keeps() -> None:
    prepared = wide({"choices": ["standard", "piecewise"]}, {"choices": [4, None]})

    # Those that keep all come first, however the choices are ordered.
    assert [fit.choice for fit in prepared.fits[::3]] == [
        InputChoice("standard"),
        InputChoice("piecewise"),
        InputChoice("standard", 4),
        InputChoice("piecewise", 4),
    ]
    for number, fit in enumerate(prepared.fits):
        is_seen_D = np.any(prepared.x_test(number), axis=0)
        bins = prepared.arrays.bins_of(prepared.arrays.folds[number])
        if bins is not None:
            in_bins = [is_seen_D[: len(bins.column_J)][bins.column_J == i].any() for i in range(5)]
            is_seen_D = np.r_[in_bins, is_seen_D[len(bins.column_J) :]]
        # Numbers, then the indicator, then both cities.
        expected = [True] * 8 if fit.choice.select_features is None else [0, 0, 0, 0, 1, 1, 1, 1]
        assert is_seen_D.tolist() == [bool(value) for value in expected]


def test_a_selection_of_one_size_is_every_view() -> None:
    assert {fit.choice for fit in wide("quantile", 2).fits} == {InputChoice("quantile", 2)}


def test_all_inputs_are_kept_where_nobody_decided_on_a_selection() -> None:
    _, check = checked_frame({"x": X[:, 0], "y": Y}, "y")
    preprocessing = check.spec.preprocessing.model_copy(update={"select_features": "auto"})

    spec = check.spec.model_copy(update={"preprocessing": preprocessing})

    assert input_choices(spec) == (InputChoice("standard"),)
