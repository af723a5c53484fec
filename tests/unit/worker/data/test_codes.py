"""Piecewise scaling tells the values of a column of codes apart, by the training rows alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.builders.tables import checked_frame
from worker.data.fit import MAX_BINS, MIN_BIN_ROWS
from worker.data.prepare import Prepared, prepare

ROWS, CODES = 1000, 40
RNG = np.random.default_rng(5)
CODE = RNG.integers(1, CODES + 1, ROWS)
WORTH = RNG.normal(size=CODES + 1)
NOISE = 0.3 * RNG.normal(size=ROWS)


def prepared(code: Any, y: Any, scaling: str = "piecewise") -> Prepared:
    table, check = checked_frame(
        {"code": code, "x": NOISE[::-1], "y": y}, "y", preprocessing={"scale_features": scaling}
    )
    return prepare(table, check, max_levels=100)


def count_bins(of: Prepared, column: int = 0) -> int:
    bins = of.fits[0].features.bins
    assert bins is not None
    return int(np.count_nonzero(bins.column_J == column))


def usual_bins(of: Prepared) -> int:
    """How many bins a column has at most whose values are not told apart."""
    bins = min(MAX_BINS, len(of.fits[0].split.train) // MIN_BIN_ROWS)
    assert bins < CODES - 1
    return bins


def test_each_two_codes_have_a_bin_between_them() -> None:
    found = prepared(CODE, WORTH[CODE] + NOISE)

    assert count_bins(found) == CODES - 1
    assert count_bins(found, column=1) == usual_bins(found)
    (fold,) = found.fits
    bins, x_ND = fold.features.bins, found.arrays.x_VND[0]
    assert bins is not None
    seen = {tuple(row[: CODES - 1]) for row in bins.encode(x_ND).tolist()}
    assert len(seen) == CODES
    assert {value for row in seen for value in row} == {-1.0, 1.0}


def test_codes_of_classes_are_told_apart_too() -> None:
    labels = np.where(WORTH[CODE] + NOISE > 0, "good", "bad").tolist()

    assert count_bins(prepared(CODE, labels)) == CODES - 1


@pytest.mark.parametrize(
    ("code", "y"),
    [
        (CODE, CODE + NOISE),
        (CODE, np.sin(CODE / 10) + NOISE),
        (CODE, NOISE),
        (CODE + 0.5, WORTH[CODE] + NOISE),
    ],
    ids=["a line", "a curve", "nothing of it", "no whole numbers"],
)
def test_other_columns_keep_their_bins(code: Any, y: Any) -> None:
    found = prepared(code, y)

    assert count_bins(found) <= usual_bins(found)


def test_rare_codes_have_no_bin() -> None:
    code = CODE.copy()
    code[0] = 77

    assert count_bins(prepared(code, WORTH[CODE] + NOISE)) == CODES - 1


def test_other_ways_of_scaling_see_one_number() -> None:
    found = prepared(CODE, WORTH[CODE] + NOISE, scaling="standard")

    assert found.arrays.x_VND.shape[2] == 2
